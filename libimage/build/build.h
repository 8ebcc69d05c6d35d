/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * build.h - make a SIF file of a directory.
 *
 * Runs as:  the user.   Uses: libimage/{base,sif,squash}.
 * Promise:  the file appears under its name complete or not at all, and what was there
 *           before stays until then. The same directory gives the same bytes.
 */
#ifndef BERTH_BUILD_H
#define BERTH_BUILD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "libimage/squash/write.h"

struct berth_err;

/* What a SIF file has beside the root file system, in this order, before it. */
struct build_object {
	int32_t type;	  /* enum sif_type */
	const char *name; /* or NULL */
	const void *bytes;
	size_t n;
};

enum { BUILD_OBJECTS_MAX = 8 }; /* LIMIT: a definition and a few JSON texts */

struct build_options {
	bool force;	      /* replace a file that is there */
	bool keep_owner;      /* else all belongs to root:root */
	bool keep_devices;    /* else device nodes are left out */
	int64_t epoch;	      /* no time is later than this; -1: files keep theirs */
	unsigned int workers; /* 0: one a processor */
	enum squash_compressor compressor;
	unsigned int level;   /* 0: the compressor's usual one */
	const struct build_object *objects;
	size_t nobjects;
};

struct build_result {
	uint64_t bytes;	 /* of the file */
	uint64_t inodes;
	uint64_t devices_left_out;
	char arch[3];
};

/*
 * Make 'out' of 'dir'. 'out' gets mode 0755 less the umask. 'ret' may be NULL.
 * Fails: BERTH_EDENIED 'out' is there (without force), BERTH_EUSAGE it is no file; and as squash_write_dir().
 */
int build_sif_from_dir(const char *dir, const char *out, const struct build_options *opt,
		       struct build_result *ret, struct berth_err *err);

/* The same of the directory 'dir_fd' into 'out_fd', which is empty and open for reading and writing. */
int build_sif_to(int dir_fd, int out_fd, const struct build_options *opt, struct build_result *ret,
		 struct berth_err *err);

/*
 * The SIF code of the machine that the tree's /bin/sh is for; this machine's if it has none
 * or a script; "00" for one that SIF has no code for.
 */
const char *build_arch(int dir_fd);

/* The same of a squashfs, in *ret. Fails: as squash.h. */
int build_arch_of_squash(int fd, uint64_t at, uint64_t size, const char **ret, struct berth_err *err);

#endif
