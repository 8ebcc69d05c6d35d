/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * walk.h - every name of a squashfs, in order, for what makes something else of it.
 *
 * Runs as:  the user, in the converter's sandbox too.   Uses: libimage/base.
 * Promise:  a directory comes before what is in it, names come sorted by their bytes; each directory
 *           comes once, so that a forged image cannot lead in circles; names have no slash, are not
 *           "." or "..", and lie at most SQUASH_WALK_DEPTH levels down.
 */
#ifndef BERTH_SQUASH_WALK_H
#define BERTH_SQUASH_WALK_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "libimage/squash/squash.h"

enum {
	SQUASH_WALK_DEPTH = 400,	    /* LIMIT: as TREE_DEPTH_MAX; one descriptor a level when it is unpacked */
	SQUASH_WALK_INODES = 100 * 1000 * 1000, /* LIMIT: eight bytes of memory each */
};

/* What is visited; borrowed, until the callback returns. */
struct squash_visit {
	const char *path; /* "usr/bin/sh"; "" of the root */
	const char *name; /* the last part of it */
	const struct squash_inode *inode;
	const char *target; /* of a symbolic link */
	const char *same;   /* the path of the same file that was visited before; NULL: this is the first */
	struct squash_worker *worker;
};

struct squash_walk_ops {
	void *arg;
	/* All but the leaving of directories. 0, or -1 and *err, which ends the walk. */
	int (*visit)(void *arg, const struct squash_visit *v, struct berth_err *err);
	/* A directory, after all that is in it; NULL: nobody wants to know. */
	int (*leave)(void *arg, const struct squash_visit *v, struct berth_err *err);
};

/*
 * Walk the file system in 'fd' from byte 'at' on, of at most 'size' bytes.
 * Fails: as squash.h, and as the callbacks do.
 */
int squash_walk(int fd, uint64_t at, uint64_t size, const struct squash_walk_ops *ops, struct berth_err *err);

/* The bytes of a regular file, in order. 'put' as 'visit'; what it is given is never empty. */
typedef int (*squash_put)(void *arg, const void *bytes, size_t n, struct berth_err *err);
int squash_visit_bytes(const struct squash_visit *v, squash_put put, void *arg, struct berth_err *err);

/* The "user." attributes, sorted by name. */
struct squash_attr {
	char *name;
	void *value;
	size_t n;
};

struct squash_attrs {
	struct squash_attr *v;
	size_t n;
};

int squash_visit_attrs(const struct squash_visit *v, struct squash_attrs *ret, struct berth_err *err);
void squash_attrs_done(struct squash_attrs *a);

/*
 * What 'path' leads to, links followed as if the image were "/". Returns 1, 0 nothing, or -1.
 */
int squash_look_up(struct squash_worker *w, struct squash *fs, const char *path, struct squash_inode *ret,
		   struct berth_err *err);

/*
 * The first bytes of the file at 'path', links followed, 'max' at most, of the file system in 'fd'.
 * Returns how many, 0: there is no such file, or -1.
 */
ssize_t squash_file_head(int fd, uint64_t at, uint64_t size, const char *path, void *buf, size_t max,
			 struct berth_err *err);

#endif
