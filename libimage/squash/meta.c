/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * meta.c - metadata: blocks of up to 8 KiB, each behind a two-byte length, read as a stream.
 *
 * A block is found by where its length lies, relative to nothing; a stream goes on in the
 * block behind. Both ends of a table are checked for every block.
 *
 * A worker reads ahead, since the next block is most often the one behind, and keeps the blocks
 * it used last pinned: listing a directory takes one of listings and one of inodes by turns,
 * and then needs nothing that other workers write to.
 */
#include "config.h"

#include <inttypes.h>
#include <string.h>

#include "libimage/base/cleanup.h"
#include "libimage/base/num.h"
#include "libimage/squash/squash_i.h"

enum {
	META_RAW = 1 << 15,
	HEAD_BYTES = 2,
	PTR_BYTES = 8,
	CHUNK_PTRS = META_BYTES / PTR_BYTES, /* of a table, in one slot of the cache */
};

struct load_arg {
	struct squash_worker *w;
	const struct squash *fs;
	uint64_t at;
	uint32_t n; /* of pointers: bytes */
};

/* 'n' bytes at 'at', of what was read ahead or is now. NULL and *err. */
static const uint8_t *ahead(struct squash_worker *w, const struct squash *fs, uint64_t at, uint32_t n,
			    struct berth_err *err)
{
	struct ahead *a = &w->ahead[at >= fs->dir_table];
	uint64_t room = at < fs->size ? fs->size - at : 0;

	if (a->fs == fs && at >= a->at && at - a->at <= a->n && n <= a->n - (at - a->at))
		return a->data + (at - a->at);
	if (n > room) {
		squash_damaged(err, "%" PRIu32 " bytes at %" PRIu64 " lie outside", n, at);
		return NULL;
	}
	a->fs = NULL;
	a->at = at;
	a->n = room < sizeof(a->data) ? (uint32_t)room : (uint32_t)sizeof(a->data);
	if (squash_pread(fs, &w->n, a->data, a->n, at, err) < 0)
		return NULL;
	a->fs = fs;
	return a->data;
}

static int load_block(void *arg, struct cache_slot *slot, struct berth_err *err)
{
	const struct load_arg *a = arg;
	const uint8_t *raw = ahead(a->w, a->fs, a->at, HEAD_BYTES, err);
	uint16_t head;
	uint32_t n;
	int got;

	if (!raw)
		return -1;
	head = num_le16(raw);
	n = head & (META_RAW - 1);
	if (n == 0 || n > META_BYTES)
		return squash_damaged(err, "a metadata block of %" PRIu32 " bytes at %" PRIu64, n, a->at);
	raw = ahead(a->w, a->fs, a->at, HEAD_BYTES + n, err);
	if (!raw)
		return -1;
	raw += HEAD_BYTES;
	slot->next = a->at + HEAD_BYTES + n;
	slot->len = n;
	if (head & META_RAW) {
		memcpy(slot->data, raw, n);
		return 0;
	}
	got = squash_unpack(a->w, a->fs, raw, n, slot->data, META_BYTES, err);
	if (got < 0)
		return -1;
	slot->len = (uint32_t)got;
	return 0;
}

static int load_ptrs(void *arg, struct cache_slot *slot, struct berth_err *err)
{
	const struct load_arg *a = arg;

	slot->len = a->n;
	return squash_pread(a->fs, &a->w->n, slot->data, a->n, a->at, err);
}

/*
 * What a slot of the cache holds: a block (0), or so many bytes of pointers of a table. Two tables
 * of an image may claim to have theirs in one place, and differ in how many.
 */
static uint64_t aux_of(const struct squash *fs, uint32_t ptr_bytes)
{
	return squash_aux(fs, ptr_bytes);
}

/* The block at 'at', or with 'n' so many bytes of pointers, pinned. */
static struct cache_slot *slot_get(struct squash_worker *w, const struct squash *fs, uint64_t at, uint32_t n,
				   struct berth_err *err)
{
	struct load_arg a = { .w = w, .fs = fs, .at = at, .n = n };
	uint64_t aux = aux_of(fs, n);

	for (int i = 0; i < META_KEPT; i++) {
		struct kept *k = &w->kept[i];

		if (k->slot && k->at == at && k->aux == aux) {
			count(&w->n.cache.hits, 1);
			return take_ptr(&k->slot);
		}
	}
	return cache_get(w->group->meta, &w->n.cache, at, aux, n ? load_ptrs : load_block, &a, err);
}

/* Give a slot back: it is kept, and the one that was given back longest ago no more. */
static void slot_put(struct squash_worker *w, uint64_t at, uint64_t aux, struct cache_slot *slot)
{
	struct kept last = { .at = at, .aux = aux, .slot = slot };

	for (int i = 0; i < META_KEPT && last.slot; i++) {
		struct kept k = w->kept[i];

		w->kept[i] = last;
		last = k;
	}
	cache_put(w->group->meta, &w->n.cache, last.slot);
}

void meta_forget(struct squash_worker *w)
{
	for (int i = 0; i < META_KEPT; i++)
		cache_put(w->group->meta, &w->n.cache, take_ptr(&w->kept[i].slot));
}

void meta_init(struct meta_cur *m, struct squash_worker *w, const struct squash *fs, uint64_t lo,
	       uint64_t hi)
{
	*m = (struct meta_cur){ .w = w, .fs = fs, .lo = lo, .hi = hi };
}

void meta_done(struct meta_cur *m)
{
	if (m->slot)
		slot_put(m->w, m->block, aux_of(m->fs, 0), take_ptr(&m->slot));
}

int meta_seek(struct meta_cur *m, uint64_t block, uint32_t off, struct berth_err *err)
{
	if (!m->slot || m->block != block) {
		meta_done(m);
		if (block < m->lo || block >= m->hi)
			return squash_damaged(err, "metadata at %" PRIu64 " lies outside its table", block);
		m->slot = slot_get(m->w, m->fs, block, 0, err);
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
			if (m->slot->len < META_LEAST && ++m->small > META_SMALL_MAX)
				return squash_damaged(err, "metadata in blocks of %" PRIu32 " bytes", m->slot->len);
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

/* Where block 'i' of a table of 'blocks' lies. */
static int table_ptr(struct squash_worker *w, const struct table *t, uint64_t i, uint64_t blocks,
		     uint64_t *ret, struct berth_err *err)
{
	uint64_t first = i / CHUNK_PTRS * CHUNK_PTRS, at = t->at + first * PTR_BYTES;
	uint64_t n = blocks - first < CHUNK_PTRS ? blocks - first : CHUNK_PTRS;
	struct cache_slot *slot = slot_get(w, t->fs, at, (uint32_t)n * PTR_BYTES, err);

	if (!slot)
		return -1;
	*ret = num_le64(slot->data + (i - first) * PTR_BYTES);
	slot_put(w, at, aux_of(t->fs, (uint32_t)n * PTR_BYTES), slot);
	return 0;
}

int meta_table(struct squash_worker *w, const struct table *t, uint32_t i, void *buf,
	       struct berth_err *err)
{
	uint32_t per_block;
	uint64_t block;
	struct meta_cur m;
	int rc;

	if (i >= t->n)
		return squash_damaged(err, "%s %" PRIu32 " of %" PRIu32, t->what, i, t->n);
	per_block = META_BYTES / t->record;
	if (table_ptr(w, t, i / per_block, ((uint64_t)t->n + per_block - 1) / per_block, &block, err) < 0)
		return -1;
	meta_init(&m, w, t->fs, SUPER_BYTES, t->at);
	rc = meta_seek(&m, block, i % per_block * t->record, err);
	if (rc == 0)
		rc = meta_read(&m, buf, t->record, err);
	meta_done(&m);
	return rc;
}
