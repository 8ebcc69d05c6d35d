/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * epoch.h - SOURCE_DATE_EPOCH, as reproducible-builds.org specifies it: the time that what is made
 * shows, instead of now.
 */
#ifndef BERTH_EPOCH_H
#define BERTH_EPOCH_H

#include <stdint.h>

struct berth_err;

/* Seconds since 1970; -1: it is not set. Fails: BERTH_EUSAGE. */
int epoch_read(int64_t *ret, struct berth_err *err);

#endif
