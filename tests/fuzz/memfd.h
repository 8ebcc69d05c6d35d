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

static struct {
	int fd;
	size_t size;
} fuzz_mem = { .fd = -1 };

/* Make the file so long, under whoever has it open. */
static inline void fuzz_cut(size_t size)
{
	if (size != fuzz_mem.size && ftruncate(fuzz_mem.fd, (off_t)size) < 0)
		abort();
	fuzz_mem.size = size;
}

/*
 * One descriptor for the process's life; at 'at' it holds 'data', until the next call. The file's
 * pages are kept from call to call, which is what costs.
 */
static inline int fuzz_file_at(const uint8_t *data, size_t n, size_t at)
{
	if (fuzz_mem.fd < 0)
		fuzz_mem.fd = memfd_create("fuzz", MFD_CLOEXEC);
	if (fuzz_mem.fd < 0)
		abort();
	fuzz_cut(at + n);
	if (fd_pwrite_full(fuzz_mem.fd, data, n, (off_t)at) < 0)
		abort();
	return fuzz_mem.fd;
}

static inline int fuzz_file(const uint8_t *data, size_t n)
{
	return fuzz_file_at(data, n, 0);
}

#endif
