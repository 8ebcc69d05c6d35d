/* SPDX-License-Identifier: BSD-3-Clause */
/* scratch.h - a file without a name, for what is only needed meanwhile. */
#ifndef BERTH_SCRATCH_H
#define BERTH_SCRATCH_H

#include <stdint.h>

struct berth_err;

/*
 * Open for reading and writing, in the directory 'dir'; NULL: $TMPDIR, or /tmp. Nothing is left of it when
 * it is closed. Fails: BERTH_ESYS, BERTH_EDENIED.
 */
int scratch_open(const char *dir, struct berth_err *err);

/* 'size' bytes of 'from' at 'at' to where 'to' is to be written next. Fails: BERTH_ESYS; BERTH_EIMAGE cut short. */
int scratch_copy(int from, uint64_t at, uint64_t size, int to, struct berth_err *err);

#endif
