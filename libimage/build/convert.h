/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * convert.h - layers to a SIF file, in one pass.
 *
 * Runs as:  the user; the conversion itself in a process of its own that can reach nothing (cell.h).
 * Uses:     libimage/{base,layer,squash,sif}.
 * Promise:  the layers are read once, top layer first, also while they are still being downloaded;
 *           nothing is unpacked to disk. The same layers and the same options give the same bytes,
 *           whatever the number of processors.
 *
 * The file holds, in this order: the definition file, the named JSON objects, the partition.
 */
#ifndef BERTH_CONVERT_H
#define BERTH_CONVERT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "libimage/build/cell.h"
#include "libimage/layer/flat.h"
#include "libimage/squash/write.h"

struct berth_err;
struct growth;

/* Where a layer's bytes are: a file, whole or still growing. */
struct convert_layer {
	int fd;			/* read with pread() */
	uint64_t at, size;	/* its bytes in 'fd'; size 0 with 'growth': not known yet */
	struct growth *growth;	/* NULL: the file is whole */
	enum flat_packing packing;
	const struct digest *diff_id; /* NULL: not known */
	const char *name;	/* for messages */
	bool pipe;		/* 'fd' is read() as it comes, to its end; such a layer cannot be read twice */
};

/* A file system in a file, in place of layers. */
struct convert_tree {
	int fd;
	uint64_t at, size;
	/* All of it to 'f', by flat_add(). */
	int (*feed)(int fd, uint64_t at, uint64_t size, struct flat *f, struct berth_err *err);
};

/* A file, link or directory that is put on top of all layers, or under them. */
struct convert_extra {
	const char *path;
	mode_t mode;	     /* with the type: S_IFREG, S_IFLNK, S_IFDIR */
	const char *text;    /* content, or a link's target */
	size_t n;	     /* bytes of the content */
	bool below;	     /* only where no layer has the name */
};

/* An object of the SIF file beside the partition. */
struct convert_object {
	int32_t type;	     /* enum sif_type */
	const char *name;
	const void *bytes;
	size_t n;
};

struct convert_job {
	int out_fd;			   /* empty, open for reading and writing */
	const struct convert_layer *layer; /* the lowest first, as a manifest has them */
	size_t nlayer;
	const struct convert_tree *tree; /* NULL: there are layers */
	const struct convert_extra *extra;
	size_t nextra;
	const struct convert_object *object;
	size_t nobject;
	const char *arch;		   /* SIF's code: "02"; NULL: that of its /bin/sh */
	struct squash_write_options squash;
	bool bare;			   /* no SIF around it: a squashfs file */
};

struct convert_result {
	uint64_t bytes; /* of the file */
	uint64_t inodes, start_bytes;
	struct flat_counts counts;
};

/* Do it in this process. Fails as flat.h and squash/stream.h. */
int convert_here(const struct convert_job *job, struct convert_result *ret, struct berth_err *err);

/*
 * Start it in a process of its own, and wait for it with convert_end(), 'cancel_fd' as in cell_wait(). In
 * between the caller may fill the files that grow. The process has a copy of all that 'job' points to.
 */
int convert_start(struct cell *c, const struct convert_job *job, struct berth_err *err);
int convert_end(struct cell *c, int cancel_fd, struct convert_result *ret, struct berth_err *err);

#endif
