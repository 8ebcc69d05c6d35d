/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * squash_make.h - what the tests of the squashfs reader share: commands, an image that is open,
 * and the inode of a path.
 */
#ifndef BERTH_TESTS_SQUASH_MAKE_H
#define BERTH_TESTS_SQUASH_MAKE_H

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "libimage/base/cleanup.h"
#include "libimage/base/err.h"
#include "libimage/squash/squash.h"
#include "tests/unit/unit.h"

enum { READER_CACHE = 1 << 20, READER_WORKERS = 4 };

/* An image, a group of it alone, and a worker. */
struct reader {
	int fd;
	struct squash *fs;
	struct squash_worker *w;
};

static inline int shell(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static inline int shell(const char *fmt, ...)
{
	char cmd[4096];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(cmd, sizeof(cmd), fmt, ap);
	va_end(ap);
	return n < (int)sizeof(cmd) ? system(cmd) : -1;
}

/* 'fd' from 'offset' to its end. -1 and *err if it is refused; takes 'fd'. */
static inline int reader_try(struct reader *r, int fd, uint64_t offset, struct berth_err *err)
{
	struct stat st;

	*r = (struct reader){ .fd = fd };
	ck_assert_int_eq(fstat(fd, &st), 0);
	if (squash_open(fd, offset, (uint64_t)st.st_size - offset, &r->fs, err) < 0) {
		(void)close(fd);
		return -1;
	}
	ck_assert_int_eq(squash_share(&r->fs, 1, READER_CACHE, READER_WORKERS, err), 0);
	ck_assert_int_eq(squash_worker_new(&r->fs, 1, &r->w, err), 0);
	return 0;
}

static inline void reader_open(struct reader *r, const char *path)
{
	struct berth_err err = BERTH_ERR_INIT;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	ck_assert_msg(fd >= 0, "cannot open %s", path);
	ck_assert_msg(reader_try(r, fd, 0, &err) == 0, "%s: %s", path, err.text);
}

static inline void reader_close(struct reader *r)
{
	r->w = squash_worker_free(r->w);
	r->fs = squash_close(r->fs);
	(void)close(r->fd);
}

static inline struct squash_inode reader_root(const struct reader *r)
{
	struct berth_err err = BERTH_ERR_INIT;
	struct squash_inode o;

	ck_assert_msg(squash_inode_get(r->w, r->fs, squash_info(r->fs)->root, &o, &err) == 0, "%s", err.text);
	return o;
}

/* The inode of "a/b", which must be there. */
static inline struct squash_inode reader_find(const struct reader *r, const char *path)
{
	struct squash_inode o = reader_root(r);
	struct berth_err err = BERTH_ERR_INIT;
	cleanup_free char *copy = strdup(path);
	char *save = NULL;

	for (char *name = strtok_r(copy, "/", &save); name; name = strtok_r(NULL, "/", &save)) {
		struct squash_dirent ent;

		ck_assert_msg(squash_lookup(r->w, &o, name, &ent, &err) == 1, "%s: %s: %s", path, name, err.text);
		ck_assert_msg(squash_inode_get(r->w, r->fs, ent.ref, &o, &err) == 0, "%s: %s", path, err.text);
	}
	return o;
}

static inline struct squash_stats reader_stats(const struct reader *r)
{
	struct squash_stats st;

	squash_stats(r->fs, &st);
	return st;
}

#endif
