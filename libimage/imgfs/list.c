/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * list.c - readdir and readdirplus: the image's entries, then the virtual ones.
 *
 * A plus listing hands attributes out with the names, so that a walk over a tree asks twice a
 * directory (the second time to hear that there is no more) and never for a single file.
 */
#include "config.h"

#include <dirent.h>
#include <errno.h>
#include <stdatomic.h>
#include <string.h>

#include "libimage/base/cleanup.h"
#include "libimage/imgfs/answer.h"

enum { WALK = 16 }; /* LIMIT: listings before the tables are read ahead */

/* Directory positions: 1 and 2 are behind "." and "..", then the image's, then the virtual ones. */
static const uint64_t POS_IMAGE = 3, POS_VIRTUAL = 1ull << 48;

/* An answer as it fills. */
struct listing {
	struct worker *w;
	uint64_t dir; /* as stack and tree name it */
	uint8_t *buf;
	size_t size, used;
	bool plus;
	struct berth_err *err;
};

/* 'attr' NULL: a plus listing hands out no node for it. Returns 1 when the answer is full. */
static int put(struct listing *l, const char *name, uint64_t node, const struct fuse_attr *attr,
	       uint64_t ino, mode_t type, uint64_t next)
{
	size_t len = strlen(name), head = l->plus ? FUSE_NAME_OFFSET_DIRENTPLUS : FUSE_NAME_OFFSET;
	size_t whole = FUSE_DIRENT_ALIGN(head + len);
	uint8_t *at = l->buf + l->used;
	struct fuse_direntplus plus = { 0 };

	if (whole > l->size - l->used)
		return 1;
	if (attr) {
		entry_fill(node, &plus.entry_out);
		plus.entry_out.attr = *attr;
	}
	plus.dirent = (struct fuse_dirent){
		.ino = ino, .off = next, .namelen = (uint32_t)len, .type = IFTODT(type),
	};
	if (l->plus)
		memcpy(at, &plus, head);
	else
		memcpy(at, &plus.dirent, head);
	memcpy(at + head, name, len);
	memset(at + head + len, 0, whole - head - len);
	l->used += whole;
	return 0;
}

static int put_image(void *arg, const struct stack_found *f, const char *name, uint64_t next)
{
	struct listing *l = arg;
	const struct imgfs *fs = l->w->fs;
	struct squash_inode o;
	struct fuse_attr attr;

	if (tree_find(fs->tree, l->dir, name)) /* hidden */
		return 0;
	if (l->plus) {
		if (stack_entry(fs->stack, l->w->squash, f, name, &o, l->err) < 0)
			return l->used > 0 ? 1 : -1; /* what is good first; the next call meets it again */
		attr_image(fs, f->id, &o, &attr);
	}
	return put(l, name, node_of(fs, f->id), l->plus ? &attr : NULL, f->ino, f->type, POS_IMAGE + next);
}

static int put_virtual(struct listing *l, uint64_t from)
{
	const struct tree *tree = l->w->fs->tree;
	uint64_t last = from > POS_VIRTUAL ? from - POS_VIRTUAL - 1 : TREE_VIRTUAL;
	const struct tree_entry *e = last < TREE_VIRTUAL ? tree_get(tree, TREE_VIRTUAL | last) : NULL;
	struct fuse_attr attr;

	if (from > POS_VIRTUAL && (!e || e->parent != l->dir)) /* no place that we named here */
		return 0;
	for (e = tree_next(tree, l->dir, e); e; e = tree_next(tree, l->dir, e)) {
		attr_virtual(l->w->fs, e, &attr);
		if (put(l, e->name, e->id, &attr, attr.ino, attr.mode & S_IFMT,
			POS_VIRTUAL + 1 + (e->id & ~TREE_VIRTUAL)))
			return 1;
	}
	return 0;
}

static int put_dots(struct listing *l, uint64_t self, uint64_t parent, uint64_t from)
{
	if (from < 1 && put(l, ".", 0, NULL, self, S_IFDIR, 1))
		return 1;
	return from < 2 ? put(l, "..", 0, NULL, parent, S_IFDIR, 2) : 0;
}

/* The number to show for the directory 'id' of either kind. */
static int ino_of(struct listing *l, uint64_t id, uint64_t *ret)
{
	const struct tree_entry *e = tree_get(l->w->fs->tree, id);
	struct squash_inode dir;
	struct fuse_attr attr;

	if (e) {
		attr_virtual(l->w->fs, e, &attr);
		*ret = attr.ino;
		return 0;
	}
	if (stack_inode(l->w->fs->stack, l->w->squash, id, &dir, l->err) < 0)
		return -1;
	*ret = stack_ino(id, dir.ino);
	return 0;
}

static int list_all(struct listing *l, uint64_t from)
{
	const struct imgfs *fs = l->w->fs;
	const struct tree_entry *e = tree_get(fs->tree, l->dir);
	uint64_t self, parent;
	struct squash_inode dir;
	int rc;

	if (e) {
		if (ino_of(l, e->id, &self) < 0 || ino_of(l, e->parent, &parent) < 0)
			return -1;
		return put_dots(l, self, parent, from) || put_virtual(l, from);
	}
	if (stack_inode(fs->stack, l->w->squash, l->dir, &dir, l->err) < 0)
		return -1;
	if (!S_ISDIR(dir.mode))
		return berth_fail(l->err, BERTH_EIMAGE, 0, "the image is damaged: a directory is none");
	if (from < POS_VIRTUAL) {
		self = stack_ino(l->dir, dir.ino);
		parent = l->dir == fs->root_id ? self : stack_ino(l->dir, dir.parent);
		if (put_dots(l, self, parent, from))
			return 1;
		rc = stack_list(fs->stack, l->w->squash, l->dir, from > POS_IMAGE ? from - POS_IMAGE : 0,
				put_image, l, l->err);
		if (rc != 0)
			return rc;
	}
	return put_virtual(l, from);
}

/* A start lists a directory or two; who lists more walks the tree, and will want all of it. */
static void watch_for_walks(struct imgfs *fs)
{
	if (atomic_fetch_add_explicit(&fs->listings, 1, memory_order_relaxed) != WALK)
		return;
	for (uint32_t i = 0; i < fs->nsource; i++)
		squash_read_ahead(fs->squash[i]);
}

static void list_dir(struct worker *w, struct request *r, bool plus)
{
	const struct fuse_read_in *in = (const struct fuse_read_in *)r->body;
	struct berth_err err = BERTH_ERR_INIT;
	struct listing l = {
		.w = w, .dir = id_of(w->fs, r->head->nodeid), .plus = plus, .err = &err,
		.buf = worker_scratch(w), .size = in->size < READ_MAX ? in->size : READ_MAX,
	};

	if (!l.buf)
		reply_error(w, r, ENOMEM);
	else if (list_all(&l, in->offset) < 0 && l.used == 0)
		reply_damage(w, r, &err);
	else
		(void)reply_data(w, r, l.buf, l.used);
	watch_for_walks(w->fs);
}

void op_readdir(struct worker *w, struct request *r)
{
	list_dir(w, r, false);
}

void op_readdirplus(struct worker *w, struct request *r)
{
	list_dir(w, r, true);
}
