/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * layout_out.h - an image of one layer is written: an OCI layout, as a directory or an archive, and
 * what 'docker load' reads.
 *
 * Runs as:  the user; the layer is made in a process of its own (tarball.h).
 * Promise:  the same file system, config and epoch give the same documents, and the same bytes with the
 *           same libraries (layer/pack.h).
 */
#ifndef BERTH_LAYOUT_OUT_H
#define BERTH_LAYOUT_OUT_H

#include "libimage/base/str.h"
#include "libimage/build/make.h"
#include "libimage/oci/manifest.h"

/* The image, not written yet: a layer in a file without a name, and its documents. */
struct image_parts {
	int layer_fd;
	struct oci_manifest manifest; /* of the config and the layer */
	struct oci_descriptor layer;  /* what manifest.layer points to */
	struct oci_descriptor self;   /* of the manifest */
	struct strbuf config_text, text;
	struct digest diff;
	uint64_t entries, left_out;
};

#define IMAGE_PARTS_INIT { .layer_fd = -1 }

/* 'o' says what the image says of itself. Fails: as tarball.h. */
int image_parts_make(struct basis *o, const struct region *r, const struct make_options *opt,
		     struct image_parts *ret, struct berth_err *err);
void image_parts_done(struct image_parts *p);

int layout_out(struct basis *o, const struct region *r, const struct target *t, const struct make_options *opt,
	       struct make_result *res, struct berth_err *err);

#endif
