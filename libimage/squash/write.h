/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * write.h - make a squashfs of a directory tree.
 *
 * Runs as:  whoever builds an image.   Uses: libsquashfs, libimage/base.
 * Promise:  the same tree gives the same bytes, whatever the order of its entries on disk and
 *           the number of workers. By default zstd level 3; blocks of 128 KiB; files of up to a block
 *           are packed together, larger ones keep their tail to themselves. The few files that
 *           every start reads (startset.h) come first, each uncompressed, whole, contiguous and
 *           on a page of its own.
 *
 * Kept: modes with setuid and setgid (mounts are nosuid), times, links, hard links, holes,
 * fifos, sockets, "user." attributes. The root directory can be entered by everybody, since
 * it often comes from mkdtemp(): an image whose "/" nobody may enter is of no use.
 */
#ifndef BERTH_SQUASH_WRITE_H
#define BERTH_SQUASH_WRITE_H

#include <stdbool.h>
#include <stdint.h>

struct berth_err;

enum squash_compressor {
	SQUASH_ZSTD,
	SQUASH_GZIP, /* for kernels and tools without zstd: some ten times slower to make */
};

struct squash_write_options {
	enum squash_compressor compressor;
	unsigned int level; /* 0: zstd 3, gzip 9 */
	bool keep_owner;      /* else all belongs to root:root */
	bool keep_devices;    /* else device nodes are left out */
	int64_t epoch;	      /* no time is later than this, and it is the image's; -1: none */
	unsigned int workers; /* 0: one a processor */
};

struct squash_write_result {
	uint64_t bytes;	 /* written from 'at' on; a multiple of 4096 */
	uint64_t inodes;
	uint64_t start_bytes; /* of the files that were not compressed, see startset.h */
	uint64_t devices_left_out;
};

/*
 * Write the tree of the directory 'dir_fd' to 'out_fd' from byte 'at' on. 'out_fd' must be
 * readable too, and ends where 'at' is: equal blocks are found again by reading them back.
 * 'ret' may be NULL.
 */
int squash_write_dir(int dir_fd, int out_fd, uint64_t at, const struct squash_write_options *opt,
		     struct squash_write_result *ret, struct berth_err *err);

#endif
