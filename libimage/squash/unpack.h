/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * unpack.h - decompress the blocks of an image, by the compressor's number in its superblock.
 *
 * Promise:  the result never exceeds the room given: a block that decompresses to more is damaged.
 *           Memory is bounded by the decompressors' own tables, whatever the block says.
 */
#ifndef BERTH_SQUASH_UNPACK_H
#define BERTH_SQUASH_UNPACK_H

#include <stdbool.h>
#include <stdint.h>

struct unpack;

enum { UNPACK_DAMAGED = -1, UNPACK_NO_MEMORY = -2 };

/* "zstd"; NULL: no compressor of squashfs 4.0. */
const char *unpack_name(uint16_t compressor);
/* False: the format has it, and this build does not. */
bool unpack_can(uint16_t compressor);

/* What decompressors keep from block to block; for one thread. NULL without memory. */
struct unpack *unpack_new(void);
struct unpack *unpack_free(struct unpack *u);

/* Decompress 'n' bytes at 'in' to at most 'max' at 'out'. Returns how many (> 0), or UNPACK_*. */
int64_t unpack_block(struct unpack *u, uint16_t compressor, const uint8_t *in, uint32_t n,
		     uint8_t *out, uint32_t max);

#endif
