/* SPDX-License-Identifier: BSD-3-Clause */
/* write_priv.h - the writer's parts. Private to libimage/squash/write*.c. */
#ifndef BERTH_SQUASH_WRITE_PRIV_H
#define BERTH_SQUASH_WRITE_PRIV_H

#include <sqfs/block_processor.h>
#include <sqfs/io.h>
#include <sqfs/predef.h>
#include <sqfs/super.h>

#include "libimage/squash/scan.h"
#include "libimage/squash/startset.h"
#include "libimage/squash/write.h"

enum {
	WRITE_BLOCK = 128 * 1024,
	WRITE_LEVEL = 3,
	WRITE_WORKERS_MAX = 64,	 /* LIMIT: the disk is the bottleneck long before */
	WRITE_BACKLOG = 10,	 /* blocks in flight a worker */
	WRITE_PAD = 4096,	 /* KERNEL: a loop device reads whole pages */
};

/* The output, a piece of a file, as libsquashfs wants to see it. */
struct out_file {
	sqfs_file_t base;
	int fd;
	int sys; /* errno of the last failure */
	uint64_t at, size;
};

struct writer {
	const struct squash_write_options *opt;
	struct out_file out;
	sqfs_super_t super;
	sqfs_compressor_t *cmp, *uncmp;
	sqfs_block_writer_t *blocks;
	sqfs_frag_table_t *frags;
	sqfs_block_processor_t *proc;
	sqfs_id_table_t *ids;
	sqfs_xattr_writer_t *xattrs;
	struct tree tree;
	struct startset start;
	bool raw; /* the file that is read belongs to it: store it as it is */
	char *buf, *zeros; /* WRITE_BLOCK bytes each */
};

void out_file_init(struct out_file *out, int fd, uint64_t at);

/* -1 and *err for libsquashfs's 'rc' (an SQFS_ERROR). */
int write_fail(const struct writer *w, int rc, const char *what, struct berth_err *err);

/* Record the "user." attributes of 'fd'; sets node->xattr. */
int write_xattrs(struct writer *w, struct tree_node *node, int fd, struct berth_err *err);

/* The inode and directory tables, once all data is written. Sets root_inode_ref. */
int write_tables(struct writer *w, struct berth_err *err);

#endif
