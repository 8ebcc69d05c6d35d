/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * inflate.h - packed bytes become plain ones, as they come.
 *
 * Runs as:  the user.   Uses: ISA-L, libzstd.
 * Promise:  everything is read, to the source's end; what is cut short, has a wrong checksum or has
 *           something behind it is an error; at most 64 MiB, however the bytes were packed.
 *
 * gzip by ISA-L, which takes a third of zlib's time for it; members in a row, and zeros at the end
 * (tape blocks). zstd: frames in a row, also ones to be skipped.
 */
#ifndef BERTH_INFLATE_H
#define BERTH_INFLATE_H

#include "libimage/layer/flat.h"

struct inflate;

/*
 * 'source' is borrowed. Fails: BERTH_EIMAGE the bytes are not packed as 'packing' says, which is told
 * from the first of them; what the source fails with.
 */
int inflate_new(const struct source *source, enum flat_packing packing, struct inflate **ret,
		struct berth_err *err);
struct inflate *inflate_free(struct inflate *z); /* NULL-safe, returns NULL */

/* Fill 'buf', less than that only at the end. Returns the count, 0 at the end, -1. */
ssize_t inflate_read(struct inflate *z, void *buf, size_t n, struct berth_err *err);

/* Packed bytes that were taken so far. */
uint64_t inflate_taken(const struct inflate *z);

#endif
