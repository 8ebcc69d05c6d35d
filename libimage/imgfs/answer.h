/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * answer.h - one request of the kernel's, one answer: the protocol of <linux/fuse.h>.
 *
 * Runs as:  the user, in berth-imgfs's sandbox.
 * Uses:     imgfs.h. No library stands between: the handlers are functions of the bytes that
 *           were read, so they can be tried on any bytes (tests/fuzz).
 * Promise:  every request that wants an answer gets exactly one; a request whose length does not
 *           fit its operation is answered with EIO and not looked at further.
 *
 * KERNEL: protocol 7.34, Linux 5.14's. Later kernels speak it too, and send nothing else
 * unless it was asked for in the exchange of FUSE_INIT.
 */
#ifndef BERTH_ANSWER_H
#define BERTH_ANSWER_H

#include <linux/fuse.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

#include "libimage/imgfs/imgfs.h"

/* Nothing ever changes, so every answer is valid for ever. KERNEL: seconds; cut at what jiffies hold. */
enum { FOREVER_S = 1000000000 };

struct request {
	const struct fuse_in_header *head;
	const uint8_t *body; /* 'n' bytes behind the head; 8-byte aligned */
	size_t n;
	bool answered;
};

/* Answer the 'n' bytes at 'request' (8-byte aligned), which were read from w->fd. */
void answer(struct worker *w, const void *request, size_t n);

/*
 * The three ways to answer, once a request. reply_data() returns 0, or -1 with errno when the
 * kernel did not take the data: then reply_error() must follow.
 */
void reply_error(struct worker *w, struct request *r, int error);
int reply_data(struct worker *w, struct request *r, const void *data, size_t n);
/* The image is damaged or cannot be read: a line in the log, and EIO (or ENOMEM). */
void reply_damage(struct worker *w, struct request *r, const struct berth_err *err);

/* w->scratch, or NULL without memory. */
uint8_t *worker_scratch(struct worker *w);
/* Add to one of w->count: for others to read meanwhile, see imgfs_wire.h. */
void worker_count(uint64_t *what, uint64_t n);

/* Node numbers as the kernel has them <-> ids of stack and tree. */
uint64_t node_of(const struct imgfs *fs, uint64_t id);
uint64_t id_of(const struct imgfs *fs, uint64_t node);

/* The inode of a node that is the image's. -1 and *err also for a number that was never given out. */
int node_inode(struct worker *w, uint64_t node, struct squash_inode *ret, struct berth_err *err);

/* Attributes, as lookup, getattr and readdirplus answer them. */
void attr_image(const struct imgfs *fs, uint64_t id, const struct squash_inode *o, struct fuse_attr *ret);
void attr_virtual(const struct imgfs *fs, const struct tree_entry *e, struct fuse_attr *ret);
void entry_fill(uint64_t node, struct fuse_entry_out *ret); /* all but the attributes */

/* The handlers of more than a few lines: read.c, list.c, xattr.c. */
void op_read(struct worker *w, struct request *r);
void op_readdir(struct worker *w, struct request *r);
void op_readdirplus(struct worker *w, struct request *r);
void op_getxattr(struct worker *w, struct request *r);
void op_listxattr(struct worker *w, struct request *r);

/* read.c: what a worker maps of the image; NULL-safe. */
struct window *window_free(struct window *win);

#endif
