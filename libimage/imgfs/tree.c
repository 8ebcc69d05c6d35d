/* SPDX-License-Identifier: BSD-3-Clause */
/* tree.c - virtual entries, and the walk that decides where they are needed; see tree.h. */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "libimage/base/cleanup.h"
#include "libimage/base/err.h"
#include "libimage/base/path.h"
#include "libimage/imgfs/tree.h"

enum {
	LINKS_MAX = 40,		   /* LIMIT: what Linux follows in one path */
	DEPTH_MAX = PATH_MAX / 2,  /* LIMIT: "/a/a/a..." */
	NAME_BYTES = 255,	   /* LIMIT: a name, as everywhere on Linux */
	NONE = -1,
};
static const uint32_t NO_ENTRY = UINT32_MAX;

/* A directory that has entries. */
struct parent {
	uint64_t id;
	uint32_t first, last, dirs;
};

/* Open addressing; a cell holds an index, or -1. */
struct table {
	int64_t *cell;
	size_t mask, used;
};

struct tree {
	struct tree_entry *entry;
	size_t n, size;
	struct parent *parent;
	size_t nparent, parent_size;
	struct table names, parents;
};

/* A place reached: the directories on the way, so that ".." needs no look-up. */
struct spot {
	uint64_t dir[DEPTH_MAX];
	int depth; /* dir[depth] is where we are */
};

static uint64_t hash_id(uint64_t id)
{
	id *= 0x9E3779B97F4A7C15u;
	return id ^ id >> 29;
}

static uint64_t hash_name(uint64_t parent, const char *name)
{
	uint64_t h = hash_id(parent) ^ 0xcbf29ce484222325u;

	for (; *name; name++)
		h = (h ^ (uint8_t)*name) * 0x100000001b3u;
	return h ^ h >> 31;
}

static void table_put(struct table *t, uint64_t hash, size_t index)
{
	size_t i = hash & t->mask;

	while (t->cell[i] != NONE)
		i = (i + 1) & t->mask;
	t->cell[i] = (int64_t)index;
	t->used++;
}

static int table_room(struct tree *t, struct table *tab, bool names)
{
	size_t size = tab->cell ? (tab->mask + 1) * 2 : 64;
	struct table bigger = { .mask = size - 1 };

	if (tab->cell && tab->used * 2 <= tab->mask)
		return 0;
	bigger.cell = malloc(size * sizeof(*bigger.cell));
	if (!bigger.cell)
		return -1;
	for (size_t i = 0; i < size; i++)
		bigger.cell[i] = NONE;
	for (size_t i = 0; i < (names ? t->n : t->nparent); i++)
		table_put(&bigger, names ? hash_name(t->entry[i].parent, t->entry[i].name) :
					   hash_id(t->parent[i].id), i);
	free(tab->cell);
	*tab = bigger;
	return 0;
}

static int grow(void **v, size_t *size, size_t n, size_t one)
{
	size_t more = *size ? *size * 2 : 32;
	void *p;

	if (n < *size)
		return 0;
	p = reallocarray(*v, more, one);
	if (!p)
		return -1;
	*v = p;
	*size = more;
	return 0;
}

struct tree *tree_new(void)
{
	return calloc(1, sizeof(struct tree));
}

struct tree *tree_free(struct tree *t)
{
	if (!t)
		return NULL;
	for (size_t i = 0; i < t->n; i++)
		free((char *)(uintptr_t)t->entry[i].name);
	free(t->entry);
	free(t->parent);
	free(t->names.cell);
	free(t->parents.cell);
	free(t);
	return NULL;
}

static struct parent *find_parent(const struct tree *t, uint64_t id)
{
	if (!t->parents.cell)
		return NULL;
	for (size_t i = hash_id(id) & t->parents.mask; t->parents.cell[i] != NONE;
	     i = (i + 1) & t->parents.mask) {
		struct parent *p = &t->parent[t->parents.cell[i]];

		if (p->id == id)
			return p;
	}
	return NULL;
}

const struct tree_entry *tree_find(const struct tree *t, uint64_t parent, const char *name)
{
	if (!t->names.cell || !find_parent(t, parent))
		return NULL;
	for (size_t i = hash_name(parent, name) & t->names.mask; t->names.cell[i] != NONE;
	     i = (i + 1) & t->names.mask) {
		const struct tree_entry *e = &t->entry[t->names.cell[i]];

		if (e->parent == parent && strcmp(e->name, name) == 0)
			return e;
	}
	return NULL;
}

const struct tree_entry *tree_get(const struct tree *t, uint64_t id)
{
	uint64_t i = id & ~TREE_VIRTUAL;

	return id & TREE_VIRTUAL && i < t->n ? &t->entry[i] : NULL;
}

const struct tree_entry *tree_next(const struct tree *t, uint64_t parent,
				   const struct tree_entry *after)
{
	const struct parent *p = after ? NULL : find_parent(t, parent);
	uint32_t i = after ? after->next : p ? p->first : NO_ENTRY;

	return i == NO_ENTRY ? NULL : &t->entry[i];
}

uint32_t tree_dirs(const struct tree *t, uint64_t parent)
{
	const struct parent *p = find_parent(t, parent);

	return p ? p->dirs : 0;
}

size_t tree_count(const struct tree *t)
{
	return t->n;
}

static struct parent *get_parent(struct tree *t, uint64_t id)
{
	struct parent *p = find_parent(t, id);

	if (p)
		return p;
	if (grow((void **)&t->parent, &t->parent_size, t->nparent, sizeof(*t->parent)) < 0 ||
	    table_room(t, &t->parents, false) < 0)
		return NULL;
	p = &t->parent[t->nparent];
	*p = (struct parent){ .id = id, .first = NO_ENTRY, .last = NO_ENTRY };
	table_put(&t->parents, hash_id(id), t->nparent++);
	return p;
}

static int put_entry(struct tree *t, uint64_t parent, const char *name, bool is_dir,
		     struct tree_node *ret, struct berth_err *err)
{
	cleanup_free char *copy = strdup(name);
	struct parent *p = get_parent(t, parent);
	struct tree_entry *e;

	if (!copy || !p || t->n >= NO_ENTRY ||
	    grow((void **)&t->entry, &t->size, t->n, sizeof(*t->entry)) < 0 ||
	    table_room(t, &t->names, true) < 0)
		return berth_fail(err, BERTH_ESYS, ENOMEM, "cannot add '%s' to the image", name);
	e = &t->entry[t->n];
	*e = (struct tree_entry){ .id = TREE_VIRTUAL | t->n, .parent = parent,
				  .name = take_ptr(&copy), .is_dir = is_dir, .next = NO_ENTRY };
	if (p->last == NO_ENTRY)
		p->first = (uint32_t)t->n;
	else
		t->entry[p->last].next = (uint32_t)t->n;
	p->last = (uint32_t)t->n;
	p->dirs += is_dir;
	table_put(&t->names, hash_name(parent, name), t->n++);
	*ret = (struct tree_node){ .id = e->id, .kind = is_dir ? TREE_DIR : TREE_FILE };
	return 0;
}

/* One name in one directory, virtual entries first. 1, 0 or -1. */
static int step(const struct tree *t, const struct tree_image *image, uint64_t dir, const char *name,
		struct tree_node *ret, struct berth_err *err)
{
	const struct tree_entry *e = tree_find(t, dir, name);

	if (e) {
		*ret = (struct tree_node){ .id = e->id, .kind = e->is_dir ? TREE_DIR : TREE_FILE };
		return 1;
	}
	if (dir & TREE_VIRTUAL)
		return 0;
	return image->lookup(image->arg, dir, name, ret, err);
}

/* Cut the next component off 'rest' into 'name'. False: too long. At the end name is "". */
static bool cut_name(char **rest, char name[NAME_BYTES + 1])
{
	size_t n;

	*rest += strspn(*rest, "/");
	n = strcspn(*rest, "/");
	if (n > NAME_BYTES)
		return false;
	memcpy(name, *rest, n);
	name[n] = '\0';
	*rest += n;
	return true;
}

/*
 * Follow 'link' from 'at' as the kernel would inside the root: absolute targets begin at the
 * root, ".." does not leave it, 40 links at most. Returns 1 with *ret, and 'at' moved to it
 * where it is a directory; 0: leads nowhere; -1.
 */
static int follow(const struct tree *t, const struct tree_image *image, struct spot *at, uint64_t link,
		  struct tree_node *ret, struct berth_err *err)
{
	char path[PATH_MAX], target[PATH_MAX], name[NAME_BYTES + 1], *rest = path;
	int links = 1, rc;

	if (image->readlink(image->arg, link, path, err) < 0)
		return -1;
	*ret = (struct tree_node){ .id = at->dir[at->depth], .kind = TREE_DIR };
	if (path[0] == '/')
		at->depth = 0;
	for (;;) {
		if (!cut_name(&rest, name))
			return 0;
		if (name[0] == '\0') {
			ret->id = at->dir[at->depth];
			return 1;
		}
		if (strcmp(name, ".") == 0)
			continue;
		if (strcmp(name, "..") == 0) {
			at->depth -= at->depth > 0;
			continue;
		}
		rc = step(t, image, at->dir[at->depth], name, ret, err);
		if (rc <= 0)
			return rc;
		if (ret->kind == TREE_DIR) {
			if (at->depth + 1 >= DEPTH_MAX)
				return 0;
			at->dir[++at->depth] = ret->id;
		} else if (ret->kind == TREE_LINK) {
			size_t n, left = strlen(rest);

			if (++links > LINKS_MAX)
				return 0;
			if (image->readlink(image->arg, ret->id, target, err) < 0)
				return -1;
			n = strlen(target);
			if (n + left + 1 > sizeof(path))
				return 0;
			memmove(path + n, rest, left + 1);
			memcpy(path, target, n);
			rest = path;
			if (path[0] == '/')
				at->depth = 0;
			*ret = (struct tree_node){ .id = at->dir[at->depth], .kind = TREE_DIR };
		} else {
			return *rest == '\0';
		}
	}
}

/*
 * Make 'name' in at's directory a directory or a file, and go into it where it is a directory.
 */
static int want(struct tree *t, const struct tree_image *image, struct spot *at, const char *name,
		bool is_dir, struct berth_err *err)
{
	uint64_t dir = at->dir[at->depth];
	struct tree_node node;
	int rc = step(t, image, dir, name, &node, err);
	bool is_virtual = rc > 0 && node.id & TREE_VIRTUAL;

	if (rc > 0 && node.kind == TREE_LINK) {
		int depth = at->depth;
		cleanup_free struct spot *end = malloc(sizeof(*end));

		if (!end)
			return berth_fail(err, BERTH_ESYS, ENOMEM, "cannot follow a link");
		*end = *at;
		rc = follow(t, image, end, node.id, &node, err);
		if (rc > 0 && is_dir && node.kind == TREE_DIR) {
			*at = *end;
			return 0;
		}
		at->depth = depth;
		if (rc > 0 && node.kind == TREE_DIR) /* a file is wanted: hide the link */
			rc = 0;
	}
	if (rc < 0)
		return -1;
	if (rc > 0 && (node.kind == TREE_DIR) == is_dir) {
		if (!is_dir)
			return 0;
	} else if (is_virtual) {
		return berth_fail(err, BERTH_EUSAGE, 0, "'%s' is wanted as a file and as a directory", name);
	} else if (put_entry(t, dir, name, is_dir, &node, err) < 0) {
		return -1;
	}
	if (is_dir) {
		if (at->depth + 1 >= DEPTH_MAX)
			return berth_fail(err, BERTH_EUSAGE, ENAMETOOLONG, "cannot add '%s'", name);
		at->dir[++at->depth] = node.id;
	}
	return 0;
}

int tree_add(struct tree *t, const struct tree_image *image, bool is_dir, const char *path,
	     struct berth_err *err)
{
	cleanup_free struct spot *at = malloc(sizeof(*at));
	char copy[PATH_MAX], name[NAME_BYTES + 1], *rest = copy;
	size_t n = strlen(path);

	if (!path_is_target(path) || n >= sizeof(copy))
		return berth_fail(err, BERTH_EUSAGE, 0, "cannot add '%s': not a plain absolute path", path);
	if (!at)
		return berth_fail(err, BERTH_ESYS, ENOMEM, "cannot add '%s'", path);
	memcpy(copy, path, n + 1);
	path_tidy(copy);
	if (!is_dir && strcmp(copy, "/") == 0)
		return berth_fail(err, BERTH_EUSAGE, 0, "'/' is a directory, not a file");
	at->depth = 0;
	at->dir[0] = image->root;
	for (;;) {
		if (!cut_name(&rest, name))
			return berth_fail(err, BERTH_EUSAGE, ENAMETOOLONG, "cannot add '%s'", path);
		if (name[0] == '\0')
			return 0;
		if (want(t, image, at, name, is_dir || *rest != '\0', err) < 0)
			return berth_context(err, "'%s'", path);
	}
}
