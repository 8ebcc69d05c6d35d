/* SPDX-License-Identifier: BSD-3-Clause */
/* imgfs.h - what the files of berth-imgfs share. */
#ifndef BERTH_IMGFS_H
#define BERTH_IMGFS_H

#include <stdint.h>
#include <sys/types.h>

#include "libimage/base/err.h"
#include "libimage/base/imgfs_wire.h"
#include "libimage/imgfs/stack.h"
#include "libimage/imgfs/tree.h"
#include "libimage/squash/squash.h"

enum {
	/* LIMIT: the kernel's page cache keeps what was read; ours only bridges the gap between
	 * a block and the pages asked of it, and keeps fragments. */
	CACHE_DEFAULT = 8 * 1024 * 1024,
	/* LIMIT: per thread: the largest things on it are a path and a name. */
	STACK_BYTES = 256 * 1024,
	/* LIMIT: the largest read the kernel may send. It sends 128 KiB when it reads ahead by itself
	 * and as much as this when a program asks it to. */
	READ_MAX = 256 * 1024,
	/* LIMIT: the kernel wants 8 KiB at least; names have 1 KiB at most, nothing is written. */
	REQUEST_MAX = 16 * 1024,
};
static const uint64_t CACHE_MAX = 1ull << 30; /* LIMIT: 1 GiB; RLIMIT_AS follows from it */

/* What is served. Filled before serving; afterwards only 'xattrs' and the stack's table of merged
 * directories change. */
struct imgfs {
	struct squash *squash[IMGFS_SOURCES_MAX]; /* topmost first */
	uint32_t nsource;
	struct stack *stack;
	struct tree *tree;
	struct squash_inode root;
	uint64_t root_id;     /* as the stack names it */
	uint64_t image_inodes;
	uint64_t offset, size; /* of the topmost */
	_Atomic uint32_t listings; /* directories read so far, in pieces */
	_Atomic int xattrs;   /* xattr.c: whether there are any to show; not known before somebody asks */
	uint32_t workers;
	struct squash_worker *first; /* the reader of image_load(), until the first worker takes it */
};

/* One thread: its descriptor of /dev/fuse, its buffers, what it counts. */
struct worker {
	struct imgfs *fs;
	struct squash_worker *squash;
	int fd;
	uint8_t *scratch; /* READ_MAX bytes, made when first needed */
	struct window *window;
	struct imgfs_stats count; /* its share; others read it while it changes */
	_Alignas(8) uint8_t request[REQUEST_MAX];
};

/* Where the squashfs lies in the file 'fd': SIF, or squashfs at 0 or behind a 2.x launch line. */
int image_locate(int fd, uint64_t *ret_offset, uint64_t *ret_size, struct berth_err *err);

/*
 * Open the images, stack them and add 'entries' (records of imgfs_wire.h, read from descriptor
 * 'entries_fd'). The image descriptors must outlive 'fs'.
 */
int image_load(struct imgfs *fs, const struct imgfs_start *start, const int *image_fds, int entries_fd,
	       struct berth_err *err);
void image_close(struct imgfs *fs);

/* Write 'err' to the log; after a few lines, no more. */
void log_damage(const struct berth_err *err);

/*
 * loop.c: the workers, one per descriptor of /dev/fuse. workers_prepare() makes the first; it may
 * run behind the closed sandbox, which allows threads. serve() starts the others and never returns.
 */
int workers_prepare(struct imgfs *fs, const int *fuse_fds, uint32_t n, struct berth_err *err);
_Noreturn void serve(void);
/* The counts of all workers and of the reader, added up. */
void workers_stats(const struct imgfs *fs, struct imgfs_stats *ret);

/* stats.c: 'berth-imgfs --stats FD'. Returns an exit status. */
int stats_print(const char *fd_text);

/* sandbox.c */
void sandbox_signals(void);
/* No privileges, no new ones, no core, bounded memory, an empty root where that is allowed. */
int sandbox_drop(struct berth_err *err);
/* From here on only the listed system calls. There must be no second thread yet. */
int sandbox_close(struct berth_err *err);
/* Bound the memory further, now that it is known what is served. */
int sandbox_limit(uint32_t workers, uint32_t sources, uint64_t cache_bytes, struct berth_err *err);

#endif
