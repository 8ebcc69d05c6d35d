/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * singularity_d.h - what a SIF image has besides the files of its layers: /.singularity.d, links to
 * it, and the directories that runtimes bind over.
 *
 * Runs as:  the user. Text in, text out; what becomes a file of it is for the callers.
 * Promise:  Apptainer runs such an image with the result that it has with one of its own, and so
 *           does Berth; the environment's scripts are plain (launcher/view/script.h), so that no
 *           shell runs before the program. The same input gives the same bytes.
 *
 * Where Apptainer 1.4.5's own texts go wrong ours do not: a value with quotes, '$', a backquote
 * or a newline arrives as the image has it, a variable that is there twice has its last value, and
 * an image that says nothing of what to run is not answered with a list of variables.
 */
#ifndef BERTH_SINGULARITY_D_H
#define BERTH_SINGULARITY_D_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "libimage/base/str.h"

struct berth_err;
struct oci_config;

/* What an image was made of. */
struct singularity_d_source {
	const struct oci_config *config; /* of an OCI image; NULL: there is none */
	const char *bootstrap, *from;	 /* "docker", "alpine:3.19": what is to be had where; one line each */
	const char *arch;		 /* "amd64" */
	int64_t built_s;		 /* seconds since 1970, for a label; -1: it has none */
};

enum singularity_d_kind { SINGULARITY_D_DIR, SINGULARITY_D_FILE, SINGULARITY_D_LINK };

struct singularity_d_entry {
	enum singularity_d_kind kind;
	bool if_missing; /* whatever is called so stays; else a file takes the place of a file or link */
	mode_t mode;	 /* permissions */
	const char *path; /* from the image's root: ".singularity.d/env/01-base.sh" */
	const char *text; /* a file's content, a link's target; NULL of a directory */
	size_t len;
};

enum { SINGULARITY_D_ENTRIES = 40 }; /* no fewer than there are */

/* A directory stands before what is in it. */
struct singularity_d {
	struct singularity_d_entry v[SINGULARITY_D_ENTRIES];
	size_t n;
	struct strbuf docker_env, runscript, labels, deffile; /* texts that 'v' points into */
};

/* Fails: BERTH_ESYS no memory. */
int singularity_d_make(const struct singularity_d_source *src, struct singularity_d *ret,
		       struct berth_err *err);
void singularity_d_done(struct singularity_d *d);

/*
 * What Apptainer puts beside the root file system: the object "inspect-metadata.json", which
 * 'inspect' reads in place of the files. (Of "oci-config.json": oci_config_format_run(); the
 * definition is 'deffile'.) Fails: BERTH_ESYS no memory.
 */
int singularity_d_inspect(const struct singularity_d *d, struct strbuf *out, struct berth_err *err);

#endif
