/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * write_xattr.c - the "user." attributes of files and directories.
 *
 * Others are left out: security.* and trusted.* mean something to the machine they were set
 * on, and an image must not bring file capabilities along.
 */
#include "config.h"

#include <errno.h>
#include <linux/limits.h>
#include <sqfs/xattr_writer.h>
#include <string.h>
#include <sys/xattr.h>

#include "libimage/base/cleanup.h"
#include "libimage/base/err.h"
#include "libimage/base/str.h"
#include "libimage/squash/write_priv.h"

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static int fail(const struct tree_node *node, struct berth_err *err)
{
	char path[240];
	int sys = errno;

	tree_path(node, path, sizeof(path));
	return berth_fail(err, BERTH_ESYS, sys, "cannot read the attributes of '%s'", path);
}

static int add_one(struct writer *w, struct tree_node *node, int fd, const char *name, char *value,
		   struct berth_err *err)
{
	ssize_t n = fgetxattr(fd, name, value, XATTR_SIZE_MAX);
	int rc;

	if (n < 0)
		return fail(node, err);
	rc = sqfs_xattr_writer_add(w->xattrs, name, value, (size_t)n);
	return rc != 0 ? write_fail(w, rc, "write attributes", err) : 0;
}

int write_xattrs(struct writer *w, struct tree_node *node, int fd, struct berth_err *err)
{
	cleanup(strlist_done) struct strlist names = STRLIST_INIT;
	cleanup_free char *all = NULL, *value = NULL;
	ssize_t n = flistxattr(fd, NULL, 0);
	sqfs_u32 index;
	int rc;

	if (n < 0 && errno == ENOTSUP)
		return 0;
	if (n < 0)
		return fail(node, err);
	if (n == 0)
		return 0;
	all = malloc(XATTR_LIST_MAX);
	value = malloc(XATTR_SIZE_MAX);
	if (!all || !value)
		return berth_fail(err, BERTH_ESYS, ENOMEM, "cannot read attributes");
	n = flistxattr(fd, all, XATTR_LIST_MAX);
	if (n < 0)
		return fail(node, err);
	for (const char *p = all; p < all + n; p += strlen(p) + 1)
		if (str_after(p, "user."))
			strlist_add(&names, p);
	if (!strlist_ok(&names))
		return berth_fail(err, BERTH_ESYS, ENOMEM, "cannot read attributes");
	if (names.n == 0)
		return 0;
	/* The kernel lists them in any order. */
	qsort(names.v, names.n, sizeof(char *), by_text);
	rc = sqfs_xattr_writer_begin(w->xattrs, 0);
	if (rc != 0)
		return write_fail(w, rc, "write attributes", err);
	for (size_t i = 0; i < names.n; i++)
		if (add_one(w, node, fd, names.v[i], value, err) < 0)
			return -1;
	rc = sqfs_xattr_writer_end(w->xattrs, &index);
	if (rc != 0)
		return write_fail(w, rc, "write attributes", err);
	node->xattr = index;
	return 0;
}
