/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * push.h - images to a registry, and SIF files from one (oras://).
 *
 * Runs as:  the user.   Uses: registry, oci, layout_out.h.
 * Promise:  a tag is given last, when all that it names is there. Of a SIF file that comes the digest is
 *           compared before anybody gets to see it.
 *
 * A SIF file in a registry is an image of one layer, as ORAS has it: Apptainer's `push` and `pull` read and
 * write the same.
 */
#ifndef BERTH_PUSH_H
#define BERTH_PUSH_H

#include <stdint.h>

#include "libimage/build/make.h"
#include "libimage/ref/digest.h"

struct berth_err;
struct image_ref;
struct registry;

struct push_result {
	struct digest manifest;
	uint64_t bytes; /* of the layer */
};

/* The SIF file that the basis is. Fails: BERTH_EUSAGE it is none; as registry.h. */
int push_sif(const struct basis *b, const struct image_ref *ref, struct registry *r, struct push_result *ret,
	     struct berth_err *err);

/* An image of one layer, of whatever basis. Fails: as layout_out.h and registry.h. */
int push_image(struct basis *b, const struct image_ref *ref, struct registry *r, const struct make_options *opt,
	       struct push_result *ret, struct berth_err *err);

/*
 * The SIF file 'ref' into 'out_fd', which is empty. 'come' (NULL: nobody waits) is told how far it is.
 * Fails: BERTH_EUSAGE it is no SIF file; BERTH_EIMAGE other bytes than the digest says; as registry.h.
 */
int oras_fetch(const struct image_ref *ref, struct registry *r, int out_fd,
	       void (*come)(void *arg, const struct digest *layer, uint64_t done, uint64_t total), void *arg,
	       struct push_result *ret, struct berth_err *err);

#endif
