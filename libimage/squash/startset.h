/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * startset.h - which files of a tree the start of nearly every program reads.
 *
 * Runs as:  whoever builds an image.   Uses: scan.h, elf_needs.h.
 *
 * Most of a start from a fresh image goes into decompressing the loader, the C library and the
 * program. So the writer stores these few as they are, at the image's front, each in one piece.
 *
 *     /bin/sh, its interpreter, /etc/ld.so.cache, the libraries that it needs
 *     the same of /usr/bin/env and /bin/true
 *     /etc/nsswitch.conf, passwd, group   the first look-up of a name reads them, and Berth does
 *     the same of /bin/bash               scripts ask for it, and berth shell
 *     libm, libpthread, libdl, librt      what programs are linked with beside libc
 *
 * That is the order in the image and the order in which they count against the limit; one that
 * does not fit any more is left out. Paths mean what they mean inside: links lead nowhere but
 * into the tree. What is missing, or is no ELF file, is left out; choosing never fails.
 */
#ifndef BERTH_STARTSET_H
#define BERTH_STARTSET_H

#include "libimage/squash/scan.h"

enum {
	STARTSET_FILES_MAX = 64, /* LIMIT: of Debian's tree it is 14 */
	/*
	 * LIMIT: bytes. A program takes about twice as much when it is not compressed, so a 64th of the
	 * tree costs some two hundredths of its image. The floor holds Debian's loader, C library and
	 * two shells (3.9 MB, which add 2.1 MB to an image of 100 MB and to one of 5 MB): a small
	 * image would gain nothing without. No start reads more than the ceiling.
	 */
	STARTSET_SHARE = 64,
	STARTSET_FLOOR = 4 * 1024 * 1024,
	STARTSET_CEILING = 16 * 1024 * 1024,
};

struct startset {
	size_t n;
	uint64_t bytes;
	struct tree_node *v[STARTSET_FILES_MAX]; /* the tree's */
};

/* How a file of the tree is looked into: a descriptor, which the caller of 'open' closes, or -1. */
struct startset_reader {
	void *arg;
	int (*open)(void *arg, const struct tree_node *node);
};

/* Choose from 't'; by what 'r' can open, or from the directory 'fd' of which 't' is a scan. */
void startset_choose_by(const struct tree *t, const struct startset_reader *r, struct startset *ret);
void startset_choose(const struct tree *t, int fd, struct startset *ret);

/*
 * May startset_choose() want 'node' or look into it? By names alone, for who has to keep the bytes
 * of such files until the tree is known. Of a usual root directory that is some 40 files, 15 MB.
 */
bool startset_may_want(const struct tree_node *node);

#endif
