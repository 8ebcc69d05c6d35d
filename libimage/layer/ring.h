/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * ring.h - a layer is unpacked and hashed in a thread of its own, a few buffers ahead of who reads it.
 *
 * Runs as:  the user.   Uses: POSIX threads.
 * Promise:  whoever waits sleeps; the buffers are 2 MiB, whatever the layer is. The thread reads
 *           the source to its end, also what lies behind the archive's.
 */
#ifndef BERTH_RING_H
#define BERTH_RING_H

#include "libimage/layer/flat.h"

struct ring;

/* 'have': bytes that came of all layers before, for the limits. All arguments are borrowed. */
int ring_new(const struct flat_blob *blob, const struct flat_limits *limits, uint64_t have, struct ring **ret,
	     struct berth_err *err);

/* The next bytes; they stay until the next call. Returns the count, 0 at the end, -1. */
ssize_t ring_next(void *ring, const unsigned char **ret, struct berth_err *err);

/* After ring_next() said 0: how many bytes there were. */
uint64_t ring_bytes(const struct ring *r);

/* Stop the thread and wait for it, that is until its source answers. NULL-safe, returns NULL. */
struct ring *ring_free(struct ring *r);

#endif
