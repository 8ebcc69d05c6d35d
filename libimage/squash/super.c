/* SPDX-License-Identifier: BSD-3-Clause */
/* super.c - open a squashfs: its superblock, its limits, a worker for each thread; see squash.h. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "libimage/base/cleanup.h"
#include "libimage/base/num.h"
#include "libimage/squash/squash_i.h"

enum {
	SUPER_MAGIC = 0x73717368,
	XATTR_HEAD_BYTES = 16,
	BLOCK_LOG_MIN = 12,
	AHEAD_MAX = 8 << 20, /* LIMIT: the tables of some 500,000 files */
	AHEAD_PIECE = 128 << 10,
	BLOCK_LOG_MAX = 20, /* LIMIT: the format's, blocks of 1 MiB */
};

int squash_damaged(struct berth_err *err, const char *fmt, ...)
{
	char text[160];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	return berth_fail(err, BERTH_EIMAGE, 0, "the image is damaged: %s", text);
}

int squash_pread(const struct squash *s, struct counts *counts, void *buf, size_t n, uint64_t off,
		 struct berth_err *err)
{
	uint8_t *p = buf;

	if (off > s->size || n > s->size - off)
		return squash_damaged(err, "%zu bytes at %" PRIu64 " lie outside", n, off);
	while (n > 0) {
		ssize_t got = pread(s->fd, p, n, (off_t)(s->offset + off));

		if (got < 0 && errno == EINTR)
			continue;
		count(&counts->reads, 1);
		if (got < 0)
			return berth_fail(err, BERTH_ESYS, errno, "cannot read the image");
		if (got == 0)
			return squash_damaged(err, "the file was cut short under us");
		count(&counts->read_bytes, (uint64_t)got);
		p += got;
		off += (uint64_t)got;
		n -= (size_t)got;
	}
	return 0;
}

/* A table must have room for its pointers. */
static int check_table(const struct squash *s, struct table *t, const char *what, uint64_t at, uint32_t n,
		       uint32_t record, struct berth_err *err)
{
	uint64_t blocks = ((uint64_t)n * record + META_BYTES - 1) / META_BYTES;

	*t = (struct table){ .fs = s, .what = what, .at = at, .n = n, .record = record };
	if (at < SUPER_BYTES || at > s->size || blocks * 8 > s->size - at)
		return squash_damaged(err, "its %s table lies outside", what);
	return 0;
}

/* Attributes have a head of their own before the table's pointers. */
static int check_xattrs(struct squash *s, uint64_t at, struct berth_err *err)
{
	uint8_t head[XATTR_HEAD_BYTES];

	if (at == NO_TABLE)
		return 0;
	if (squash_pread(s, &s->n, head, sizeof(head), at, err) < 0 ||
	    check_table(s, &s->xattrs, "attribute set", at + sizeof(head), num_le32(head + 8), XATTR_SET_BYTES,
			err) < 0)
		return -1;
	s->xattr_start = num_le64(head);
	s->xattr_end = at;
	if (s->xattr_start < SUPER_BYTES || s->xattr_start >= at || s->xattrs.n == 0)
		return squash_damaged(err, "its attributes lie outside");
	s->info.xattr_sets = s->xattrs.n;
	return 0;
}

static int check_super(struct squash *s, const uint8_t *sb, uint64_t room, struct berth_err *err)
{
	uint16_t id = num_le16(sb + 20), log = num_le16(sb + 22);
	uint32_t block = num_le32(sb + 12);
	uint64_t fragments = num_le64(sb + 80), export_table = num_le64(sb + 88), xattr = num_le64(sb + 56);

	if (num_le32(sb) != SUPER_MAGIC)
		return berth_fail(err, BERTH_EIMAGE, 0, "not a squashfs");
	if (num_le16(sb + 28) != 4 || num_le16(sb + 30) != 0)
		return berth_fail(err, BERTH_EIMAGE, 0, "squashfs version %u.%u, not 4.0",
				  num_le16(sb + 28), num_le16(sb + 30));
	if (log < BLOCK_LOG_MIN || log > BLOCK_LOG_MAX || block != 1u << log)
		return squash_damaged(err, "its block size is %" PRIu32, block);
	if (!unpack_name(id))
		return squash_damaged(err, "unknown compressor %u", id);
	if (!unpack_can(id)) {
		berth_fail(err, BERTH_EIMAGE, 0, "the image is compressed with %s, which Berth does not "
			   "read", unpack_name(id));
		return berth_hint(err, "build the image with zstd or gzip");
	}
	s->size = num_le64(sb + 40);
	if (s->size < SUPER_BYTES || s->size > room) {
		berth_fail(err, BERTH_EIMAGE, 0,
			   "the image is cut short: it should have %" PRIu64 " bytes and has %" PRIu64,
			   s->size, room);
		return berth_hint(err, "copy it again; was the copy still running?");
	}
	s->compressor_id = id;
	s->block_log = log;
	s->inode_table = num_le64(sb + 64);
	s->dir_table = num_le64(sb + 72);
	s->info = (struct squash_info){
		.root = num_le64(sb + 32), .bytes_used = s->size, .block_size = block,
		.inodes = num_le32(sb + 4), .has_xattrs = xattr != NO_TABLE,
		.compressor = unpack_name(id),
	};
	if (s->inode_table < SUPER_BYTES || s->inode_table >= s->dir_table ||
	    s->dir_table > s->size)
		return squash_damaged(err, "its inode and directory tables lie outside");
	if (num_le16(sb + 26) == 0)
		return squash_damaged(err, "it has no owners");
	if (check_table(s, &s->ids, "owner", num_le64(sb + 48), num_le16(sb + 26), ID_BYTES, err) < 0)
		return -1;
	s->dir_end = s->ids.at;
	if (fragments != NO_TABLE) {
		if (check_table(s, &s->fragments, "fragment", fragments, num_le32(sb + 16), FRAGMENT_BYTES, err) < 0)
			return -1;
		if (fragments < s->dir_end)
			s->dir_end = fragments;
	}
	if (export_table != NO_TABLE && export_table < s->dir_end)
		s->dir_end = export_table;
	if (s->dir_end < s->dir_table)
		return squash_damaged(err, "its tables are out of order");
	if (s->info.root >> SQUASH_REF_BITS)
		return squash_damaged(err, "its root lies outside");
	return check_xattrs(s, xattr, err);
}

int squash_open(int fd, uint64_t offset, uint64_t size, struct squash **ret, struct berth_err *err)
{
	struct squash *s = calloc(1, sizeof(*s));
	uint8_t sb[SUPER_BYTES];

	if (!s)
		return berth_fail(err, BERTH_ESYS, ENOMEM, "cannot open the image");
	s->fd = fd;
	s->offset = offset;
	s->size = size;
	if (offset > INT64_MAX || size > INT64_MAX - offset || size < SUPER_BYTES) {
		berth_fail(err, BERTH_EIMAGE, 0, "not a squashfs: %" PRIu64 " bytes is too short", size);
		squash_close(s);
		return -1;
	}
	if (squash_pread(s, &s->n, sb, sizeof(sb), 0, err) < 0 || check_super(s, sb, size, err) < 0) {
		squash_close(s);
		return -1;
	}
	*ret = s;
	return 0;
}

const struct squash_info *squash_info(const struct squash *s)
{
	return &s->info;
}

void squash_read_ahead(const struct squash *s)
{
	uint64_t end = s->dir_end - s->inode_table > AHEAD_MAX ? s->inode_table + AHEAD_MAX : s->dir_end;

	/* KERNEL: one call reads no more than the device's readahead, usually 128 KiB. */
	for (uint64_t at = s->inode_table; at < end; at += AHEAD_PIECE)
		(void)posix_fadvise(s->fd, (off_t)(s->offset + at), AHEAD_PIECE, POSIX_FADV_WILLNEED);
}

int squash_fd(const struct squash *s)
{
	return s->fd;
}
