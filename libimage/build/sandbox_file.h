/* SPDX-License-Identifier: BSD-3-Clause */
/* sandbox_file.h - what is in a directory that is made of a squashfs. For sandbox.c. */
#ifndef BERTH_SANDBOX_FILE_H
#define BERTH_SANDBOX_FILE_H

#include "libimage/build/sandbox.h"

/* Fill the directory 'root', which is empty and closed to others. */
int sandbox_fill(int fd, uint64_t at, uint64_t size, int root, const struct sandbox_options *opt,
		 struct sandbox_result *ret, struct berth_err *err);

#endif
