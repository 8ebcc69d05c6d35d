/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * sha256.h - SHA-256 (FIPS 180-4) over a few KiB of image header.
 *
 * Why our own: berth-launcher and the plugin may link libc only, and pins are all they hash.
 * Whoever hashes whole images or layers uses a library with vector code instead.
 */
#ifndef BERTH_SHA256_H
#define BERTH_SHA256_H

#include <stddef.h>
#include <stdint.h>

enum { SHA256_BYTES = 32, SHA256_HEX = 64 };

struct sha256 {
	uint32_t h[8];
	uint64_t bytes;
	uint8_t block[64];
};

void sha256_init(struct sha256 *s);
void sha256_add(struct sha256 *s, const void *data, size_t n);
/* Ends the sum; 's' must be initialised again before further use. */
void sha256_end(struct sha256 *s, uint8_t out[SHA256_BYTES]);

/* Lower-case hex with a NUL. */
void sha256_hex(const uint8_t sum[SHA256_BYTES], char out[SHA256_HEX + 1]);

#endif
