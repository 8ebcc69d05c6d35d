/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * ext.h - an ext2, ext3 or ext4 file system, as Singularity 2.x made images of, is read.
 *
 * Runs as:  the user, in the converter's sandbox: libext2fs never sees a name, nor a file to write to.
 * Uses:     libext2fs, libimage/{base,layer}.
 * Promise:  a damaged file system is an error (BERTH_EIMAGE), or a crash of the converter's process,
 *           never a part of an image that looks whole. Directories come once, names are checked.
 */
#ifndef BERTH_EXT_H
#define BERTH_EXT_H

#include <stdbool.h>
#include <stdint.h>

struct berth_err;
struct flat;

/* Is there one in 'fd' at 'at'? */
bool ext_is(int fd, uint64_t at);

/* All of it to a tree that is made, but lost+found: a feed of convert.h. */
int ext_feed(int fd, uint64_t at, uint64_t size, struct flat *f, struct berth_err *err);

#endif
