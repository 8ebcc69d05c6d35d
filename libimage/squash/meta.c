/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * meta.c - metadata: blocks of up to 8 KiB, each behind a two-byte length, read as a stream.
 *
 * A block is found by where its length lies, relative to nothing; a stream goes on in the
 * block behind. Both ends of a table are checked for every block.
 */
#include "config.h"

#include <inttypes.h>
#include <string.h>

#include "libimage/base/num.h"
#include "libimage/squash/squash_i.h"

enum { META_RAW = 1 << 15 };

struct meta_load_arg {
	struct squash_worker *w;
	const struct squash *fs;
	uint64_t at;
};

static int meta_load(void *arg, struct cache_slot *slot, struct berth_err *err)
{
	const struct meta_load_arg *a = arg;
	struct squash_worker *w = a->w;
	uint8_t head[2];
	uint32_t n;
	int got;

	if (squash_pread(a->fs, &w->n, head, sizeof(head), a->at, err) < 0)
		return -1;
	n = num_le16(head) & (META_RAW - 1);
	if (n == 0 || n > META_BYTES)
		return squash_damaged(err, "a metadata block of %" PRIu32 " bytes at %" PRIu64, n, a->at);
	slot->next = a->at + sizeof(head) + n;
	if (num_le16(head) & META_RAW) {
		slot->len = n;
		return squash_pread(a->fs, &w->n, slot->data, n, a->at + sizeof(head), err);
	}
	if (squash_pread(a->fs, &w->n, w->packed, n, a->at + sizeof(head), err) < 0)
		return -1;
	got = squash_unpack(w, a->fs, n, slot->data, META_BYTES, err);
	if (got < 0)
		return -1;
	slot->len = (uint32_t)got;
	return 0;
}

void meta_init(struct meta_cur *m, struct squash_worker *w, const struct squash *fs, uint64_t lo,
	       uint64_t hi)
{
	*m = (struct meta_cur){ .w = w, .fs = fs, .lo = lo, .hi = hi };
}

void meta_done(struct meta_cur *m)
{
	cache_put(m->w->group->meta, &m->w->n.cache, m->slot);
	m->slot = NULL;
}

int meta_seek(struct meta_cur *m, uint64_t block, uint32_t off, struct berth_err *err)
{
	struct meta_load_arg a = { .w = m->w, .fs = m->fs, .at = block };

	if (!m->slot || m->block != block) {
		meta_done(m);
		if (block < m->lo || block >= m->hi)
			return squash_damaged(err, "metadata at %" PRIu64 " lies outside its table", block);
		m->slot = cache_get(m->w->group->meta, &m->w->n.cache, block, squash_aux(m->fs, 0),
				    meta_load, &a, err);
		if (!m->slot)
			return -1;
		m->block = block;
	}
	if (off > m->slot->len)
		return squash_damaged(err, "offset %" PRIu32 " lies outside a metadata block", off);
	m->off = off;
	return 0;
}

int meta_read(struct meta_cur *m, void *buf, size_t n, struct berth_err *err)
{
	uint8_t *p = buf;

	while (n > 0) {
		size_t part = m->slot->len - m->off;

		if (part == 0) {
			if (meta_seek(m, m->slot->next, 0, err) < 0)
				return -1;
			continue;
		}
		if (part > n)
			part = n;
		if (p) {
			memcpy(p, m->slot->data + m->off, part);
			p += part;
		}
		m->off += (uint32_t)part;
		n -= part;
	}
	return 0;
}

int meta_table(struct squash_worker *w, const struct squash *fs, uint64_t table, uint64_t i, void *buf,
	       uint32_t n, struct berth_err *err)
{
	uint32_t per_block = META_BYTES / n;
	struct meta_cur m;
	uint8_t ptr[8];
	int rc;

	if (squash_pread(fs, &w->n, ptr, sizeof(ptr), table + i / per_block * sizeof(ptr), err) < 0)
		return -1;
	meta_init(&m, w, fs, 0, fs->size);
	rc = meta_seek(&m, num_le64(ptr), (uint32_t)(i % per_block) * n, err);
	if (rc == 0)
		rc = meta_read(&m, buf, n, err);
	meta_done(&m);
	return rc;
}
