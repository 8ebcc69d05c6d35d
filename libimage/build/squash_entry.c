/* SPDX-License-Identifier: BSD-3-Clause */
/* squash_entry.c - what a squashfs has at a name; see squash_entry.h. */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "libimage/base/cleanup.h"
#include "libimage/base/err.h"
#include "libimage/build/squash_entry.h"

int squash_entry_get(const struct squash_visit *v, struct squash_entry *ret, struct berth_err *err)
{
	const struct squash_inode *i = v->inode;

	*ret = (struct squash_entry){
		.entry = {
			.path = v->path[0] != '\0' ? v->path : ".", .target = v->target, .link = v->same,
			.st = {
				.st_mode = i->mode, .st_uid = i->uid, .st_gid = i->gid, .st_rdev = i->rdev,
				.st_size = S_ISREG(i->mode) ? (off_t)i->size : 0, .st_mtim.tv_sec = i->mtime,
			},
		},
	};
	if (v->same)
		return 0;
	if (squash_visit_attrs(v, &ret->attrs, err) < 0)
		return -1;
	if (ret->attrs.n == 0)
		return 0;
	ret->xattrs = calloc(ret->attrs.n, sizeof(*ret->xattrs));
	if (!ret->xattrs)
		return berth_fail(err, BERTH_ESYS, ENOMEM, "cannot keep attributes");
	for (size_t k = 0; k < ret->attrs.n; k++)
		ret->xattrs[k] = (struct flat_xattr){
			.name = ret->attrs.v[k].name, .value = ret->attrs.v[k].value, .n = ret->attrs.v[k].n,
		};
	ret->entry.xattrs = ret->xattrs;
	ret->entry.nxattrs = ret->attrs.n;
	return 0;
}

void squash_entry_done(struct squash_entry *e)
{
	squash_attrs_done(&e->attrs);
	free(e->xattrs);
	e->xattrs = NULL;
}

/* ---- to a tree --------------------------------------------------------------------------------- */

static bool is_zero(const unsigned char *p, size_t n)
{
	return n > 0 && p[0] == 0 && memcmp(p, p + 1, n - 1) == 0;
}

static int feed_bytes(void *arg, const void *bytes, size_t n, struct berth_err *err)
{
	return is_zero(bytes, n) ? flat_zeros(arg, n, err) : flat_data(arg, bytes, n, err);
}

static int feed(void *arg, const struct squash_visit *v, struct berth_err *err)
{
	cleanup(squash_entry_done) struct squash_entry e = { 0 };
	int rc;

	if (squash_entry_get(v, &e, err) < 0)
		return -1;
	rc = flat_add(arg, &e.entry, err);
	if (rc <= 0)
		return rc;
	if (squash_visit_bytes(v, feed_bytes, arg, err) < 0)
		return -1;
	return flat_end(arg, err);
}

int squash_feed(int fd, uint64_t at, uint64_t size, struct flat *f, struct berth_err *err)
{
	const struct squash_walk_ops ops = { .arg = f, .visit = feed };

	return squash_walk(fd, at, size, &ops, err);
}
