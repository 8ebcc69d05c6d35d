/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * members.h - the files of a layout of images: of a directory, or of an archive, where they lie.
 *
 * Runs as:  the user.   Uses: libimage/{base,layer}.
 * Promise:  an archive is not unpacked: a member is a part of its file. One that is packed itself, or
 *           comes through a pipe, is written to a file without a name first. In a directory nothing
 *           outside of it is opened.
 */
#ifndef BERTH_MEMBERS_H
#define BERTH_MEMBERS_H

#include <stddef.h>
#include <stdint.h>

#include "libimage/base/str.h"

struct berth_err;
struct members;

struct member {
	int fd; /* stays 'members's */
	uint64_t at, size;
};

/* 'scratch' is a directory for scratch_open(). Fails: BERTH_ENOTFOUND, BERTH_EDENIED, BERTH_EIMAGE no archive. */
int members_open_dir(const char *path, struct members **ret, struct berth_err *err);
int members_open_archive(const char *path, const char *scratch, struct members **ret, struct berth_err *err);
struct members *members_close(struct members *m); /* NULL-safe, returns NULL */

/* Fails: BERTH_EIMAGE there is no such member, or it is no file. */
int members_find(struct members *m, const char *name, struct member *ret, struct berth_err *err);

/* All of it, at most 'max' bytes. */
int members_read(struct members *m, const char *name, size_t max, struct strbuf *ret, struct berth_err *err);

#endif
