/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * stream.h - make a squashfs of files that stream by, of a tree that is only known at the end.
 *
 * Runs as:  the user, in the converter's sandbox too: no file is opened by name.
 * Uses:     libsquashfs, libimage/base.
 * Promise:  the same calls give the same bytes, whatever the number of workers; what is kept in
 *           memory of files' bytes is the workers' backlog and at most STREAM_HELD_MAX.
 *
 * As write.h in all else: compressor, owners, epoch, and the start-up set, which lies behind the
 * other files here, for which files belong to it is known when the tree is. Files that may belong
 * to it, by their names, are kept in memory files until then.
 *
 *     squash_stream_new()
 *     for each file:   _xattr() any number of times, _begin(), _data() and _zeros(), _end()
 *     other nodes:     _xattr()
 *     squash_stream_settle()    until here nodes keep their addresses: the workers write to their 'inode'
 *     squash_stream_finish()    with the whole tree
 *     squash_stream_stop()      and only then the nodes, each with _drop() if it never came to settle()
 *     squash_stream_free()
 */
#ifndef BERTH_STREAM_H
#define BERTH_STREAM_H

#include <stddef.h>
#include <stdint.h>

#include "libimage/squash/write.h"

struct berth_err;
struct squash_stream;
struct tree;
struct tree_node;

/* LIMIT: bytes of files that may belong to the start-up set, and how many files. */
enum { STREAM_HELD_MAX = 24 * 1024 * 1024, STREAM_HELD_FILES = 96 };

/* 'out_fd' and 'at' as in squash_write_dir(); 'opt' must stay until the end. */
int squash_stream_new(int out_fd, uint64_t at, const struct squash_write_options *opt,
		      struct squash_stream **ret, struct berth_err *err);

/*
 * A regular file. Its parents must be linked to it (node->parent), for its path decides whether it
 * may belong to the start-up set.
 */
int squash_stream_begin(struct squash_stream *s, struct tree_node *node, struct berth_err *err);
int squash_stream_data(struct squash_stream *s, const void *buf, size_t n, struct berth_err *err);
int squash_stream_zeros(struct squash_stream *s, uint64_t n, struct berth_err *err);
int squash_stream_end(struct squash_stream *s, struct berth_err *err);

/* An attribute of 'node'; all of a node in a row. Sets node->xattr. */
int squash_stream_xattr(struct squash_stream *s, struct tree_node *node, const char *name, const void *value,
			size_t n, struct berth_err *err);

/*
 * No file comes any more. What is in a node's 'inode' and 'xattr' may be moved to another node of the
 * same size, which is that file from then on.
 */
int squash_stream_settle(struct squash_stream *s, struct berth_err *err);

/*
 * A file that was written turns out not to belong to the tree, before settle() or after it. Its bytes may
 * stay in the image. The node and its 'inode' are the caller's, as always.
 */
void squash_stream_drop(struct squash_stream *s, struct tree_node *node);

int squash_stream_finish(struct squash_stream *s, struct tree *t, struct squash_write_result *ret,
			 struct berth_err *err);

/* End its threads, at any time: nodes may be freed now. After it only _drop() and _free(). NULL-safe. */
void squash_stream_stop(struct squash_stream *s);

/* NULL-safe; returns NULL. */
struct squash_stream *squash_stream_free(struct squash_stream *s);

/* For tree_done() and whoever else frees nodes, also those that were dropped. */
void squash_stream_inode_free(void *inode);

#endif
