/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * edit.h - change a SIF file that is there: add, delete, choose the primary partition.
 *
 * Runs as:  the user, on a file that somebody else may have made to hurt.
 * Uses:     libimage/base.
 * Promise:  a process that is killed at any moment leaves a file that reads: data is on disk before
 *           anything refers to it, an object appears and disappears with one byte, and what the
 *           header counts, which nobody should believe, follows last.
 *           What is not named is not touched: other objects keep their place, id and bytes.
 *
 * The file must be open for reading and writing, and locked (sif_lock()) from before the first
 * look until after the last call: two editors would take the same slot.
 */
#ifndef BERTH_SIF_EDIT_H
#define BERTH_SIF_EDIT_H

#include <stdbool.h>
#include <stdint.h>

#include "libimage/sif/sif.h"

struct source;

enum { SIF_ALIGN_MAX = 1 << 30 }; /* LIMIT: bytes; a huge page, and no number that wraps */

/* Who else has it locked is waited for if 'wait'. Returns 1, 0: somebody has (without wait), or -1 and *err. */
int sif_lock(int fd, bool wait, struct berth_err *err);

/* Make the empty file 'fd' a SIF without objects: no launch line, as siftool's. */
int sif_create(int fd, const uint8_t uuid[16], int64_t when, struct berth_err *err);

/*
 * Append what 'data' gives as an object of the type, name, group, link and what goes with the type
 * of *o, at a multiple of 'align' (0: 4096 for partitions, 1 for others). Of OCI objects the digest
 * is computed. On success id, offset, size, padded and the times (all 'when') are set in *o.
 * Fails: BERTH_EUSAGE no room in the table, a second primary partition, words that do not fit;
 *        BERTH_EIMAGE, BERTH_ESYS, or what 'data' says.
 */
int sif_add(int fd, struct sif_object *o, const struct source *data, uint32_t align, int64_t when,
	    struct berth_err *err);

enum sif_delete_how {
	SIF_ZERO = 1 << 0,    /* overwrite its bytes */
	SIF_COMPACT = 1 << 1, /* give the end of the file back, where nothing lies any more */
};

/*
 * Delete the object 'id'. Without SIF_ZERO or SIF_COMPACT its bytes stay in the file.
 * Fails: BERTH_ENOTFOUND; BERTH_EIMAGE another object shares bytes that were to be overwritten.
 */
int sif_delete(int fd, uint32_t id, unsigned int how, int64_t when, struct berth_err *err);

/* Make the system partition 'id' the primary one; the one before becomes a system partition. */
int sif_set_primary(int fd, uint32_t id, int64_t when, struct berth_err *err);

#endif
