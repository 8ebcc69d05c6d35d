/* SPDX-License-Identifier: BSD-3-Clause */
/* info.c - the squashfs superblock, for people; see info.h. */
#include "config.h"

#include <errno.h>
#include <stddef.h>

#include "libimage/base/cleanup.h"
#include "libimage/base/err.h"
#include "libimage/base/fd.h"
#include "libimage/base/num.h"
#include "libimage/base/pin.h"
#include "libimage/squash/info.h"

int squash_head_read(int fd, uint64_t at, struct squash_head *ret, struct berth_err *err)
{
	uint8_t s[SQUASH_SUPER_BYTES];

	if (fd_pread_full(fd, s, sizeof(s), (off_t)at) < 0)
		return errno == ENODATA
			? berth_fail(err, BERTH_EIMAGE, 0, "squashfs superblock is cut short")
			: berth_fail(err, BERTH_ESYS, errno, "cannot read the squashfs superblock");
	if (num_le32(s) != 0x73717368)
		return berth_fail(err, BERTH_EIMAGE, 0, "no squashfs (wrong magic number)");
	if (num_le16(s + 28) != 4 || num_le16(s + 30) != 0)
		return berth_fail(err, BERTH_EIMAGE, 0, "squashfs version is %u.%u, not 4.0",
				  (unsigned int)num_le16(s + 28), (unsigned int)num_le16(s + 30));
	*ret = (struct squash_head){
		.inodes = num_le32(s + 4),
		.mkfs_time = num_le32(s + 8),
		.block_size = num_le32(s + 12),
		.fragments = num_le32(s + 16),
		.compressor = num_le16(s + 20),
		.flags = num_le16(s + 24),
		.ids = num_le16(s + 26),
		.bytes_used = num_le64(s + 40),
	};
	return 0;
}

const char *squash_compressor_name(uint16_t compressor)
{
	static const char *const names[] = { "unknown", "gzip", "lzma", "lzo", "xz", "lz4", "zstd" };

	return compressor < ARRAY_SIZE(names) ? names[compressor] : names[0];
}

const char *squash_flag_name(unsigned int bit)
{
	static const char *const names[] = {
		"uncompressed-inodes", "uncompressed-data", NULL, "uncompressed-fragments",
		"no-fragments", "always-fragments", "duplicates-removed", "exportable",
		"uncompressed-xattrs", "no-xattrs", "compressor-options", "uncompressed-ids",
	};

	return bit < ARRAY_SIZE(names) ? names[bit] : NULL;
}
