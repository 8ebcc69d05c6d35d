/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * flat.h - layers become one tree, while they stream by.
 *
 * Runs as:  the user, in a process that may have shut itself in: nothing here opens a file. One
 *           thread is started for each layer.
 * Promise:  the tree is what applying the layers from the lowest to the topmost to an empty
 *           directory would leave, by the rules of the OCI image format; yet the layers come top
 *           layer first, so that of each name only what stays is written. No name leads out of the
 *           tree. The same layers give the same tree and the same calls of the sink in the same order.
 *
 *   flat_new()
 *     flat_add()...    made-up entries, above all layers
 *     flat_layer()     the topmost
 *     flat_layer()...
 *     flat_add()...    below all layers: what is there already stays
 *   flat_finish()
 *
 * Rules, where the format leaves a choice or tools differ
 *   - A name that was taken away or replaced by a layer does not show what lower ones have.
 *   - A directory that nobody made but that has entries: root's, 0755, of time 0.
 *   - "lib/x", where "lib" is a symbolic link of a lower layer and not made a directory: goes where the
 *     link leads. Where it is a file of a lower layer: it becomes a directory.
 *   - Within a layer the later entry counts, and a whiteout only hides what lower layers have.
 *   - A hard link is to what its layer and those below have under that name, also where a layer
 *     above replaced it.
 *   - setuid and setgid stay (images are mounted nosuid); of attributes the "user." ones do.
 */
#ifndef BERTH_FLAT_H
#define BERTH_FLAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include "libimage/base/source.h"

struct berth_err;
struct digest;
struct flat;
struct tree;
struct tree_node;

struct flat_xattr {
	const char *name; /* "user.…" */
	const void *value;
	size_t n;
};

/*
 * Where the files' bytes go. A node keeps its address until settle() is called, in flat_finish(); after
 * it, what the sink has put into a node ('inode', 'xattr') may move to another name of the same file.
 */
struct flat_sink {
	void *arg;
	/* All attributes of a node, sorted by name; before begin(), and again if the node is given anew. */
	int (*xattrs)(void *arg, struct tree_node *node, const struct flat_xattr *v, size_t n,
		      struct berth_err *err);
	/* A regular file, empty ones too; node->st is filled. Then its bytes in order, holes as zeros. */
	int (*begin)(void *arg, struct tree_node *node, struct berth_err *err);
	int (*data)(void *arg, const void *buf, size_t n, struct berth_err *err);
	int (*zeros)(void *arg, uint64_t n, struct berth_err *err);
	int (*end)(void *arg, struct berth_err *err);
	/* Everything was given: let go of the nodes. */
	int (*settle)(void *arg, struct berth_err *err);
	/*
	 * This file is in no directory after all (it came twice, say); 'node' is freed next. After settle(),
	 * or in flat_free() if it did not come to that.
	 */
	void (*drop)(void *arg, struct tree_node *node);
};

struct flat_limits {
	uint64_t entries;	 /* of all layers together */
	uint64_t bytes;		 /* of all layers, unpacked; and again of all holes */
	uint64_t ratio;		 /* unpacked to packed, of a layer that is larger than ratio_from */
	uint64_t ratio_from;
	unsigned int depth;	 /* levels of directories */
	bool keep_devices;	 /* else device nodes are left out and counted */
};

/* LIMIT: more than any image has; a bomb ends in minutes, and a tree of 10^6 entries takes 300 MiB. */
#define FLAT_LIMITS_INIT { .entries = 10000000, .bytes = (uint64_t)1 << 40, .ratio = 1000, \
			   .ratio_from = (uint64_t)1 << 30, .depth = 400 }

struct flat_counts {
	uint64_t entries, bytes; /* that came by */
	uint64_t hidden;	 /* entries that a layer above hides */
	uint64_t devices;	 /* that were left out */
	uint64_t xattrs;	 /* that were left out: of security.*, trusted.*, system.* */
};

/* Neither argument is copied: both stay until flat_free(). */
int flat_new(const struct flat_sink *sink, const struct flat_limits *limits, struct flat **ret,
	     struct berth_err *err);
/*
 * NULL-safe, returns NULL. Before flat_finish() succeeded it drops all files: no thread of the sink may
 * look at nodes any more. After it, the tree is no longer its.
 */
struct flat *flat_free(struct flat *f);

struct flat_entry {
	const char *path;   /* below the root, with or without a leading slash */
	const char *target; /* of a symbolic link */
	const char *link;   /* not NULL: another name of this path; 'st' is ignored */
	struct stat st;	    /* mode with its type, owner, time, size, device */
	const struct flat_xattr *xattrs; /* sorted by name */
	size_t nxattrs;
};

/*
 * One entry that is of no layer. Returns 1 if it is a regular file that stays: then all st.st_size
 * bytes follow by flat_data() and flat_zeros(), and flat_end(). 0: nothing follows; -1.
 */
int flat_add(struct flat *f, const struct flat_entry *e, struct berth_err *err);
int flat_data(struct flat *f, const void *buf, size_t n, struct berth_err *err);
int flat_zeros(struct flat *f, uint64_t n, struct berth_err *err);
int flat_end(struct flat *f, struct berth_err *err);

enum flat_packing { FLAT_PLAIN, FLAT_GZIP, FLAT_ZSTD, FLAT_ANY };

struct flat_blob {
	struct source source;
	enum flat_packing packing;    /* what the manifest says; FLAT_ANY: what the bytes say */
	const struct digest *diff_id; /* of the tar stream; NULL: not known */
	/*
	 * Make 'source' start over. Called when a link turns out to be to a file that was passed over
	 * because a layer above hides it; NULL where that cannot be: such an image is refused.
	 */
	int (*again)(void *arg, struct berth_err *err);
	const char *name; /* for messages, "layer 2 of 5" or a path */
};

/*
 * The next lower layer: a tar stream, packed or not. Everything is read, to the blob's end.
 * Fails: BERTH_EIMAGE the layer is damaged, no layer, beyond a limit or not what the digest says; what
 *        source and sink fail with.
 */
int flat_layer(struct flat *f, const struct flat_blob *blob, struct berth_err *err);

/*
 * The tree: children sorted by bytes, links counted, 'same' leading to the first name of a file in the
 * order of a walk. tree_done() frees it.
 * Fails: BERTH_EIMAGE a link leads nowhere; what the sink fails with.
 */
int flat_finish(struct flat *f, struct tree *ret, struct berth_err *err);

void flat_counts(const struct flat *f, struct flat_counts *ret);

#endif
