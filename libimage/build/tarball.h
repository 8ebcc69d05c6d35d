/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tarball.h - a squashfs becomes a tar archive, or a layer of an image.
 *
 * Runs as:  the user; the work itself in a process of its own that can reach nothing (cell.h).
 * Uses:     libimage/{base,squash,layer,ref}.
 * Promise:  the archive has every name, mode, owner, time (in seconds), link, hard link, device node,
 *           fifo and "user." attribute that the file system has; holes become zeros; sockets are left
 *           out and counted. The same file system gives the same archive.
 */
#ifndef BERTH_TARBALL_H
#define BERTH_TARBALL_H

#include <stdbool.h>
#include <stdint.h>

#include "libimage/layer/flat.h"
#include "libimage/ref/digest.h"

struct berth_err;

struct tarball_job {
	int fd; /* of the image */
	uint64_t at, size;
	int out_fd; /* written from where it stands; a pipe too */
	enum flat_packing packing;
	bool layer; /* names that would hide what other layers have are refused */
};

struct tarball_result {
	struct digest plain, packed; /* of the archive, and of it packed */
	uint64_t plain_bytes, packed_bytes;
	uint64_t entries, sockets;
};

/* Fails: as walk.h; BERTH_EIMAGE something no archive can hold; BERTH_ESYS; EINTR as cell_wait(). */
int tarball_make(const struct tarball_job *job, int cancel_fd, struct tarball_result *ret, struct berth_err *err);

/* The same in this process. */
int tarball_here(const struct tarball_job *job, struct tarball_result *ret, struct berth_err *err);

#endif
