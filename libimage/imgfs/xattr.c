/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * xattr.c - extended attributes: those of the user's name space, and no others.
 *
 * "security." and "trusted." mean something to the kernel, "system." to its ACLs; an image's
 * author may not say such things to anybody. (File capabilities would not count on a nosuid
 * mount either.) Where an image has none of the user's, the kernel is told not to ask again;
 * where it has some, each question is a request: the kernel keeps no answers.
 */
#include "config.h"

#include <errno.h>
#include <string.h>

#include "libimage/imgfs/answer.h"

static const char shown[] = "user.", mark[] = "user.overlay.";

/* imgfs.xattrs */
enum { NOT_KNOWN, SOME, NONE };

/* 1: there may be some to show, 0: there are none, -1. Looks once: what it reads is bounded. */
static int any(struct worker *w, struct berth_err *err)
{
	struct imgfs *fs = w->fs;
	int known = fs->xattrs, rc = 0;

	if (known != NOT_KNOWN)
		return known == SOME;
	for (uint32_t i = 0; i < fs->nsource && rc == 0; i++)
		if (squash_info(fs->squash[i])->has_xattrs)
			rc = squash_xattr_any(w->squash, fs->squash[i], shown, err);
	/* Damage is told to whoever asks for what is damaged, and looked for once. */
	fs->xattrs = rc ? SOME : NONE;
	return rc;
}

/* What overlayfs keeps among them is about the stack, and no file's own. */
static bool is_shown(const struct imgfs *fs, const char *name)
{
	return strncmp(name, shown, sizeof(shown) - 1) == 0 &&
	       (fs->nsource == 1 || strncmp(name, mark, sizeof(mark) - 1) != 0);
}

struct names {
	const struct imgfs *fs;
	char *buf;
	size_t size, used; /* 'used' counts on when 'size' is passed */
};

static int put_name(void *arg, const char *name, size_t value_len)
{
	struct names *n = arg;
	size_t len = strlen(name) + 1;

	(void)value_len;
	if (!is_shown(n->fs, name))
		return 0;
	if (len <= n->size && n->used <= n->size - len)
		memcpy(n->buf + n->used, name, len);
	n->used += len;
	return n->used > READ_MAX; /* LIMIT: XATTR_LIST_MAX is 64 KiB */
}

/* What to answer: 'have' bytes in the scratch buffer where the caller gave room for 'size'. */
static void reply_sized(struct worker *w, struct request *r, size_t have, uint32_t size)
{
	struct fuse_getxattr_out out = { .size = (uint32_t)have };

	if (size == 0)
		(void)reply_data(w, r, &out, sizeof(out));
	else if (have > size || have > READ_MAX)
		reply_error(w, r, ERANGE);
	else
		(void)reply_data(w, r, w->scratch, have);
}

/* True: an inode of the image, and some may have attributes. Else it is answered. */
static bool may_have(struct worker *w, struct request *r, struct squash_inode *ret)
{
	struct berth_err err = BERTH_ERR_INIT;
	int rc = any(w, &err);

	if (rc < 0) {
		reply_damage(w, r, &err);
		return false;
	}
	if (rc == 0) { /* KERNEL: it will not ask again */
		reply_error(w, r, ENOSYS);
		return false;
	}
	if (!worker_scratch(w)) {
		reply_error(w, r, ENOMEM);
		return false;
	}
	*ret = (struct squash_inode){ .xattr = SQUASH_XATTR_NONE };
	if (!(r->head->nodeid & TREE_VIRTUAL) && node_inode(w, r->head->nodeid, ret, &err) < 0) {
		reply_damage(w, r, &err);
		return false;
	}
	return true;
}

void op_listxattr(struct worker *w, struct request *r)
{
	const struct fuse_getxattr_in *in = (const struct fuse_getxattr_in *)r->body;
	struct berth_err err = BERTH_ERR_INIT;
	struct squash_inode o;
	struct names n = { .fs = w->fs, .size = READ_MAX };

	if (!may_have(w, r, &o))
		return;
	n.buf = (char *)w->scratch;
	if (o.xattr != SQUASH_XATTR_NONE && squash_xattr_list(w->squash, &o, put_name, &n, &err) < 0)
		reply_damage(w, r, &err);
	else
		reply_sized(w, r, n.used, in->size);
}

void op_getxattr(struct worker *w, struct request *r)
{
	const struct fuse_getxattr_in *in = (const struct fuse_getxattr_in *)r->body;
	const char *name = (const char *)(in + 1);
	size_t n = r->n - sizeof(*in);
	struct berth_err err = BERTH_ERR_INIT;
	struct squash_inode o;
	ssize_t len;

	if (n < 2 || name[n - 1] != '\0') {
		reply_error(w, r, EIO);
		return;
	}
	if (!may_have(w, r, &o))
		return;
	if (o.xattr == SQUASH_XATTR_NONE || !is_shown(w->fs, name)) {
		reply_error(w, r, ENODATA);
		return;
	}
	len = squash_xattr_get(w->squash, &o, name, w->scratch, READ_MAX, &err);
	if (len == -1)
		reply_damage(w, r, &err);
	else if (len == SQUASH_NO_XATTR)
		reply_error(w, r, ENODATA);
	else
		reply_sized(w, r, len < 0 ? (size_t)READ_MAX + 1 : (size_t)len, in->size);
}
