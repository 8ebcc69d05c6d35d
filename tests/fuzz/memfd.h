/* SPDX-License-Identifier: BSD-3-Clause */
/* memfd.h - an input as a file, for targets that read descriptors. */
#ifndef BERTH_TESTS_FUZZ_MEMFD_H
#define BERTH_TESTS_FUZZ_MEMFD_H

#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "libimage/base/fd.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* One descriptor for the process's life; it holds 'data' until the next call. */
static inline int fuzz_file(const uint8_t *data, size_t n)
{
	static int fd = -1;

	if (fd < 0)
		fd = memfd_create("fuzz", MFD_CLOEXEC);
	if (fd < 0 || ftruncate(fd, 0) < 0 || fd_pwrite_full(fd, data, n, 0) < 0)
		abort();
	return fd;
}

#endif
