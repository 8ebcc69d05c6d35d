/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * read.c - the bytes of files, with as few copies as there are places to take them from:
 *
 *   stored as they are     out of the image's own pages: mapped here, copied by the kernel
 *   a part of a block      out of the cache of decompressed blocks
 *   whole blocks           decompressed into the answer, past the cache: the kernel keeps them
 */
#include "config.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "libimage/imgfs/answer.h"

enum {
	PREFETCH_WORKERS = 3, /* one decompresses for the reader, one ahead, one for all others */
	SEQ_SLOTS = 256, /* LIMIT: files watched for sequential reading; a clash costs a prefetch */
	/* LIMIT: a worker's view of the image, address space; a start's files fit in two or three */
	WINDOW_BYTES = 1024 * 1024,
	RAW_MIN = 8 * 1024, /* less is copied faster than it is mapped */
};

/*
 * A piece of an image file, mapped. This process never looks at it, only tells the kernel to copy
 * from it: so a file that was cut short is EFAULT to a system call of ours, and no SIGBUS.
 */
struct window {
	uint8_t *at; /* WINDOW_BYTES + READ_MAX of address space */
	bool gone;   /* a mapping failed, and what was there is unmapped: it may be somebody else's now */
	const struct squash *fs; /* NULL: nothing is mapped */
	uint64_t offset;
};

static _Atomic uint64_t sequence[SEQ_SLOTS];

struct window *window_free(struct window *win)
{
	if (win && !win->gone)
		(void)munmap(win->at, WINDOW_BYTES + READ_MAX);
	free(win);
	return NULL;
}

static struct window *window_of(struct worker *w)
{
	struct window *win;
	void *at;

	if (w->window)
		return w->window;
	win = calloc(1, sizeof(*win));
	/* READ_MAX more, so that whatever begins in the window's first part ends in it. */
	at = win ? mmap(NULL, WINDOW_BYTES + READ_MAX, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)
		 : MAP_FAILED;
	if (at == MAP_FAILED) {
		free(win);
		return NULL;
	}
	win->at = at;
	w->window = win;
	return win;
}

/* The bytes at 'off' of the image file, up to READ_MAX, or NULL. */
static const uint8_t *window_at(struct worker *w, const struct squash *fs, uint64_t off)
{
	struct window *win = window_of(w);
	uint64_t begin = off & ~(uint64_t)(WINDOW_BYTES - 1);

	if (!win || win->gone)
		return NULL;
	if (win->fs != fs || win->offset != begin) {
		win->fs = NULL;
		if (mmap(win->at, WINDOW_BYTES + READ_MAX, PROT_READ, MAP_SHARED | MAP_FIXED, squash_fd(fs),
			 (off_t)begin) == MAP_FAILED) {
			/* KERNEL: the old mapping goes before the new one is tried. */
			win->gone = true;
			return NULL;
		}
		win->fs = fs;
		win->offset = begin;
	}
	return win->at + (off - begin);
}

/*
 * Answer from the image's pages. False: not possible; nothing is answered then.
 * KERNEL: an answer whose bytes it could not read ends the request with EIO; a second is not taken.
 */
static bool read_raw(struct worker *w, struct request *r, const struct squash_inode *o, uint64_t off, size_t n)
{
	struct berth_err err = BERTH_ERR_INIT;
	const uint8_t *data;
	uint64_t at;
	size_t len;

	if (n < RAW_MIN || squash_raw(w->squash, o, off, n, &at, &len, &err) <= 0 || len != n)
		return false;
	data = window_at(w, o->fs, at);
	if (!data)
		return false;
	if (reply_data(w, r, data, n) == 0) {
		worker_count(&w->count.raw_bytes, n);
	} else {
		(void)berth_fail(&err, BERTH_ESYS, errno, "cannot read the image");
		reply_damage(w, r, &err);
	}
	return true;
}

/*
 * A file read from front to back: get the next block ready before it is asked for. The kernel
 * gives a server of a user 128 KiB of readahead, which is one block, so it alone would let
 * reader and decompressor take turns.
 */
static void prefetch(struct worker *w, const struct squash_inode *o, uint64_t off, size_t len)
{
	uint32_t bs = squash_info(o->fs)->block_size;
	uint64_t key = (o->ref ^ (uintptr_t)o->fs) * 0x9E3779B97F4A7C15u, end = off + len, before;
	struct berth_err err = BERTH_ERR_INIT;
	struct squash_span span;

	before = atomic_exchange_explicit(&sequence[key >> 56], key + end, memory_order_relaxed);
	if (w->fs->workers < PREFETCH_WORKERS || before != key + off || end >= o->size || end % bs != 0)
		return;
	if (squash_pin(w->squash, o, end, bs, &span, &err) == 0) /* damage is told to who reads it */
		squash_unpin(w->squash, &span);
}

/* 'n' bytes at 'off', which the file has, not all in one block or a block's whole. */
static void read_blocks(struct worker *w, struct request *r, const struct squash_inode *o, uint64_t off, size_t n)
{
	struct berth_err err = BERTH_ERR_INIT;
	ssize_t got;

	if (!worker_scratch(w)) {
		reply_error(w, r, ENOMEM);
		return;
	}
	got = squash_read(w->squash, o, off, w->scratch, n, &err);
	if (got < 0)
		reply_damage(w, r, &err);
	else
		(void)reply_data(w, r, w->scratch, (size_t)got);
}

static void read_file(struct worker *w, struct request *r, const struct squash_inode *o, uint64_t off, size_t n)
{
	uint32_t bs = squash_info(o->fs)->block_size;
	struct berth_err err = BERTH_ERR_INIT;
	struct squash_span span;

	if (off % bs + n > bs || (off % bs == 0 && n == bs)) {
		read_blocks(w, r, o, off, n);
	} else if (squash_pin(w->squash, o, off, n, &span, &err) < 0) {
		reply_damage(w, r, &err);
	} else {
		(void)reply_data(w, r, span.data, span.len);
		squash_unpin(w->squash, &span);
	}
}

void op_read(struct worker *w, struct request *r)
{
	const struct fuse_read_in *in = (const struct fuse_read_in *)r->body;
	struct berth_err err = BERTH_ERR_INIT;
	struct squash_inode o;
	size_t n = in->size;

	if (r->head->nodeid & TREE_VIRTUAL) {
		(void)reply_data(w, r, NULL, 0);
		return;
	}
	if (node_inode(w, r->head->nodeid, &o, &err) < 0) {
		reply_damage(w, r, &err);
		return;
	}
	if (!S_ISREG(o.mode) || in->offset > INT64_MAX || n > READ_MAX) {
		reply_error(w, r, EINVAL);
		return;
	}
	if (in->offset >= o.size)
		n = 0;
	else if (n > o.size - in->offset)
		n = (size_t)(o.size - in->offset);
	if (n == 0) {
		(void)reply_data(w, r, NULL, 0);
		return;
	}
	worker_count(&w->count.read_bytes, n);
	if (read_raw(w, r, &o, in->offset, n))
		return;
	read_file(w, r, &o, in->offset, n);
	prefetch(w, &o, in->offset, n);
}
