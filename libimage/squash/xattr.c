/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * xattr.c - extended attributes: sets that inodes share by number, each a run of names and
 * values in metadata blocks. A value may lie elsewhere, where another set has the same one.
 */
#include "config.h"

#include <inttypes.h>
#include <linux/limits.h>
#include <string.h>

#include "libimage/base/cleanup.h"
#include "libimage/base/num.h"
#include "libimage/base/str.h"
#include "libimage/squash/squash_i.h"

enum {
	OUTSIDE = 0x100, /* flag in a name's type: for the value there is a reference to it */
	REF_BYTES = 8,
	SHORTEST = sizeof("user.x"),
	/* LIMIT: more names than these cannot be listed: the kernel gives up at XATTR_LIST_MAX */
	PAIRS_MAX = XATTR_LIST_MAX / SHORTEST,
	ANY_SETS_MAX = 4096,	/* LIMIT: squash_xattr_any() looks at so many sets, */
	ANY_PAIRS_MAX = 65536,	/* LIMIT: and so many names, some milliseconds; */
	VALUE_PART = 128,	/* so many bytes that are skipped count as a name */
};

static const char *const prefixes[] = { "user.", "trusted.", "security." };

struct pair {
	char name[XATTR_NAME_MAX + 1]; /* "": of a kind that nobody knows */
	bool outside;
	uint64_t block;		       /* where the value lies, or its length and the value */
	uint32_t off;
	uint32_t len;		       /* of a value that is not outside */
	uint32_t skipped;	       /* bytes of name and value */
};

static void cursor(struct meta_cur *m, struct squash_worker *w, const struct squash *fs)
{
	meta_init(m, w, fs, fs->xattr_start, fs->xattr_end);
}

static int seek(struct meta_cur *m, uint64_t ref, struct berth_err *err)
{
	if (ref >> SQUASH_REF_BITS)
		return squash_damaged(err, "an attribute lies outside");
	return meta_seek(m, m->fs->xattr_start + (ref >> 16), ref & 0xffff, err);
}

/* Go to the start of set 'i'. Returns how many pairs it has, or -1. */
static int set_open(struct meta_cur *m, uint32_t i, struct berth_err *err)
{
	uint8_t raw[XATTR_SET_BYTES];
	uint32_t n;

	if (meta_table(m->w, &m->fs->xattrs, i, raw, err) < 0 || seek(m, num_le64(raw), err) < 0)
		return -1;
	n = num_le32(raw + 8);
	if (n > PAIRS_MAX)
		return squash_damaged(err, "a set of %" PRIu32 " attributes", n);
	return (int)n;
}

static int read_name(struct meta_cur *m, uint16_t type, uint16_t n, char name[XATTR_NAME_MAX + 1],
		     struct berth_err *err)
{
	size_t kind = type & (OUTSIDE - 1), before;

	name[0] = '\0';
	if (kind >= ARRAY_SIZE(prefixes))
		return meta_read(m, NULL, n, err);
	before = strlen(prefixes[kind]);
	if (n == 0 || n > XATTR_NAME_MAX - before)
		return squash_damaged(err, "an attribute's name of %u bytes", n);
	memcpy(name, prefixes[kind], before);
	if (meta_read(m, name + before, n, err) < 0)
		return -1;
	name[before + n] = '\0';
	if (strlen(name) != before + n)
		return squash_damaged(err, "an attribute's name has a NUL");
	return 0;
}

static int check_value(uint32_t n, struct berth_err *err)
{
	return n <= XATTR_SIZE_MAX ? 0 : squash_damaged(err, "an attribute of %" PRIu32 " bytes", n);
}

static int pair_next(struct meta_cur *m, struct pair *p, struct berth_err *err)
{
	uint8_t raw[REF_BYTES];
	uint16_t type;

	if (meta_read(m, raw, 4, err) < 0)
		return -1;
	type = num_le16(raw);
	p->outside = type & OUTSIDE;
	p->skipped = num_le16(raw + 2);
	if (read_name(m, type, num_le16(raw + 2), p->name, err) < 0 || meta_read(m, raw, 4, err) < 0)
		return -1;
	p->len = num_le32(raw);
	if (check_value(p->len, err) < 0)
		return -1;
	p->skipped += p->len;
	p->block = m->block;
	p->off = m->off;
	if (!p->outside)
		return meta_read(m, NULL, p->len, err);
	if (p->len != REF_BYTES)
		return squash_damaged(err, "a reference of %" PRIu32 " bytes to an attribute", p->len);
	return meta_read(m, NULL, REF_BYTES, err);
}

/* Go to the value of 'p'. Returns its length, or -1. */
static ssize_t value_open(struct meta_cur *m, const struct pair *p, struct berth_err *err)
{
	uint8_t raw[REF_BYTES];
	uint32_t n;

	if (meta_seek(m, p->block, p->off, err) < 0)
		return -1;
	if (!p->outside)
		return (ssize_t)p->len;
	if (meta_read(m, raw, REF_BYTES, err) < 0 || seek(m, num_le64(raw), err) < 0 ||
	    meta_read(m, raw, 4, err) < 0)
		return -1;
	n = num_le32(raw);
	return check_value(n, err) < 0 ? -1 : (ssize_t)n;
}

int squash_xattr_list(struct squash_worker *w, const struct squash_inode *inode, squash_xattr_each each,
		      void *arg, struct berth_err *err)
{
	struct meta_cur m, v;
	struct pair p;
	int n, rc = 0;

	if (inode->xattr == SQUASH_XATTR_NONE)
		return 0;
	cursor(&m, w, inode->fs);
	cursor(&v, w, inode->fs);
	n = set_open(&m, inode->xattr, err);
	for (int i = 0; rc == 0 && i < n; i++) {
		ssize_t len;

		rc = pair_next(&m, &p, err);
		if (rc < 0 || p.name[0] == '\0')
			continue;
		len = p.outside ? value_open(&v, &p, err) : (ssize_t)p.len;
		rc = len < 0 ? -1 : each(arg, p.name, (size_t)len);
	}
	meta_done(&v);
	meta_done(&m);
	return n < 0 ? -1 : rc;
}

/* The pair of set 'i' with this name: 1, 0, or -1. */
static int find(struct meta_cur *m, uint32_t i, const char *name, struct pair *ret, struct berth_err *err)
{
	int n = set_open(m, i, err);

	for (int k = 0; k < n; k++) {
		if (pair_next(m, ret, err) < 0)
			return -1;
		if (strcmp(ret->name, name) == 0)
			return 1;
	}
	return n < 0 ? -1 : 0;
}

ssize_t squash_xattr_get(struct squash_worker *w, const struct squash_inode *inode, const char *name,
			 void *buf, size_t size, struct berth_err *err)
{
	struct meta_cur m;
	struct pair p;
	ssize_t len;
	int rc;

	if (inode->xattr == SQUASH_XATTR_NONE || name[0] == '\0')
		return SQUASH_NO_XATTR;
	cursor(&m, w, inode->fs);
	rc = find(&m, inode->xattr, name, &p, err);
	len = rc > 0 ? value_open(&m, &p, err) : rc < 0 ? -1 : SQUASH_NO_XATTR;
	if (len > 0 && size > 0) {
		if ((size_t)len > size)
			len = SQUASH_XATTR_SMALL;
		else if (meta_read(&m, buf, (size_t)len, err) < 0)
			len = -1;
	}
	meta_done(&m);
	return len;
}

int squash_xattr_any(struct squash_worker *w, struct squash *fs, const char *prefix, struct berth_err *err)
{
	int64_t budget = ANY_PAIRS_MAX;
	struct meta_cur m;
	struct pair p;
	int rc = 0;

	if (fs->info.xattr_sets > ANY_SETS_MAX)
		return 1;
	cursor(&m, w, fs);
	for (uint32_t i = 0; rc == 0 && i < fs->info.xattr_sets; i++) {
		int n = set_open(&m, i, err);

		if (n < 0)
			rc = -1;
		for (int k = 0; rc == 0 && k < n; k++) {
			if (pair_next(&m, &p, err) < 0) {
				rc = -1;
			} else {
				budget -= 1 + p.skipped / VALUE_PART;
				rc = budget < 0 || str_after(p.name, prefix);
			}
		}
	}
	meta_done(&m);
	return rc;
}
