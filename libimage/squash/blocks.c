/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * blocks.c - where the whole blocks of a file lie.
 *
 * Block i lies behind the ones before it, whose sizes stand behind the inode. A worker keeps
 * windows of WIN_BLOCKS sizes, added up, of the files it read last, so that reading a large file
 * through, or here and there, does not add up its list again for each read.
 */
#include "config.h"

#include <inttypes.h>

#include "libimage/base/num.h"
#include "libimage/squash/squash_i.h"

enum { WIN_RAW = 1u << 31 }; /* in block_win.end: the block is stored as it is */

uint64_t file_blocks(const struct squash_inode *f)
{
	uint64_t n = f->size >> f->fs->block_log;

	return f->fragment == NO_FRAGMENT && f->size & (f->fs->info.block_size - 1) ? n + 1 : n;
}

/* The window to go on from to reach block 'i' of 'f' (NULL: from the start), and one to reuse. */
static struct block_win *win_find(struct squash_worker *w, const struct squash_inode *f, uint64_t i,
				  struct block_win **near_ret)
{
	struct block_win *oldest = &w->win[0], *best = NULL;

	for (int k = 0; k < WINS; k++) {
		struct block_win *b = &w->win[k];

		if (!b->fs || b->stamp < oldest->stamp)
			oldest = b;
		if (b->fs != f->fs || b->ref != f->ref || b->first > i)
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
	uint64_t left = file_blocks(f) - first;
	uint32_t n = left < WIN_BLOCKS ? (uint32_t)left : WIN_BLOCKS, end = 0;
	uint8_t raw[WIN_BLOCKS * 4];

	b->fs = NULL;
	if (meta_read(m, raw, (size_t)n * 4, err) < 0)
		return -1;
	for (uint32_t k = 0; k < n; k++) {
		uint32_t size = num_le32(raw + (size_t)k * 4);

		if (block_bytes(size) > f->fs->info.block_size)
			return squash_damaged(err, "a data block of size 0x%" PRIx32, size);
		end += block_bytes(size);
		b->end[k] = end | (size & BLOCK_RAW ? WIN_RAW : 0);
	}
	b->fs = f->fs;
	b->ref = f->ref;
	b->first = first;
	b->n = n;
	b->disk = disk;
	b->meta_block = m->block;
	b->meta_offset = m->off;
	b->stamp = ++w->stamp;
	return 0;
}

static uint64_t win_end(const struct block_win *b)
{
	return b->disk + (b->end[b->n - 1] & ~WIN_RAW);
}

/* The window that has block 'i' of 'f', from 'near' on or from the start; NULL and *err. */
static struct block_win *win_reach(struct squash_worker *w, const struct squash_inode *f, uint64_t i,
				   struct block_win *near, struct block_win *spare, struct berth_err *err)
{
	struct meta_cur m;
	int rc;

	meta_init(&m, w, f->fs, f->fs->inode_table, f->fs->dir_table);
	if (near) {
		uint64_t first = near->first + near->n, disk = win_end(near);

		rc = meta_seek(&m, near->meta_block, near->meta_offset, err);
		if (rc == 0)
			rc = win_fill(w, spare, f, first, disk, &m, err);
	} else {
		rc = meta_seek(&m, f->tail_block, f->tail_offset, err);
		if (rc == 0)
			rc = win_fill(w, spare, f, 0, f->data_start, &m, err);
	}
	while (rc == 0 && i >= spare->first + spare->n)
		rc = win_fill(w, spare, f, spare->first + spare->n, win_end(spare), &m, err);
	meta_done(&m);
	return rc == 0 ? spare : NULL;
}

int file_block(struct squash_worker *w, const struct squash_inode *f, uint64_t i, uint64_t *ret_at,
	       uint32_t *ret_size, struct berth_err *err)
{
	struct block_win *b, *spare = win_find(w, f, i, &b);
	uint32_t k, start;

	if (!b || i >= b->first + b->n)
		b = win_reach(w, f, i, b, spare, err);
	if (!b)
		return -1;
	b->stamp = ++w->stamp;
	k = (uint32_t)(i - b->first);
	start = k > 0 ? b->end[k - 1] & ~WIN_RAW : 0;
	*ret_at = b->disk + start;
	*ret_size = (b->end[k] & ~WIN_RAW) - start;
	if (*ret_size > 0 && b->end[k] & WIN_RAW)
		*ret_size |= BLOCK_RAW;
	return 0;
}
