/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * make.h - from whatever an image is made of (basis.h) to whatever it becomes.
 *
 * Runs as:  the user; what reads layers, ext3 and squashfs in processes of their own, but for sandbox.h.
 * Promise:  what is made appears complete or not at all.
 *
 * An image file is made at once:
 *     layers, ext3             convert.h                         SIF, squashfs
 *     a directory              squash/write.h                    SIF, squashfs
 *     SIF, squashfs            copied as it is, or by convert.h  SIF, squashfs
 * All else is made of a squashfs: the one that there is, or one in a file without a name:
 *     squashfs                 sandbox.h                         a directory
 *     squashfs                 tarball.h                         tar
 *     squashfs                 tarball.h, layout_out.h           OCI layout, archives of OCI and Docker
 */
#ifndef BERTH_MAKE_H
#define BERTH_MAKE_H

#include <stdbool.h>
#include <stdint.h>

#include "libimage/build/build.h"
#include "libimage/build/basis.h"
#include "libimage/squash/write.h"

struct berth_err;

enum target_kind {
	TARGET_SIF, TARGET_SQUASH, TARGET_DIR, TARGET_TAR, TARGET_OCI, TARGET_OCI_ARCHIVE, TARGET_DOCKER_ARCHIVE,
};

struct target {
	enum target_kind kind;
	const char *path; /* "-": standard output, of TARGET_TAR */
	const char *name; /* of an image in a layout or archive; NULL: none */
};

struct make_options {
	bool force, fix_modes;
	struct squash_write_options squash;
	bool keep_devices;	  /* of a directory, for root */
	bool remake;		  /* compress again what is a squashfs already */
	enum flat_packing layer;  /* of OCI's layers */
	const char *scratch;	  /* for scratch_open() */
	const struct build_object *objects; /* of a SIF file that is made of a directory */
	size_t nobjects;
	int cancel_fd;
};

struct make_result {
	uint64_t bytes;	  /* of the file; 0: of a directory, or not known */
	uint64_t entries; /* names or inodes; 0: not known, as it was copied */
	uint64_t left_out; /* device nodes and sockets */
	uint64_t attributes_left_out;
	bool signatures_left_out;
};

/* Fails: as what it uses; BERTH_EDENIED what is to be made is there (without force). */
int make_image(struct basis *o, const struct target *t, const struct make_options *opt, struct make_result *ret,
	       struct berth_err *err);

/* A squashfs of the basis, and of what is no image's layers: where it lies. For what is made of one. */
struct region {
	int fd;	   /* the basis's, or 'own' */
	int own;   /* -1: none */
	uint64_t at, size;
};

#define REGION_INIT { .fd = -1, .own = -1 }

int make_region(struct basis *o, const struct make_options *opt, struct region *ret, struct make_result *res,
		struct berth_err *err);
void region_done(struct region *r);

#endif
