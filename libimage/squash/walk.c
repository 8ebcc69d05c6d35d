/* SPDX-License-Identifier: BSD-3-Clause */
/* walk.c - every name of a squashfs, in order; see walk.h. */
#include "config.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "libimage/base/cleanup.h"
#include "libimage/base/err.h"
#include "libimage/base/str.h"
#include "libimage/squash/walk.h"

enum {
	PIECE = 1 << 20,	 /* bytes of a file that are read at once: the largest block */
	CACHE_BYTES = 16 << 20,
	ATTR_BYTES_MAX = 64 << 10, /* LIMIT: the kernel's, of a value */
};

/* The image and what reads it. */
struct opened {
	struct squash *fs;
	struct squash_worker *w;
};

static void opened_done(struct opened *o)
{
	o->w = squash_worker_free(o->w);
	o->fs = squash_close(o->fs);
}

static int open_image(int fd, uint64_t at, uint64_t size, struct opened *ret, struct berth_err *err)
{
	if (squash_open(fd, at, size, &ret->fs, err) < 0 ||
	    squash_share(&ret->fs, 1, CACHE_BYTES, 1, err) < 0)
		return -1;
	return squash_worker_new(&ret->fs, 1, &ret->w, err);
}

static int no_memory(struct berth_err *err)
{
	return berth_fail(err, BERTH_ESYS, ENOMEM, "cannot walk through the image");
}

/* ---- directories ------------------------------------------------------------------------------- */

struct entry {
	uint64_t ref;
	char *name;
};

struct list {
	struct entry *v;
	size_t n, size;
	bool failed;
};

static void list_done(struct list *l)
{
	for (size_t i = 0; i < l->n; i++)
		free(l->v[i].name);
	free(l->v);
}

static int take_entry(void *arg, const struct squash_dirent *ent)
{
	struct list *l = arg;

	if (l->n == l->size) {
		size_t size = l->size ? 2 * l->size : 16;
		struct entry *v = reallocarray(l->v, size, sizeof(*v));

		l->failed = !v;
		if (!v)
			return 1;
		l->v = v;
		l->size = size;
	}
	l->v[l->n] = (struct entry){ .ref = ent->ref, .name = strdup(ent->name) };
	l->failed = !l->v[l->n].name;
	if (l->failed)
		return 1;
	l->n++;
	return 0;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct entry *)a)->name, ((const struct entry *)b)->name);
}

struct walk {
	struct opened o;
	const struct squash_walk_ops *ops;
	struct strbuf path;
	char **first; /* of each inode number: the path where it was; only of what may come again */
	uint32_t inodes;
	unsigned int depth;
};

static void walk_done(struct walk *w)
{
	for (uint64_t i = 0; w->first && i <= w->inodes; i++)
		free(w->first[i]);
	free(w->first);
	strbuf_done(&w->path);
	opened_done(&w->o);
}

static int damaged(const struct walk *w, const char *what, struct berth_err *err)
{
	char shown[128];

	str_escape(w->path.len ? w->path.text : "/", shown, sizeof(shown));
	return berth_fail(err, BERTH_EIMAGE, 0, "squashfs is damaged: %s at '%s'", what, shown);
}

/* Was this inode here before? Of what has one name only nothing is kept. */
static int know(struct walk *w, const struct squash_inode *inode, const char **same, struct berth_err *err)
{
	char **slot;

	*same = NULL;
	if (inode->ino == 0 || inode->ino > w->inodes)
		return damaged(w, "an inode's number is beyond their count", err);
	slot = &w->first[inode->ino];
	if (*slot && S_ISDIR(inode->mode))
		return damaged(w, "a directory that is in two places", err);
	if (*slot) {
		*same = *slot;
		return 0;
	}
	if (!S_ISDIR(inode->mode) && inode->nlink < 2)
		return 0;
	*slot = strdup(w->path.len ? w->path.text : "");
	return *slot ? 0 : no_memory(err);
}

static int visit_ref(struct walk *w, uint64_t ref, const char *name, struct berth_err *err);

static int visit_children(struct walk *w, const struct squash_inode *dir, struct berth_err *err)
{
	cleanup(list_done) struct list l = { 0 };
	size_t len = w->path.len;

	if (++w->depth > SQUASH_WALK_DEPTH)
		return damaged(w, "too many levels of directories", err);
	if (squash_list(w->o.w, dir, 0, take_entry, &l, err) < 0)
		return -1;
	if (l.failed)
		return no_memory(err);
	/* mksquashfs sorts them too; a forged image may not. The same name twice would be two files of one name. */
	if (l.n > 1)
		qsort(l.v, l.n, sizeof(*l.v), by_name);
	for (size_t i = 0; i < l.n; i++) {
		if (len > 0)
			strbuf_puts(&w->path, "/");
		strbuf_puts(&w->path, l.v[i].name);
		if (!strbuf_ok(&w->path))
			return no_memory(err);
		if (i > 0 && strcmp(l.v[i - 1].name, l.v[i].name) == 0)
			return damaged(w, "a name that is there twice", err);
		if (visit_ref(w, l.v[i].ref, l.v[i].name, err) < 0)
			return -1;
		w->path.len = len;
		w->path.text[len] = '\0';
	}
	w->depth--;
	return 0;
}

static int visit_ref(struct walk *w, uint64_t ref, const char *name, struct berth_err *err)
{
	cleanup_free char *target = NULL;
	struct squash_inode inode;
	struct squash_visit v = { .name = name, .inode = &inode, .worker = w->o.w };

	if (squash_inode_get(w->o.w, w->o.fs, ref, &inode, err) < 0 || know(w, &inode, &v.same, err) < 0)
		return -1;
	if (S_ISLNK(inode.mode)) {
		target = malloc(PATH_MAX);
		if (!target)
			return no_memory(err);
		if (squash_readlink(w->o.w, &inode, target, err) < 0)
			return -1;
		v.target = target;
	}
	v.path = w->path.len ? w->path.text : "";
	if (w->ops->visit(w->ops->arg, &v, err) < 0)
		return -1;
	if (!S_ISDIR(inode.mode))
		return 0;
	if (visit_children(w, &inode, err) < 0)
		return -1;
	v.path = w->path.len ? w->path.text : ""; /* may have moved */
	return w->ops->leave ? w->ops->leave(w->ops->arg, &v, err) : 0;
}

int squash_walk(int fd, uint64_t at, uint64_t size, const struct squash_walk_ops *ops, struct berth_err *err)
{
	cleanup(walk_done) struct walk w = { .ops = ops };
	struct squash_inode root;

	if (open_image(fd, at, size, &w.o, err) < 0)
		return -1;
	if (squash_info(w.o.fs)->inodes > SQUASH_WALK_INODES)
		return berth_fail(err, BERTH_EIMAGE, 0, "the image has %" PRIu32 " inodes (%d are allowed)",
				  squash_info(w.o.fs)->inodes, SQUASH_WALK_INODES);
	w.first = calloc((size_t)squash_info(w.o.fs)->inodes + 1, sizeof(*w.first));
	if (!w.first)
		return no_memory(err);
	w.inodes = squash_info(w.o.fs)->inodes;
	if (squash_inode_get(w.o.w, w.o.fs, squash_info(w.o.fs)->root, &root, err) < 0)
		return -1;
	if (!S_ISDIR(root.mode))
		return damaged(&w, "no directory", err);
	squash_read_ahead(w.o.fs);
	return visit_ref(&w, squash_info(w.o.fs)->root, "", err);
}

/* ---- files ------------------------------------------------------------------------------------- */

int squash_visit_bytes(const struct squash_visit *v, squash_put put, void *arg, struct berth_err *err)
{
	cleanup_free char *buf = malloc(PIECE);
	uint64_t off = 0;

	if (!buf)
		return no_memory(err);
	while (off < v->inode->size) {
		uint64_t left = v->inode->size - off;
		size_t want = left < PIECE ? (size_t)left : PIECE;
		ssize_t n = squash_read(v->worker, v->inode, off, buf, want, err);

		if (n < 0)
			return -1;
		if ((size_t)n != want)
			return berth_fail(err, BERTH_EIMAGE, 0, "squashfs is damaged: a file is shorter than it says");
		if (put(arg, buf, (size_t)n, err) < 0)
			return -1;
		off += (uint64_t)n;
	}
	return 0;
}

static int take_attr(void *arg, const char *name, size_t value_len)
{
	struct squash_attrs *a = arg;
	struct squash_attr *v;

	if (!str_after(name, "user."))
		return 0;
	v = reallocarray(a->v, a->n + 1, sizeof(*v));
	if (!v)
		return ENOMEM;
	a->v = v;
	a->v[a->n] = (struct squash_attr){ .name = strdup(name), .n = value_len };
	if (!a->v[a->n].name)
		return ENOMEM;
	a->n++;
	return 0;
}

static int by_attr_name(const void *a, const void *b)
{
	return strcmp(((const struct squash_attr *)a)->name, ((const struct squash_attr *)b)->name);
}

static int get_values(const struct squash_visit *v, struct squash_attrs *a, struct berth_err *err)
{
	for (size_t i = 0; i < a->n; i++) {
		ssize_t n;

		if (a->v[i].n > ATTR_BYTES_MAX)
			return berth_fail(err, BERTH_EIMAGE, 0, "squashfs is damaged: an attribute of %zu bytes",
					  a->v[i].n);
		a->v[i].value = malloc(a->v[i].n + 1);
		if (!a->v[i].value)
			return no_memory(err);
		n = a->v[i].n ? squash_xattr_get(v->worker, v->inode, a->v[i].name, a->v[i].value, a->v[i].n, err) : 0;
		if (n == -1)
			return -1;
		if (n != (ssize_t)a->v[i].n || (i > 0 && strcmp(a->v[i - 1].name, a->v[i].name) == 0))
			return berth_fail(err, BERTH_EIMAGE, 0, "squashfs is damaged: an attribute that is not what "
								"the list says");
	}
	return 0;
}

int squash_visit_attrs(const struct squash_visit *v, struct squash_attrs *ret, struct berth_err *err)
{
	struct squash_attrs a = { 0 };
	int rc = 0;

	*ret = a;
	if (v->inode->xattr == SQUASH_XATTR_NONE)
		return 0;
	rc = squash_xattr_list(v->worker, v->inode, take_attr, &a, err);
	if (rc > 0)
		rc = no_memory(err);
	if (rc == 0 && a.n > 1)
		qsort(a.v, a.n, sizeof(*a.v), by_attr_name);
	if (rc == 0)
		rc = get_values(v, &a, err);
	if (rc < 0)
		squash_attrs_done(&a);
	else
		*ret = a;
	return rc;
}

void squash_attrs_done(struct squash_attrs *a)
{
	for (size_t i = 0; i < a->n; i++) {
		free(a->v[i].name);
		free(a->v[i].value);
	}
	free(a->v);
	*a = (struct squash_attrs){ 0 };
}
