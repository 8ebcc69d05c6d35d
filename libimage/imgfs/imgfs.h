/* SPDX-License-Identifier: BSD-3-Clause */
/* imgfs.h - what the files of berth-imgfs share. */
#ifndef BERTH_IMGFS_H
#define BERTH_IMGFS_H

#include <stdint.h>
#include <sys/types.h>

#include "libimage/base/err.h"
#include "libimage/base/imgfs_wire.h"
#include "libimage/imgfs/tree.h"
#include "libimage/squash/squash.h"

struct fuse_lowlevel_ops;

enum {
	/* LIMIT: the kernel's page cache keeps what was read; ours only bridges the gap between
	 * a block and the pages asked of it, and keeps fragments. */
	CACHE_DEFAULT = 8 * 1024 * 1024,
	/* LIMIT: per thread: libfuse's request buffer is on the heap, ours are small. */
	STACK_BYTES = 256 * 1024,
};
static const uint64_t CACHE_MAX = 1ull << 30; /* LIMIT: 1 GiB; RLIMIT_AS follows from it */

/* What is served. Filled before serving, then only read. */
struct imgfs {
	struct squash *squash;
	struct tree *tree;
	struct squash_inode root;
	uint64_t offset, size;
	uint32_t workers;
};

/* Where the squashfs lies in the file 'fd': SIF, or squashfs at 0 or behind a 2.x launch line. */
int image_locate(int fd, uint64_t *ret_offset, uint64_t *ret_size, struct berth_err *err);

/* Open the image and add 'entries' (records of imgfs_wire.h, read from descriptor 'entries_fd'). */
int image_load(struct imgfs *fs, int image_fd, int entries_fd, uint64_t cache_bytes,
	       struct berth_err *err);

/* ops.c: the file system's answers. Each thread calls ops_thread() first. */
extern const struct fuse_lowlevel_ops imgfs_ops;
void ops_thread(struct squash_worker *w);

/* Write 'err' to the log; after a few lines, no more. */
void log_damage(const struct berth_err *err);

/*
 * loop.c: the workers, one per descriptor of /dev/fuse.
 * workers_park() starts threads that wait: before the sandbox closes, which allows no new ones.
 * Returns how many descriptors will be served, at least 1. serve() never returns.
 */
uint32_t workers_park(const int *fuse_fds, uint32_t n);
int workers_session(struct imgfs *fs, struct berth_err *err); /* before the sandbox closes, too */
int workers_prepare(struct imgfs *fs, struct berth_err *err);
_Noreturn void serve(void);
/* Called when the kernel's first request was answered. */
void workers_release(void);

/* sandbox.c */
void sandbox_signals(void);
/* No privileges, no new ones, no core, bounded memory, an empty root where that is allowed. */
int sandbox_drop(uint32_t workers, uint64_t cache_bytes, struct berth_err *err);
/* From here on only the listed system calls; all threads. */
int sandbox_close(struct berth_err *err);

#endif
