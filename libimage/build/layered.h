/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * layered.h - an image of layers, wherever these lie, becomes a SIF file.
 *
 * Runs as:  the user.   Uses: convert.h, singularity_d.h, oci.
 * Promise:  what the image says of itself (config) becomes /.singularity.d and the objects of the SIF
 *           file as Apptainer makes them, so that it runs the same with either.
 */
#ifndef BERTH_LAYERED_H
#define BERTH_LAYERED_H

#include <stdbool.h>
#include <stddef.h>

#include "libimage/build/convert.h"
#include "libimage/oci/media.h"
#include "libimage/squash/write.h"

struct berth_err;
struct oci_config;
struct strbuf;

struct layered {
	const char *bootstrap, *from; /* of the definition file: "docker", "alpine:3.19" */
	const struct oci_config *config;
	const struct convert_layer *layer; /* the lowest first */
	size_t nlayer;
};

struct layered_options {
	struct squash_write_options squash;
	bool bare; /* a squashfs file, without SIF around it */
};

/*
 * What an image of layers has as its only entrypoint that was made of a SIF image: such a one gets no
 * /.singularity.d but the one it has.
 */
#define SINGULARITY_D_ACTION "/.singularity.d/actions/run"
#define SINGULARITY_D_RUNSCRIPT "/.singularity.d/runscript"

/* How an image is made, as a word: whatever changes a byte of it. Part of the name it has in a store. */
enum { LAYERED_HOW_SIZE = 96 };
void layered_how(const struct layered_options *opt, char out[LAYERED_HOW_SIZE]);

/* What of a manifest's layer the converter is told. */
enum flat_packing layered_packing(enum oci_media media);

/*
 * Start to make it in 'out_fd', in a process of its own; see convert_start(). Nothing of 'image' needs to
 * stay but the files. Fails: BERTH_EIMAGE what the config says cannot be: a machine that SIF has no code for.
 */
int layered_start(struct cell *c, const struct layered *image, int out_fd, const struct layered_options *opt,
		  struct berth_err *err);
int layered_end(struct cell *c, int cancel_fd, struct convert_result *ret, struct berth_err *err);

#endif
