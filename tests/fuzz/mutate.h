/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * mutate.h - what a fuzzer asks for a changed input; the same code serves libFuzzer and AFL++.
 *
 * fuzz_mutate() is each target's own. It is a function of its arguments and nothing else.
 */
#ifndef BERTH_TESTS_FUZZ_MUTATE_H
#define BERTH_TESTS_FUZZ_MUTATE_H

#include <stddef.h>
#include <stdint.h>

/* Change the 'n' bytes of 'data', which has room for 'max'; returns the new length. */
size_t fuzz_mutate(uint8_t *data, size_t n, size_t max, uint32_t seed);

/* The same, for bytes of which nothing is known; the fuzzer's own way where it has one. */
size_t fuzz_bytes(uint8_t *data, size_t n, size_t max);

/* The same, for a squashfs. */
size_t squash_mutate(uint8_t *img, size_t n, size_t max);

void rnd_seed(uint32_t seed);
uint64_t rnd(uint64_t below); /* 0 for 0 */
/* A number of 'bytes' bytes that a parser may stumble over, in place of 'old'. */
uint64_t rnd_odd(uint64_t old, unsigned int bytes);

#endif
