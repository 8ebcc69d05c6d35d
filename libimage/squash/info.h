/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * info.h - what a squashfs says about itself in its first 96 bytes.
 *
 * Runs as:  the user, to show it. Nothing is read beyond the superblock.
 */
#ifndef BERTH_SQUASH_INFO_H
#define BERTH_SQUASH_INFO_H

#include <stdint.h>

struct berth_err;

struct squash_head {
	uint32_t inodes, mkfs_time, block_size, fragments;
	uint16_t compressor, flags, ids;
	uint64_t bytes_used;
};

/* The superblock at byte 'at' of 'fd'. Fails: BERTH_EIMAGE not squashfs 4.0, cut short. */
int squash_head_read(int fd, uint64_t at, struct squash_head *ret, struct berth_err *err);

/* "zstd"; "unknown" for others. */
const char *squash_compressor_name(uint16_t compressor);

/* What bit 'bit' of the flags means, in a word or two; NULL: nothing that is known. */
const char *squash_flag_name(unsigned int bit);

#endif
