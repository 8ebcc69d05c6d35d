/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * data.c - the bytes of files: whole blocks one behind the other, and a last part that may lie
 * in a fragment block shared with other files.
 *
 * Where block i lies is the sum of the sizes before it, which stand behind the inode. A worker
 * keeps windows of WIN_BLOCKS sizes of the files it read last, so that reading a large file
 * through does not add up its list again for each read.
 */
#include "config.h"

#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>

#include "libimage/base/num.h"
#include "libimage/squash/squash_i.h"

/* What sparse blocks hold. Not const: so it takes no room in the program, and never written. */
static uint8_t zeros[1 << 20];

struct data_load_arg {
	struct squash_worker *w;
	const struct squash *fs;
	uint64_t at;
	uint32_t size; /* as the image has it, with BLOCK_RAW */
};

static int data_load(void *arg, struct cache_slot *slot, struct berth_err *err)
{
	const struct data_load_arg *a = arg;
	struct squash_worker *w = a->w;
	uint32_t n = a->size & BLOCK_SIZE_MASK;
	int got;

	if (a->size & ~(uint32_t)(BLOCK_RAW | BLOCK_SIZE_MASK) || n == 0 || n > a->fs->info.block_size)
		return squash_damaged(err, "a data block of size 0x%" PRIx32, a->size);
	if (a->size & BLOCK_RAW) {
		slot->len = n;
		return squash_pread(a->fs, &w->n, slot->data, n, a->at, err);
	}
	if (squash_pread(a->fs, &w->n, w->packed, n, a->at, err) < 0)
		return -1;
	got = squash_unpack(w, a->fs, n, slot->data, a->fs->info.block_size, err);
	if (got < 0)
		return -1;
	slot->len = (uint32_t)got;
	return 0;
}

static uint64_t whole_blocks(const struct squash *s, const struct squash_inode *f)
{
	uint64_t n = f->size / s->info.block_size;

	return f->fragment == NO_FRAGMENT && f->size % s->info.block_size ? n + 1 : n;
}

/* The window to go on from to reach block 'i' of 'f' (NULL: from the start), and one to reuse. */
static struct block_win *win_find(struct squash_worker *w, const struct squash_inode *f, uint64_t i,
				  struct block_win **near_ret)
{
	struct block_win *oldest = &w->win[0], *best = NULL;

	for (int k = 0; k < WINS; k++) {
		struct block_win *b = &w->win[k];

		if (!w->win_valid[k] || b->stamp < oldest->stamp)
			oldest = b;
		if (!w->win_valid[k] || b->fs != f->fs || b->ref != f->ref || b->first > i)
			continue;
		if (!best || b->first > best->first)
			best = b;
	}
	*near_ret = best;
	return oldest;
}

/* Make 'b' the window of 'f' that begins at block 'first', whose list goes on at 'm'. */
static int win_fill(struct squash_worker *w, struct block_win *b, const struct squash_inode *f,
		    uint64_t first, uint64_t disk, struct meta_cur *m, struct berth_err *err)
{
	uint64_t left = whole_blocks(f->fs, f) - first;
	uint8_t raw[WIN_BLOCKS * 4];

	w->win_valid[b - w->win] = false;
	b->fs = f->fs;
	b->ref = f->ref;
	b->first = first;
	b->n = left < WIN_BLOCKS ? (uint32_t)left : WIN_BLOCKS;
	b->disk = b->disk_end = disk;
	if (meta_read(m, raw, (size_t)b->n * 4, err) < 0)
		return -1;
	for (uint32_t k = 0; k < b->n; k++) {
		b->size[k] = num_le32(raw + (size_t)k * 4);
		b->disk_end += b->size[k] & BLOCK_SIZE_MASK;
	}
	b->meta_block = m->block;
	b->meta_offset = m->off;
	w->win_valid[b - w->win] = true;
	return 0;
}

/* Where block 'i' of 'f' lies, and its size. */
static int find_block(struct squash_worker *w, const struct squash_inode *f, uint64_t i, uint64_t *at,
		      uint32_t *size, struct berth_err *err)
{
	struct block_win *b, *spare = win_find(w, f, i, &b);
	struct meta_cur m;
	int rc = 0;

	meta_init(&m, w, f->fs, f->fs->inode_table, f->fs->dir_table);
	if (!b) {
		b = spare;
		rc = meta_seek(&m, f->tail_block, f->tail_offset, err);
		if (rc == 0)
			rc = win_fill(w, b, f, 0, f->data_start, &m, err);
	} else if (i >= b->first + b->n) {
		uint64_t first = b->first + b->n, disk = b->disk_end;

		rc = meta_seek(&m, b->meta_block, b->meta_offset, err);
		b = spare;
		if (rc == 0)
			rc = win_fill(w, b, f, first, disk, &m, err);
	}
	while (rc == 0 && i >= b->first + b->n)
		rc = win_fill(w, b, f, b->first + b->n, b->disk_end, &m, err);
	meta_done(&m);
	if (rc < 0)
		return -1;
	b->stamp = ++w->stamp;
	*at = b->disk;
	for (uint32_t k = 0; k < i - b->first; k++)
		*at += b->size[k] & BLOCK_SIZE_MASK;
	*size = b->size[i - b->first];
	return 0;
}

static int find_fragment(struct squash_worker *w, const struct squash_inode *f, uint64_t *at,
			 uint32_t *size, struct berth_err *err)
{
	uint8_t raw[16];

	if (meta_table(w, f->fs, f->fs->fragment_table, f->fragment, raw, sizeof(raw), err) < 0)
		return -1;
	*at = num_le64(raw);
	*size = num_le32(raw + 8);
	return 0;
}

int squash_pin(struct squash_worker *w, const struct squash_inode *file, uint64_t off, size_t len,
	       struct squash_span *ret, struct berth_err *err)
{
	uint32_t bs = file->fs->info.block_size, skip = (uint32_t)(off % bs), base = 0;
	uint64_t i = off / bs, part;
	struct data_load_arg a = { .w = w, .fs = file->fs };

	*ret = (struct squash_span){ .data = zeros };
	if (!S_ISREG(file->mode))
		return berth_fail(err, BERTH_EBUG, 0, "not a file");
	if (off >= file->size || len == 0)
		return 0;
	part = file->size - i * bs < bs ? file->size - i * bs : bs; /* of the file in this block */
	if (i < whole_blocks(file->fs, file)) {
		if (find_block(w, file, i, &a.at, &a.size, err) < 0)
			return -1;
	} else {
		if (find_fragment(w, file, &a.at, &a.size, err) < 0)
			return -1;
		base = file->fragment_offset;
		if ((a.size & BLOCK_SIZE_MASK) == 0)
			return squash_damaged(err, "an empty fragment");
	}
	ret->len = part - skip < len ? (size_t)(part - skip) : len;
	if ((a.size & BLOCK_SIZE_MASK) == 0) { /* sparse */
		ret->data = zeros + skip;
		return 0;
	}
	ret->slot = cache_get(w->group->data, &w->n.cache, a.at, squash_aux(file->fs, a.size), data_load, &a,
			      err);
	if (!ret->slot)
		return -1;
	if (base > ret->slot->len || part > ret->slot->len - base) {
		squash_unpin(w, ret);
		return squash_damaged(err, "a block is shorter than its file");
	}
	ret->data = ret->slot->data + base + skip;
	return 0;
}

void squash_unpin(struct squash_worker *w, struct squash_span *span)
{
	cache_put(w->group->data, &w->n.cache, span->slot);
	span->slot = NULL;
}

ssize_t squash_read(struct squash_worker *w, const struct squash_inode *file, uint64_t off, void *buf,
		    size_t len, struct berth_err *err)
{
	uint8_t *p = buf;
	size_t done = 0;

	while (done < len) {
		struct squash_span span;

		if (squash_pin(w, file, off + done, len - done, &span, err) < 0)
			return -1;
		if (span.len == 0)
			break;
		memcpy(p + done, span.data, span.len);
		done += span.len;
		squash_unpin(w, &span);
	}
	return (ssize_t)done;
}
