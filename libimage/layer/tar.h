/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tar.h - a tar stream, entry by entry: ustar, PAX, GNU, old.
 *
 * Runs as:  the user.   Uses: libc.
 * Promise:  names are bytes and stay what they are; a file's bytes are handed on where they lie;
 *           whatever the stream holds, an entry takes at most 20 MiB. No file is opened.
 *
 * Why our own: libarchive converts the names of PAX headers to the locale's characters, for which it
 * loads the C library's tables of them, from files, and what cannot be converted is an error or not
 * what it was; and it makes the best of archives that the tools which write and read layers refuse, so that
 * one image could be two.
 *
 * Of what differs between tools, this does as those do that apply layers (Go's archive/tar):
 * global PAX headers are read and have no effect; entries that are no files have no bytes, whatever
 * their size says; the archive ends with two blocks of zeros or where the stream does.
 */
#ifndef BERTH_TAR_H
#define BERTH_TAR_H

#include "libimage/layer/flat.h"

struct tar;

struct tar_input {
	void *arg;
	/* The next bytes, which stay until the next call. Returns the count, 0 at the end, -1. */
	ssize_t (*more)(void *arg, const unsigned char **ret, struct berth_err *err);
};

/* NULL without memory. tar_free() is NULL-safe and returns NULL. */
struct tar *tar_new(const struct tar_input *in);
struct tar *tar_free(struct tar *t);

/*
 * The next entry; what is left of the one before is skipped. *ret stays until the next call.
 * Returns 1, 0 at the archive's end (the stream may go on), or -1: BERTH_EIMAGE.
 */
int tar_next(struct tar *t, struct flat_entry *ret, struct berth_err *err);

/*
 * More of the file's bytes, or 'zeros' of a hole. Returns 1 with one of them not 0, 0 when that was all,
 * -1.
 */
int tar_data(struct tar *t, const unsigned char **ret, size_t *n, uint64_t *zeros, struct berth_err *err);

#endif
