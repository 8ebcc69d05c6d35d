/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * docker_archive.h - "manifest.json" of what 'docker save' and 'podman save' write, and the file
 * "oci-layout" of a layout.
 *
 * Runs as:  the user. Text only.
 * Promise:  names of files are relative and have no "..": they are names in the archive.
 */
#ifndef BERTH_DOCKER_ARCHIVE_H
#define BERTH_DOCKER_ARCHIVE_H

#include "libimage/base/str.h"

struct berth_err;
struct image_ref;

enum { OCI_MEMBER_MAX = 1024 }; /* LIMIT: bytes of a file's name in an archive; digests and a word */

struct docker_archive_image {
	char *config;	       /* the file's name */
	struct strlist layers; /* names of files, the lowest first */
	struct strlist tags;   /* "alpine:3.19" */
};

struct docker_archive {
	struct docker_archive_image *image;
	size_t n;
};

/* Fails: BERTH_EIMAGE. */
int docker_archive_parse(const void *bytes, size_t n, struct docker_archive *ret, struct berth_err *err);
void docker_archive_done(struct docker_archive *a);

/*
 * The image that has the tag 'want' (by whichever of its spellings); with NULL, the only one.
 * Fails: BERTH_ENOTFOUND none, BERTH_EUSAGE several and no name; the hint lists the tags.
 */
int docker_archive_choose(const struct docker_archive *a, const struct image_ref *want,
			  const struct docker_archive_image **ret, struct berth_err *err);

/* Is "oci-layout" of a version that we know? Fails: BERTH_EIMAGE. */
int oci_layout_check(const void *bytes, size_t n, struct berth_err *err);

/* What is in one of ours. */
#define OCI_LAYOUT_TEXT "{\"imageLayoutVersion\":\"1.0.0\"}"

#endif
