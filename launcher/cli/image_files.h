/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * image_files.h - read a few files of an image without entering or mounting it.
 *
 * Runs as:  the user, in berth-image. Of a SIF or squashfs file the squashfs reader is used, which
 *           believes nothing of it; in a directory links stay inside. Of a SIF file whose builder left
 *           what inspect shows beside the partition (sif_metadata.h) that is read instead.
 */
#ifndef BERTH_IMAGE_FILES_H
#define BERTH_IMAGE_FILES_H

#include "launcher/cli/sif_metadata.h"
#include "libimage/base/str.h"

struct berth_err;
struct squash;
struct squash_worker;

enum { IMAGE_FILE_MAX = 1024 * 1024 }; /* LIMIT: bytes of a file that is shown; scripts and labels are small */

struct image_files {
	int fd; /* the directory, or the image file */
	struct sif_metadata metadata;
	struct squash *fs; /* NULL: a directory, or all is in 'metadata' */
	struct squash_worker *worker;
};

#define IMAGE_FILES_INIT { .fd = -1 }

/* Fails: BERTH_ENOTFOUND, BERTH_EDENIED, BERTH_EIMAGE no image, or one that cannot run here. */
int image_files_open(const char *path, struct image_files *ret, struct berth_err *err);
void image_files_done(struct image_files *f);

/*
 * The bytes of the regular file 'path', and the sorted names in the directory 'path', added to
 * 'ret'. Return 1; 0: there is no such file or directory; or -1 and *err.
 */
int image_files_read(const struct image_files *f, const char *path, struct strbuf *ret, struct berth_err *err);
int image_files_list(const struct image_files *f, const char *path, struct strlist *ret, struct berth_err *err);

#endif
