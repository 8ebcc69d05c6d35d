/* SPDX-License-Identifier: BSD-3-Clause */
/* mutate_libfuzzer.c - mutate.h for libFuzzer. */
#include "config.h"

#include "tests/fuzz/mutate.h"

size_t LLVMFuzzerMutate(uint8_t *data, size_t n, size_t max);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t n, size_t max, unsigned int seed);

size_t fuzz_bytes(uint8_t *data, size_t n, size_t max)
{
	return LLVMFuzzerMutate(data, n, max);
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t n, size_t max, unsigned int seed)
{
	return fuzz_mutate(data, n, max, seed);
}
