/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * pin.h - which kind of image a file is, and the few bytes that identify it.
 *
 * A step's image is looked at once, where the job is submitted, and again on each node. The
 * two looks must agree: same size and same SHA-256 of the parts that say where everything is
 * (SIF: header and descriptor table; squashfs: superblock). Device numbers, inodes and times
 * are not compared: they differ from node to node, and after a copy. A directory is not pinned.
 *
 * Runs as:  the user, always: these bytes are the user's. Reads at most PIN_BYTES_MAX.
 * Source:   SIF: its global header, 128 bytes, and descriptors of 585 bytes each; squashfs:
 *           superblock of 96 bytes at offset 0, or 31 behind a Singularity 2.x launch line.
 */
#ifndef BERTH_PIN_H
#define BERTH_PIN_H

#include <stdint.h>

#include "libimage/base/sha256.h"

struct berth_err;

enum image_kind { IMAGE_UNKNOWN, IMAGE_DIR, IMAGE_SIF, IMAGE_SQUASHFS };

enum {
	SIF_HEADER_BYTES = 128,
	SIF_DESC_BYTES = 585,
	SIF_DESC_MAX = 4096, /* LIMIT: writers make 48; more is no image but an attack */
	SQUASH_SUPER_BYTES = 96,
	SQUASH_LAUNCH_BYTES = 31, /* "#!/usr/bin/env run-singularity\n" */
	PIN_TEXT_MAX = 128, /* LIMIT: kind, 20 digits, 64 hex digits, two colons */
};

struct image_pin {
	enum image_kind kind;
	uint64_t size; /* of the file, bytes; 0 for a directory */
	uint8_t sum[SHA256_BYTES];
};

/*
 * Look at 'fd' (a readable file, or a directory; O_PATH will do for a directory).
 * Fails: BERTH_EIMAGE neither SIF, squashfs nor directory, or cut short; BERTH_ESYS.
 */
int image_pin_read(int fd, struct image_pin *ret, struct berth_err *err);

/* The same without the sum, which stays zero: for who has nothing to compare it with. */
int image_kind_read(int fd, struct image_pin *ret, struct berth_err *err);

/*
 * Is the file 'fd' an ext3 image, as Singularity 2.x made them, with or without its launch line? Then the
 * commands that make another of it, as the user; else NULL.
 */
const char *image_ext_mend(int fd);

/* "dir", "sif:SIZE:HEX" or "squashfs:SIZE:HEX"; the text goes to the nodes in the environment. */
void image_pin_format(const struct image_pin *pin, char out[PIN_TEXT_MAX]);
int image_pin_parse(const char *text, struct image_pin *ret, struct berth_err *err);

/* BERTH_EIMAGE with a message for users if 'now' is not what was 'pinned'. */
int image_pin_check(const struct image_pin *pinned, const struct image_pin *now, const char *path,
		    struct berth_err *err);

#endif
