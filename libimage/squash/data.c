/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * data.c - the bytes of files: whole blocks one behind the other, and a last part that may lie
 * in a fragment block shared with other files.
 *
 * A block that is wanted whole goes straight to who asked: the kernel's page cache keeps it, ours
 * need not. Parts of compressed blocks go through the cache, since their rest is wanted next.
 */
#include "config.h"

#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>

#include "libimage/base/num.h"
#include "libimage/squash/squash_i.h"

/* What sparse blocks hold. Not const: so it takes no room in the program, and never written. */
static uint8_t zeros[1 << 20];

/* A block of data in the image, and the part of it that is the file's. */
struct place {
	const struct squash *fs;
	uint64_t at;
	uint32_t size; /* as the image has it, with BLOCK_RAW; 0: sparse */
	uint32_t base, part;
	bool whole;    /* the file has it for itself: the part is all of it */
};

/* Where block 'i' of 'f' lies. It has one: i * block size < f->size. */
static int find_place(struct squash_worker *w, const struct squash_inode *f, uint64_t i, struct place *ret,
		      struct berth_err *err)
{
	const struct squash *fs = f->fs;
	uint64_t left = f->size - (i << fs->block_log);
	uint8_t raw[FRAGMENT_BYTES];

	*ret = (struct place){ .fs = fs, .whole = i < file_blocks(f) };
	ret->part = left < fs->info.block_size ? (uint32_t)left : fs->info.block_size;
	if (ret->whole) {
		if (file_block(w, f, i, &ret->at, &ret->size, err) < 0)
			return -1;
	} else {
		if (meta_table(w, &fs->fragments, f->fragment, raw, err) < 0)
			return -1;
		ret->at = num_le64(raw);
		ret->size = num_le32(raw + 8);
		ret->base = f->fragment_offset;
		if (block_bytes(ret->size) == 0 || block_bytes(ret->size) > fs->info.block_size)
			return squash_damaged(err, "a fragment of size 0x%" PRIx32, ret->size);
	}
	if (ret->size > 0 && (ret->at > fs->size || block_bytes(ret->size) > fs->size - ret->at))
		return squash_damaged(err, "a block at %" PRIu64 " lies outside", ret->at);
	return 0;
}

static bool part_fits(const struct place *p, uint64_t len)
{
	return p->whole ? len == p->part : p->base <= len && p->part <= len - p->base;
}

static int too_short(struct berth_err *err)
{
	return squash_damaged(err, "a block has not the size that its file says");
}

/* Put the block, 'max' bytes at most, at 'out'. Returns its size, or -1. */
static int load(struct squash_worker *w, const struct place *p, uint8_t *out, uint32_t max,
		struct berth_err *err)
{
	uint32_t n = block_bytes(p->size);

	if (p->size & BLOCK_RAW) {
		if (n > max)
			return too_short(err);
		return squash_pread(p->fs, &w->n, out, n, p->at, err) < 0 ? -1 : (int)n;
	}
	if (squash_pread(p->fs, &w->n, w->packed, n, p->at, err) < 0)
		return -1;
	return squash_unpack(w, p->fs, w->packed, n, out, max, err);
}

struct load_arg {
	struct squash_worker *w;
	const struct place *p;
};

static int load_slot(void *arg, struct cache_slot *slot, struct berth_err *err)
{
	const struct load_arg *a = arg;
	int got = load(a->w, a->p, slot->data, a->p->fs->info.block_size, err);

	if (got < 0)
		return -1;
	slot->len = (uint32_t)got;
	return 0;
}

/* The file's part of the block, from its byte 'skip' on, at most 'len' of it, in the cache. */
static int pin(struct squash_worker *w, const struct place *p, uint32_t skip, size_t len,
	       struct squash_span *ret, struct berth_err *err)
{
	struct load_arg a = { .w = w, .p = p };

	*ret = (struct squash_span){ .data = zeros + skip, .len = p->part - skip };
	if (ret->len > len)
		ret->len = len;
	if (p->size == 0)
		return 0;
	ret->slot = cache_get(w->group->data, &w->n.cache, p->at, squash_aux(p->fs, p->size), load_slot, &a,
			      err);
	if (!ret->slot)
		return -1;
	if (!part_fits(p, ret->slot->len)) {
		squash_unpin(w, ret);
		return too_short(err);
	}
	ret->data = ret->slot->data + p->base + skip;
	return 0;
}

int squash_pin(struct squash_worker *w, const struct squash_inode *file, uint64_t off, size_t len,
	       struct squash_span *ret, struct berth_err *err)
{
	struct place p;

	*ret = (struct squash_span){ .data = zeros };
	if (!S_ISREG(file->mode))
		return berth_fail(err, BERTH_EBUG, 0, "not a file");
	if (off >= file->size || len == 0)
		return 0;
	if (find_place(w, file, off >> file->fs->block_log, &p, err) < 0)
		return -1;
	return pin(w, &p, (uint32_t)(off & (file->fs->info.block_size - 1)), len, ret, err);
}

void squash_unpin(struct squash_worker *w, struct squash_span *span)
{
	cache_put(w->group->data, &w->n.cache, span->slot);
	span->slot = NULL;
}

/* Copy the file's part of the block from its byte 'skip' on, at most 'len' of it. */
static ssize_t copy(struct squash_worker *w, const struct place *p, uint32_t skip, uint8_t *buf, size_t len,
		    struct berth_err *err)
{
	struct squash_span span;

	if (len > p->part - skip)
		len = p->part - skip;
	if (p->size == 0) {
		memset(buf, 0, len);
		return (ssize_t)len;
	}
	if (p->size & BLOCK_RAW) { /* no work was done that a cache could spare the next one */
		if (!part_fits(p, block_bytes(p->size)))
			return too_short(err);
		return squash_pread(p->fs, &w->n, buf, len, p->at + p->base + skip, err) < 0 ? -1 : (ssize_t)len;
	}
	if (p->whole && len == p->part &&
	    !cache_has(w->group->data, p->at, squash_aux(p->fs, p->size))) {
		int got = load(w, p, buf, p->part, err);

		count(&w->n.cache.misses, 1);
		return got < 0 || part_fits(p, (uint32_t)got) ? got : too_short(err);
	}
	if (pin(w, p, skip, len, &span, err) < 0)
		return -1;
	memcpy(buf, span.data, span.len);
	squash_unpin(w, &span);
	return (ssize_t)span.len;
}

ssize_t squash_read(struct squash_worker *w, const struct squash_inode *file, uint64_t off, void *buf,
		    size_t len, struct berth_err *err)
{
	uint32_t mask = file->fs->info.block_size - 1;
	uint8_t *out = buf;
	size_t done = 0;

	if (!S_ISREG(file->mode))
		return berth_fail(err, BERTH_EBUG, 0, "not a file");
	if (off >= file->size)
		return 0;
	if (len > file->size - off)
		len = (size_t)(file->size - off);
	while (done < len) {
		struct place p;
		ssize_t got;

		if (find_place(w, file, (off + done) >> file->fs->block_log, &p, err) < 0)
			return -1;
		got = copy(w, &p, (uint32_t)(off + done) & mask, out + done, len - done, err);
		if (got < 0)
			return -1;
		done += (size_t)got;
	}
	return (ssize_t)done;
}

/* Does the file's part of the block lie in the image as it is? Damage is for squash_read() to find. */
static bool is_raw(const struct place *p)
{
	return p->size & BLOCK_RAW && part_fits(p, block_bytes(p->size));
}

int squash_raw(struct squash_worker *w, const struct squash_inode *file, uint64_t off, size_t len,
	       uint64_t *ret_at, size_t *ret_len, struct berth_err *err)
{
	uint32_t skip = (uint32_t)off & (file->fs->info.block_size - 1);
	uint64_t i = off >> file->fs->block_log, at, n;
	struct place p;

	if (!S_ISREG(file->mode))
		return berth_fail(err, BERTH_EBUG, 0, "not a file");
	if (off >= file->size || len == 0)
		return 0;
	if (find_place(w, file, i, &p, err) < 0)
		return -1;
	if (!is_raw(&p))
		return 0;
	at = p.at + p.base + skip;
	for (n = p.part - skip; p.whole && n < len && off + n < file->size; n += p.part) {
		uint64_t end = at + n;

		if (find_place(w, file, ++i, &p, err) < 0)
			return -1;
		if (!is_raw(&p) || p.at + p.base != end)
			break;
	}
	if (n > len)
		n = len;
	*ret_at = file->fs->offset + at;
	*ret_len = (size_t)n;
	return 1;
}
