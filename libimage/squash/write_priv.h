/* SPDX-License-Identifier: BSD-3-Clause */
/* write_priv.h - the writer's parts. Private to libimage/squash/write*.c. */
#ifndef BERTH_SQUASH_WRITE_PRIV_H
#define BERTH_SQUASH_WRITE_PRIV_H

#include <sqfs/block_processor.h>
#include <sqfs/io.h>
#include <sqfs/predef.h>
#include <sqfs/super.h>

#include "libimage/squash/scan.h"
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
	char *zeros; /* WRITE_BLOCK bytes */
};

enum file_form {
	FILE_PACKED,
	FILE_RAW,      /* as it is, in one piece */
	FILE_RAW_LAST, /* the same, behind files that were packed: see writer_pad() */
};

/* Start the image. writer_close() also after failure, before the inodes are freed; and any number of times. */
int writer_open(struct writer *w, struct berth_err *err);
void writer_close(struct writer *w);

/*
 * The bytes of the file 'node', which come by writer_add() and writer_add_zeros(). node->inode is filled
 * in, blocks later, from the workers' threads, until writer_finish() or writer_close().
 */
int writer_begin(struct writer *w, struct tree_node *node, enum file_form form, struct berth_err *err);
int writer_add(struct writer *w, const void *buf, size_t n, struct berth_err *err);
int writer_add_zeros(struct writer *w, uint64_t n, struct berth_err *err);
int writer_end(struct writer *w, struct berth_err *err);

/*
 * Let the next file start a page: then the server can give the kernel pages of the image as
 * they are. libsquashfs takes blocks that were written in a row for contiguous when it looks for
 * equal ones, and a gap must not mislead it. Where raw files come first, a gap follows only what is
 * no multiple of a page, so a file's last block, and what is compared with that in the middle of a
 * file is a whole one. Where they come last, they are not compared with anything (FILE_RAW_LAST).
 */
int writer_pad(struct writer *w, struct berth_err *err);

/* All but the data, of the tree 't'. */
int writer_finish(struct writer *w, struct tree *t, struct berth_err *err);

void out_file_init(struct out_file *out, int fd, uint64_t at);

/* -1 and *err for libsquashfs's 'rc' (an SQFS_ERROR). */
int write_fail(const struct writer *w, int rc, const char *what, struct berth_err *err);

/* Record the "user." attributes of 'fd'; sets node->xattr. */
int write_xattrs(struct writer *w, struct tree_node *node, int fd, struct berth_err *err);

/* The inode and directory tables, once all data is written. Sets root_inode_ref. */
int write_tables(struct writer *w, struct tree *tree, struct berth_err *err);

#endif
