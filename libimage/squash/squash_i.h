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
	/* LIMIT: writers fill the blocks of a stream; with a block a byte, one read of a file would walk
	 * through millions. So few may be smaller than that. */
	META_LEAST = 1024,
	META_SMALL_MAX = 64, /* LIMIT: see above */
	DIR_MEMOS = 8,		 /* LIMIT: of a stack's parts of one directory */
	META_SLOTS = 256,	 /* LIMIT: 2 MiB of metadata */
	META_KEPT = 4,		 /* of a listing, of inodes, of fragments, and its table's pointers */
	META_AHEAD = 16384,	 /* read at a time; at least a block and its length */
	IDS_KEPT = 8,		 /* owners a worker remembers */
	SUPER_BYTES = 96,
	ID_BYTES = 4,
	FRAGMENT_BYTES = 16,	 /* position, size, 4 unused */
	XATTR_SET_BYTES = 16,	 /* reference, how many pairs, bytes in all */
	WIN_BLOCKS = 1024,	 /* block sizes kept at a time of a file; 128 MiB at 128 KiB */
	WINS = 8,		 /* LIMIT: files a worker reads at once without walking anew */
	BLOCK_RAW = 1 << 24,	 /* flag in a block's size: stored as it is */
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

/* 'n' records of 'record' bytes, packed in metadata blocks, whose pointers lie at 'at'. */
struct table {
	const struct squash *fs;
	const char *what;
	uint64_t at;
	uint32_t n, record;
};

struct squash {
	struct group *group; /* NULL: not yet */
	uint32_t index;	     /* in group->fs */
	struct counts n;     /* while it was opened */
	int fd;
	uint64_t offset, size; /* of the file system in 'fd'; size is bytes_used, checked */
	struct squash_info info;
	uint16_t compressor_id;
	uint32_t block_log;
	struct table ids, fragments, xattrs;
	uint64_t inode_table, dir_table;
	uint64_t xattr_start, xattr_end; /* of names and values; references count from the start */
	uint64_t dir_end; /* first table behind the directories */
};

/* Where WIN_BLOCKS blocks of one file lie, from block 'first' on. fs NULL: none. */
struct block_win {
	const struct squash *fs;
	uint64_t ref;
	uint64_t first;
	uint32_t n;
	uint64_t disk;		  /* where block 'first' lies */
	uint64_t meta_block;	  /* where the list goes on */
	uint32_t meta_offset;
	uint64_t stamp;
	uint32_t end[WIN_BLOCKS]; /* of each block, from 'disk' on; see blocks.c */
};

struct meta_cur {
	struct squash_worker *w;
	const struct squash *fs;
	struct cache_slot *slot;
	uint64_t block;
	uint32_t off;
	uint64_t lo, hi; /* blocks begin in [lo, hi) */
	uint32_t small; /* blocks left behind that were not full */
};

/* Bytes of an image that were read in one piece; fs NULL: none. */
struct ahead {
	const struct squash *fs;
	uint64_t at;
	uint32_t n;
	uint8_t data[META_AHEAD];
};

/* A slot of the metadata cache that stays pinned though nobody reads it. */
struct kept {
	struct cache_slot *slot;
	uint64_t at, aux;
};

struct id_kept {
	const struct squash *fs;
	uint32_t i, id;
};

/*
 * How far the last look-up in a directory came: all names up to 'name' lie before the place, all
 * others behind it. Names looked up in order, as when listings of a stack are compared, cost one
 * walk in all.
 */
struct dir_memo {
	const struct squash *fs; /* NULL: none */
	uint64_t ref;
	uint64_t block, pos;
	uint32_t off, run, run_block, run_ino;
	char name[SQUASH_NAME_MAX + 1];
};

struct squash_worker {
	struct group *group;
	struct squash_worker *next;
	struct counts n;
	struct unpack *unpack;
	uint8_t *packed; /* a compressed block of data, of the group's block_size */
	struct ahead ahead[2]; /* of inodes, and of all that lies behind them */
	struct kept kept[META_KEPT];
	struct id_kept ids[IDS_KEPT];
	uint64_t stamp;
	struct block_win win[WINS];
	struct dir_memo memo[DIR_MEMOS];
	uint32_t memo_next; /* to be used anew */
};

/* Read exactly 'n' bytes at 'off' of the file system. */
int squash_pread(const struct squash *fs, struct counts *counts, void *buf, size_t n, uint64_t off,
		 struct berth_err *err);

/* Decompress 'n' bytes into at most 'max' at 'out'; returns the size, or -1. */
int squash_unpack(struct squash_worker *w, const struct squash *fs, const uint8_t *in, uint32_t n,
		  uint8_t *out, uint32_t max, struct berth_err *err);

/* Bytes of a block in the image, of its size as the image has it. */
static inline uint32_t block_bytes(uint32_t size)
{
	return size & ~(uint32_t)BLOCK_RAW;
}

/* How many blocks a file has for itself, and where block 'i' of these lies; see struct place. */
uint64_t file_blocks(const struct squash_inode *f);
int file_block(struct squash_worker *w, const struct squash_inode *f, uint64_t i, uint64_t *ret_at,
	       uint32_t *ret_size, struct berth_err *err);

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

/* Give back the blocks that the worker keeps. */
void meta_forget(struct squash_worker *w);

/* Record 'i' of a table. */
int meta_table(struct squash_worker *w, const struct table *t, uint32_t i, void *buf,
	       struct berth_err *err);

int squash_damaged(struct berth_err *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
