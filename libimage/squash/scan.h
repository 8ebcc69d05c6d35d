/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * scan.h - walk a directory tree in a fixed order, without ever leaving it.
 *
 * Runs as:  whoever builds an image.
 * Promise:  each step down is an openat() that follows no link, compared with what was seen
 *           before; entries come sorted by their bytes, whatever order the file system has;
 *           a file that vanishes, or changes while it is read, is an error, never a torn copy.
 *
 * Twice: tree_scan() takes the names, tree_read() the files' bytes. In between the tree can be
 * looked at, and some files be read before the others.
 */
#ifndef BERTH_SCAN_H
#define BERTH_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

struct berth_err;
struct sqfs_inode_generic_t;

enum { TREE_DEPTH_MAX = 400 }; /* LIMIT: one descriptor a level; the usual limit is 1024 */

struct tree_node {
	struct tree_node *parent;    /* NULL: the root */
	struct tree_node **child;    /* of a directory, sorted */
	size_t nchild;
	struct tree_node *same;	     /* another name of this earlier node (hard link), or NULL */
	char *target;		     /* of a symbolic link */
	struct stat st;
	uint32_t links;		     /* names within the tree; of a directory: 2 + subdirectories */
	bool taken;		     /* a file whose bytes were read */

	/* The writer's: */
	struct sqfs_inode_generic_t *inode;
	uint32_t number, xattr;
	uint64_t ref;

	char name[];
};

struct tree_ops {
	void *arg;
	bool keep_devices;	  /* else they are left out and counted */
	dev_t skip_dev;		  /* a file to leave out: the output, if it has a name here */
	ino_t skip_ino;
	/* A directory, before its entries; 'fd' is borrowed. */
	int (*dir)(void *arg, struct tree_node *node, int fd, struct berth_err *err);
	/* A regular file at its first name, when it is read; 'fd' is borrowed and at 0. */
	int (*file)(void *arg, struct tree_node *node, int fd, struct berth_err *err);
};

struct tree {
	struct tree_node *root;
	uint64_t devices_left_out;
	uint64_t bytes; /* of all files, holes too */
	int64_t newest; /* the latest modification time of all nodes */
};

/*
 * Walk the directory 'fd' (borrowed), without reading files. What is mounted below belongs to the tree, except the
 * kernel's own file systems on proc, sys and dev at the top: of those stays the empty directory.
 * Fails: BERTH_EDENIED something cannot be read (names it), BERTH_ESYS, BERTH_EIMAGE it changed.
 * After failure too, tree_done() frees what there is.
 */
int tree_scan(int fd, const struct tree_ops *ops, struct tree *ret, struct berth_err *err);
void tree_done(struct tree *t, void (*inode_free)(void *inode));

/*
 * Give the bytes of a file of the tree, or of all that are not 'taken', to ops->file. 'fd' is
 * the tree's directory again. Fails: as tree_scan().
 */
int tree_read_file(int fd, const struct tree_ops *ops, struct tree *t, struct tree_node *node,
		   struct berth_err *err);
int tree_read(int fd, const struct tree_ops *ops, struct tree *t, struct berth_err *err);

/* Open the file 'node', if it still is the one that was seen. -1 and *err if not. */
int tree_open(int fd, const struct tree_node *node, struct berth_err *err);

/*
 * What 'path' leads to within the tree, as if 'from' (NULL: the root) were the working directory
 * and the tree's root "/": links are followed, also at the end. NULL: nothing. Of several names
 * of a file the first is returned.
 */
struct tree_node *tree_find(const struct tree *t, struct tree_node *from, const char *path);

/* "./a/b", for messages; cut at the front if long. */
void tree_path(const struct tree_node *node, char *out, size_t size);

#endif
