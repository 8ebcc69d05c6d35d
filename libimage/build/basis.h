/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * basis.h - what an image is made of: opened, and its kind found out.
 *
 * Runs as:  the user. What decides is read here (heads, documents); the rest is for the converter.
 * Uses:     libimage/{base,ref,oci,sif,squash,layer}.
 * Promise:  a kind is what the bytes say, not the name. Documents of a layout are compared with their
 *           digests, its layers by the converter with those that the config has.
 *
 *     docker-archive:PATH[:NAME]   BASIS_LAYERS    basis_layout.c
 *     oci-archive:, oci:           BASIS_LAYERS    basis_layout.c
 *     a directory                  BASIS_DIR
 *     SIF, squashfs                BASIS_SQUASH    (SIF around an ext3: BASIS_EXT)
 *     ext3 of Singularity 2.x      BASIS_EXT
 *     tar, packed or not; "-"      BASIS_LAYERS    one, and no config
 */
#ifndef BERTH_BASIS_H
#define BERTH_BASIS_H

#include <stdbool.h>
#include <stdint.h>

#include "libimage/build/convert.h"
#include "libimage/build/members.h"
#include "libimage/oci/image_config.h"

struct berth_err;
struct image_ref;

enum basis_kind { BASIS_NONE, BASIS_DIR, BASIS_SQUASH, BASIS_EXT, BASIS_LAYERS };

struct basis {
	enum basis_kind kind;
	char *path;		/* for messages */
	int fd;			/* a file or a directory; -1: layers have theirs */
	bool sif;		/* the file is one */
	uint64_t at, size;	/* of the file system in it */
	uint64_t file_size;
	char arch[3];		/* of a SIF file: its code; "": not known */

	/* BASIS_LAYERS: */
	struct members *members;
	struct convert_layer *layer; /* the lowest first */
	size_t nlayer;
	char (*layer_name)[32];
	bool has_config;
	const char *bootstrap;	/* "oci-archive" */
	char *from;		/* "x.tar:alpine" */

	struct oci_config config; /* of layers, and of a SIF file that has one */
};

#define BASIS_INIT { .fd = -1 }

struct basis_options {
	const char *platform; /* "linux/arm64"; NULL: this machine's */
	const char *scratch;  /* for scratch_open() */
};

/*
 * 'ref' is anything that is in no registry. Fails: BERTH_ENOTFOUND, BERTH_EDENIED; BERTH_EIMAGE damaged;
 * BERTH_EUSAGE nothing that an image is made of, with a hint that says what else to do.
 */
int basis_open(const struct image_ref *ref, const struct basis_options *opt, struct basis *ret,
		struct berth_err *err);

/* The same of an image file that is open; the descriptor is taken, also after failure. */
int basis_open_file(int fd, const char *path, struct basis *ret, struct berth_err *err);

void basis_done(struct basis *o);

#endif
