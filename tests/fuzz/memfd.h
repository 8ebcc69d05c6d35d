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

/*
 * One descriptor for the process's life; at 'at' it holds 'data', until the next call. The file's
 * pages are kept from call to call, which is what costs.
 */
static inline int fuzz_file_at(const uint8_t *data, size_t n, size_t at)
{
	static int fd = -1;
	static size_t size;

	if (fd < 0)
		fd = memfd_create("fuzz", MFD_CLOEXEC);
	if (fd < 0 || (at + n != size && ftruncate(fd, (off_t)(at + n)) < 0) ||
	    fd_pwrite_full(fd, data, n, (off_t)at) < 0)
		abort();
	size = at + n;
	return fd;
}

static inline int fuzz_file(const uint8_t *data, size_t n)
{
	return fuzz_file_at(data, n, 0);
}

#endif
