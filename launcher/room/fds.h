/* SPDX-License-Identifier: BSD-3-Clause */
/* fds.h - descriptors that a process beside the program must not hold. */
#ifndef BERTH_FDS_H
#define BERTH_FDS_H

#include <stddef.h>

/*
 * Close all descriptors but the 'n' of 'keep', different and open: a pipe of the caller's among the others
 * would not end while this process lives. -1 with errno.
 */
int fds_keep(const int *keep, size_t n);

#endif
