/* SPDX-License-Identifier: BSD-3-Clause */
/* blob_i.h - a blob between blob.c, which begins it, and blob_write.c, which fills it. */
#ifndef BERTH_STORE_BLOB_I_H
#define BERTH_STORE_BLOB_I_H

#include "libimage/store/store_i.h"

/*
 * Its file has one of three names: in partial/ while it is locked, none or a random one in its directory
 * where there are no locks ('out'), none at all in an anonymous store.
 */
struct store_blob {
	struct store *s;
	struct store_blob *next;
	unsigned int users;
	struct digest digest;
	uint64_t size; /* or STORE_SIZE_UNKNOWN */
	int fd;
	int reader_fd; /* the same file, for reading only; -1: 'fd' is */
	bool whole, broken; /* broken: what there is must not stay */
	uint64_t at;	    /* where the next byte belongs */
	uint64_t have;	    /* how many there are, and are hashed; after a restart more than 'at' */
	uint64_t pushed;    /* so many were sent on their way to the disk */
	bool resumed;
	struct hasher *hasher;
	struct growth *growth;
	struct store_lock lock;
	int partial_fd; /* the directory partial/ */
	char partial[STORE_NAME_SIZE];
	struct output out;
	char *path; /* for messages */
};

#endif
