/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tar_put.h - a tar stream is written, entry by entry: ustar, with a PAX header before what that cannot
 * hold. The counterpart of tar.h.
 *
 * Runs as:  the user, in the converter's sandbox.   Uses: libc.
 * Promise:  the same entries give the same bytes. What tar(5) cannot hold at all is refused, not changed.
 */
#ifndef BERTH_TAR_PUT_H
#define BERTH_TAR_PUT_H

#include "libimage/layer/flat.h"
#include "libimage/layer/pack.h"

struct tar_put {
	struct pack_sink sink;
	uint64_t left;	   /* bytes of the file that still come */
	unsigned int fill; /* zeros behind it */
	uint64_t bytes;	   /* of the stream so far */
};

/*
 * An entry; after a regular file that is no link all its st_size bytes follow, by tar_put_data().
 * Returns 0; 1 if a tar has no such entry, a socket: nothing was written; or -1.
 */
int tar_put_entry(struct tar_put *t, const struct flat_entry *e, struct berth_err *err);
int tar_put_data(struct tar_put *t, const void *bytes, size_t n, struct berth_err *err);

/* The end of the archive. */
int tar_put_end(struct tar_put *t, struct berth_err *err);

#endif
