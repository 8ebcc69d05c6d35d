/* SPDX-License-Identifier: BSD-3-Clause */
/* flat_build.c - of the marks, the tree: what lives, sorted, with its links; see flat.h. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "libimage/base/err.h"
#include "libimage/layer/flat_priv.h"

static int by_name(const void *a, const void *b)
{
	return strcmp((*(struct tree_node *const *)a)->name, (*(struct tree_node *const *)b)->name);
}

/* ---- directories ---- */

static int build_dir(struct flat *f, uint32_t m, unsigned int depth, struct berth_err *err);

/* Is 'c' in the tree? Then all below it is made. 1, 0, -1. */
static int look(struct flat *f, uint32_t c, unsigned int depth, struct berth_err *err)
{
	struct mark *m = &f->marks[c];
	const struct tree_node *file = m->node->same ? m->node->same : m->node;
	int rc;

	if (m->detached)
		return 0;
	if (mark_lives(m) && !mark_is_dir(m)) {
		if (f->limits->keep_devices || (!S_ISCHR(file->st.st_mode) && !S_ISBLK(file->st.st_mode)))
			return 1;
		f->counts.devices++;
		return 0;
	}
	rc = m->child == 0 ? 0 : build_dir(f, c, depth + 1, err);
	return rc == 0 && (mark_lives(m) || m->implied != 0) ? 1 : rc;
}

/* Returns how many there are, bounded to 1, or -1. */
static int build_dir(struct flat *f, uint32_t m, unsigned int depth, struct berth_err *err)
{
	struct tree_node *dir = f->marks[m].node;
	size_t n = 0;

	for (uint32_t c = f->marks[m].child; c != 0; c = f->marks[c].next) {
		int rc = look(f, c, depth, err);

		if (rc < 0)
			return -1;
		f->marks[c].keep = rc == 1;
		n += rc == 1;
	}
	if (n == 0)
		return 0;
	if (depth >= f->limits->depth)
		return berth_fail(err, BERTH_EIMAGE, 0, "the image's directories are more than %u deep",
				  f->limits->depth);
	dir->child = calloc(n, sizeof(struct tree_node *));
	if (!dir->child)
		return flat_nomem(err);
	for (uint32_t c = f->marks[m].child; c != 0; c = f->marks[c].next) {
		struct tree_node *node = f->marks[c].node;

		if (!f->marks[c].keep)
			continue;
		if (!mark_lives(&f->marks[c]))
			node->st.st_mode = S_IFDIR | 0755;
		node->parent = dir;
		dir->child[dir->nchild++] = node;
	}
	if (n > 1)
		qsort(dir->child, n, sizeof(struct tree_node *), by_name);
	return 1;
}

/* ---- hard links ---- */

/* The sink's part of a file goes to another of its names. */
static void hand_over(struct tree_node *from, struct tree_node *to)
{
	to->st = from->st;
	to->target = from->target;
	to->inode = from->inode;
	to->xattr = from->xattr;
	to->taken = from->taken;
	from->target = NULL;
	from->inode = NULL;
	from->taken = false;
}

/*
 * In the order of a walk: the first name of a file is the one that others are the same as. 'ref' of the
 * node that had the file so far leads to it.
 */
static void link_name(struct tree_node *node)
{
	struct tree_node *holder = node->same ? node->same : node;
	struct tree_node *first = (struct tree_node *)(uintptr_t)holder->ref;

	if (first) {
		node->same = first;
		node->st = first->st;
		first->links++;
		return;
	}
	holder->ref = (uint64_t)(uintptr_t)node;
	if (holder != node)
		hand_over(holder, node);
	node->same = NULL;
	node->links = 1;
}

static void count(struct tree *t, struct tree_node *node)
{
	int64_t time = node->st.st_mtim.tv_sec;

	if (time > t->newest)
		t->newest = time;
	node->number = 0;
	if (S_ISREG(node->st.st_mode) && !node->same)
		t->bytes += (uint64_t)node->st.st_size;
}

static void walk(struct tree *t, struct tree_node *dir)
{
	dir->links = 2;
	count(t, dir);
	for (size_t i = 0; i < dir->nchild; i++) {
		struct tree_node *node = dir->child[i];

		if (S_ISDIR(node->st.st_mode)) {
			dir->links++;
			walk(t, node);
		} else {
			link_name(node);
			count(t, node);
		}
	}
}

/* ---- the end ---- */

void flat_bury(const struct flat *f, struct tree_node *node)
{
	if (node && node->taken)
		f->sink->drop(f->sink->arg, node);
	flat_node_free(node);
}

int flat_build(struct flat *f, struct tree *ret, struct berth_err *err)
{
	struct tree_node *root = f->marks[0].node;

	if (!mark_lives(&f->marks[0]))
		root->st.st_mode = S_IFDIR | 0755;
	f->marks[0].keep = true;
	if (build_dir(f, 0, 0, err) < 0 || f->sink->settle(f->sink->arg, err) < 0)
		return -1;
	memset(ret, 0, sizeof(*ret));
	ret->root = root;
	ret->devices_left_out = f->counts.devices;
	walk(ret, root);
	for (size_t i = 0; i < f->norphans; i++)
		flat_bury(f, f->orphans[i]);
	f->norphans = 0;
	for (uint32_t i = 0; i < f->nmarks; i++)
		if (!f->marks[i].keep)
			flat_bury(f, f->marks[i].node);
	f->nmarks = 0;
	return 0;
}

int flat_finish(struct flat *f, struct tree *ret, struct berth_err *err)
{
	memset(ret, 0, sizeof(*ret));
	if (f->open || f->done)
		return berth_fail(err, BERTH_EBUG, 0, "the tree was finished while a file was open");
	if (flat_layer_end(f, err) < 0)
		return -1;
	f->done = true;
	if (flat_moves(f, err) < 0 || flat_links_finish(f, err) < 0)
		return -1;
	return flat_build(f, ret, err);
}
