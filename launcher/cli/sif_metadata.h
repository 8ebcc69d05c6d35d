/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * sif_metadata.h - what the builder of a SIF file left in it for inspect, so that nobody need look
 * into the partition: the definition, and "inspect-metadata.json", the JSON of inspect --all.
 *
 * Shown as the files below / that it was made of: "/.singularity.d/runscript" and so on.
 *
 * Runs as:  the user, in berth-image, on text of the image's author. What is no such JSON is as if it
 *           were not there, with a warning: the partition has the same.
 */
#ifndef BERTH_SIF_METADATA_H
#define BERTH_SIF_METADATA_H

#include <stdbool.h>
#include <stddef.h>

#include "libimage/base/str.h"

struct berth_err;

#define SIF_METADATA_NAME "inspect-metadata.json"

struct sif_metadata {
	struct sif_metadata_file {
		char *path;
		struct strbuf text;
	} *v;
	size_t n, size;
	bool complete; /* what is not among the files is not in the image */
};

#define SIF_METADATA_INIT { .v = NULL }

/* Read that of the SIF file 'fd'. Fails: BERTH_EIMAGE no such file, BERTH_ESYS. */
int sif_metadata_read(int fd, struct sif_metadata *ret, struct berth_err *err);

/* The same of 'n' bytes of JSON. False: they are not of that form, and 'ret' is as if they were not there. */
bool sif_metadata_parse(const char *text, size_t n, struct sif_metadata *ret);

/* The file 'path', or NULL. */
const struct strbuf *sif_metadata_find(const struct sif_metadata *m, const char *path);

/* Add the names in the directory 'path' to 'ret'; 0: there is none. A name may come more than once. */
int sif_metadata_list(const struct sif_metadata *m, const char *path, struct strlist *ret);

void sif_metadata_done(struct sif_metadata *m);

#endif
