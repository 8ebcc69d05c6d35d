/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * pack.h - plain bytes become packed ones, as they come: the counterpart of inflate.h.
 *
 * Runs as:  the user, in the converter's sandbox.   Uses: ISA-L, libzstd.
 * Promise:  one gzip member, or one zstd frame, without name, time or machine in it: the same bytes in
 *           give the same bytes out, with the same versions of the libraries on the same kind of processor.
 *
 * gzip by ISA-L, which takes a fifth of zlib's time for files a tenth larger.
 */
#ifndef BERTH_PACK_H
#define BERTH_PACK_H

#include <stddef.h>

#include "libimage/layer/flat.h"

struct pack;

/* Where bytes go. 0, or -1 and *err. */
struct pack_sink {
	void *arg;
	int (*put)(void *arg, const void *bytes, size_t n, struct berth_err *err);
};

/* 'packing' is FLAT_PLAIN, FLAT_GZIP or FLAT_ZSTD. 'sink' is copied. Fails: BERTH_ESYS no memory. */
int pack_new(enum flat_packing packing, const struct pack_sink *sink, struct pack **ret, struct berth_err *err);
struct pack *pack_free(struct pack *p); /* NULL-safe, returns NULL */

int pack_add(struct pack *p, const void *bytes, size_t n, struct berth_err *err);

/* There are no more: what is left goes to the sink. Once. */
int pack_end(struct pack *p, struct berth_err *err);

#endif
