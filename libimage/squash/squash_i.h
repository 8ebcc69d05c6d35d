/* SPDX-License-Identifier: BSD-3-Clause */
/* squash_i.h - what the files of the squashfs reader share. Not for other rooms. */
#ifndef BERTH_SQUASH_I_H
#define BERTH_SQUASH_I_H

#include <pthread.h>
#include <stdatomic.h>

#include "libimage/base/err.h"
#include "libimage/squash/cache.h"
#include "libimage/squash/squash.h"
#include "libimage/squash/unpack.h"

/* Of one worker; others may read them at any time. */
struct counts {
	_Atomic uint64_t reads, read_bytes, unpacked;
	struct cache_counts cache;
};

enum {
	META_BYTES = 8192,	 /* of a metadata block, decompressed */
	META_SLOTS = 256,	 /* LIMIT: 2 MiB of metadata */
	WIN_BLOCKS = 1024,	 /* block sizes kept at a time of a file; 128 MiB at 128 KiB */
	WINS = 8,		 /* LIMIT: files a worker reads at once without walking anew */
	BLOCK_RAW = 1 << 24,	 /* flag in a block's size: stored as it is */
	BLOCK_SIZE_MASK = BLOCK_RAW - 1,
};
static const uint32_t NO_FRAGMENT = 0xFFFFFFFFu;
static const uint64_t NO_TABLE = UINT64_MAX;

/* LIMIT: blocks of a file: 16 TiB at 128 KiB. A far read walks the list up to there. */
static const uint64_t FILE_BLOCKS_MAX = 1ull << 27;

struct group {
	uint32_t members; /* that are open */
	uint32_t block_size; /* the largest of them */
	struct cache *meta, *data;
	pthread_mutex_t lock; /* of what follows */
	struct squash_worker *workers;
	struct squash *fs[SQUASH_SHARE_MAX];
	struct counts gone; /* of workers and file systems that are no more */
};

struct squash {
	struct group *group; /* NULL: not yet */
	uint32_t index;	     /* in group->fs */
	struct counts n;     /* while it was opened */
	int fd;
	uint64_t offset, size; /* of the file system in 'fd'; size is bytes_used, checked */
	struct squash_info info;
	uint16_t compressor_id;
	uint32_t fragments;
	uint32_t ids;
	uint64_t id_table, inode_table, dir_table, fragment_table;
	uint64_t dir_end; /* first table behind the directories */
};

/* Sizes of WIN_BLOCKS blocks of one file from block 'first' on. */
struct block_win {
	const struct squash *fs;
	uint64_t ref;
	uint64_t first;
	uint32_t n;
	uint64_t disk, disk_end;       /* where block 'first' lies, and the one behind the last */
	uint64_t meta_block;	       /* where the list goes on */
	uint32_t meta_offset;
	uint64_t stamp;
	uint32_t size[WIN_BLOCKS];
};

struct meta_cur {
	struct squash_worker *w;
	const struct squash *fs;
	struct cache_slot *slot;
	uint64_t block;
	uint32_t off;
	uint64_t lo, hi; /* blocks begin in [lo, hi) */
};

struct squash_worker {
	struct group *group;
	struct squash_worker *next;
	struct counts n;
	struct unpack *unpack;
	uint8_t *packed; /* a compressed block, of the group's block_size, at least META_BYTES */
	uint64_t stamp;
	bool win_valid[WINS];
	struct block_win win[WINS];
};

/* Read exactly 'n' bytes at 'off' of the file system. */
int squash_pread(const struct squash *fs, struct counts *counts, void *buf, size_t n, uint64_t off,
		 struct berth_err *err);

/* Decompress 'n' bytes of w->packed into 'out'; returns the size, or -1. */
int squash_unpack(struct squash_worker *w, const struct squash *fs, uint32_t n, uint8_t *out,
		  uint32_t max, struct berth_err *err);

/* The file system's part of a cache's key, with 'aux' of 32 bits. */
static inline uint64_t squash_aux(const struct squash *fs, uint32_t aux)
{
	return (uint64_t)fs->index << 32 | aux;
}

/* A place in metadata. meta_done() releases what a cursor holds; zeroed is "holds nothing". */
void meta_init(struct meta_cur *m, struct squash_worker *w, const struct squash *fs, uint64_t lo,
	       uint64_t hi);
int meta_seek(struct meta_cur *m, uint64_t block, uint32_t off, struct berth_err *err);
int meta_read(struct meta_cur *m, void *buf, size_t n, struct berth_err *err); /* buf NULL: skip */
void meta_done(struct meta_cur *m);

/* 'n' bytes of record 'i' of a table: pointers at 'table' to metadata blocks of packed records. */
int meta_table(struct squash_worker *w, const struct squash *fs, uint64_t table, uint64_t i, void *buf,
	       uint32_t n, struct berth_err *err);

int squash_damaged(struct berth_err *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
