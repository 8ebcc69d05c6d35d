/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tree.h - virtual entries: directories and empty files that the view needs and the image lacks.
 *
 * Runs as:  the user, in berth-imgfs. A data structure: no system calls; the image is asked
 *           through 'struct tree_image'.
 * Uses:     libimage/base.
 * Promise:  an entry is added only where the path does not lead to something of its kind
 *           already, with links followed inside the image as openat2(RESOLVE_IN_ROOT) follows
 *           them; else it hides what the image has under that one name. The image's nodes keep
 *           their numbers, virtual ones have TREE_VIRTUAL set.
 *
 * Filled by one thread before serving; afterwards any thread may look.
 */
#ifndef BERTH_TREE_H
#define BERTH_TREE_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct berth_err;
struct tree;

#define TREE_VIRTUAL (1ull << 63)

enum tree_kind { TREE_DIR, TREE_FILE, TREE_LINK };

struct tree_node {
	uint64_t id;
	enum tree_kind kind; /* a device, pipe or socket counts as a file: files bind on it */
};

/* How the image answers. */
struct tree_image {
	uint64_t root;
	/* 1 and *ret; 0: no such name; -1 and *err */
	int (*lookup)(void *arg, uint64_t dir, const char *name, struct tree_node *ret,
		      struct berth_err *err);
	int (*readlink)(void *arg, uint64_t link, char out[PATH_MAX], struct berth_err *err);
	void *arg;
};

struct tree_entry {
	uint64_t id;	 /* TREE_VIRTUAL | index */
	uint64_t parent; /* image's or virtual */
	const char *name;
	bool is_dir;
	uint32_t next; /* private: of the same parent */
};

/* NULL without memory. */
struct tree *tree_new(void);
struct tree *tree_free(struct tree *t);

/*
 * Make 'path' (absolute, no "..") exist as a directory or as a file, with its parents.
 * Fails: BERTH_EUSAGE a malformed path, or one asked for as a file and as a directory;
 *        BERTH_ESYS no memory; what the image's functions report.
 */
int tree_add(struct tree *t, const struct tree_image *image, bool is_dir, const char *path,
	     struct berth_err *err);

/* The entry 'name' in directory 'parent', or NULL: ask the image. */
const struct tree_entry *tree_find(const struct tree *t, uint64_t parent, const char *name);

/* The entry with this id, or NULL. */
const struct tree_entry *tree_get(const struct tree *t, uint64_t id);

/* The entries of 'parent' in the order they were added; 'after' NULL: the first. NULL: no more. */
const struct tree_entry *tree_next(const struct tree *t, uint64_t parent,
				   const struct tree_entry *after);

/* How many directories were added below 'parent' itself: they count in its links. */
uint32_t tree_dirs(const struct tree *t, uint64_t parent);

size_t tree_count(const struct tree *t);

#endif
