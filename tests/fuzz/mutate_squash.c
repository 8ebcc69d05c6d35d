/* SPDX-License-Identifier: BSD-3-Clause */
/* mutate_squash.c - fuzz_squash's inputs are images. */
#include "config.h"

#include "tests/fuzz/mutate.h"

size_t fuzz_mutate(uint8_t *data, size_t n, size_t max, uint32_t seed)
{
	rnd_seed(seed);
	return squash_mutate(data, n, max);
}
