/* SPDX-License-Identifier: BSD-3-Clause */
/* ext_io.c - libext2fs reads part of a file that is open; see ext_io.h. */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "libimage/base/fd.h"
#include "libimage/build/ext_io.h"

/* What a channel reads. */
struct part {
	int fd;
	uint64_t at, size;
};

/*
 * The library opens by a name, which there is none of: what it opens next is this. One thread, and only
 * for as long as ext_io_open() runs.
 */
static struct part opening;
static struct struct_io_manager manager;

static errcode_t part_open(const char *name, int flags, io_channel *ret)
{
	io_channel io = calloc(1, sizeof(*io));
	struct part *p = malloc(sizeof(*p));

	(void)name;
	(void)flags;
	if (!io || !p) {
		free(io);
		free(p);
		return EXT2_ET_NO_MEMORY;
	}
	*p = opening;
	io->magic = EXT2_ET_MAGIC_IO_CHANNEL;
	io->manager = &manager;
	io->name = strdup("image");
	io->block_size = 1024;
	io->refcount = 1;
	io->private_data = p;
	*ret = io;
	return 0;
}

static errcode_t part_close(io_channel io)
{
	if (--io->refcount > 0)
		return 0;
	free(io->private_data);
	free(io->name);
	free(io);
	return 0;
}

static errcode_t part_set_blksize(io_channel io, int size)
{
	io->block_size = size;
	return 0;
}

/* A negative count is of bytes. */
static errcode_t part_read64(io_channel io, unsigned long long block, int count, void *buf)
{
	const struct part *p = io->private_data;
	uint64_t n = count < 0 ? (uint64_t)-(int64_t)count : (uint64_t)count * (uint64_t)io->block_size;
	uint64_t at;

	if (__builtin_mul_overflow(block, (uint64_t)io->block_size, &at) || at > p->size || n > p->size - at)
		return EXT2_ET_SHORT_READ;
	return fd_pread_full(p->fd, buf, (size_t)n, (off_t)(p->at + at)) < 0 ? EXT2_ET_SHORT_READ : 0;
}

static errcode_t part_read(io_channel io, unsigned long block, int count, void *buf)
{
	return part_read64(io, block, count, buf);
}

static errcode_t part_write64(io_channel io, unsigned long long block, int count, const void *buf)
{
	(void)io;
	(void)block;
	(void)count;
	(void)buf;
	return EXT2_ET_RO_FILSYS;
}

static errcode_t part_write(io_channel io, unsigned long block, int count, const void *buf)
{
	return part_write64(io, block, count, buf);
}

static errcode_t part_flush(io_channel io)
{
	(void)io;
	return 0;
}

static struct struct_io_manager manager = {
	.magic = EXT2_ET_MAGIC_IO_MANAGER,
	.name = "part of a file",
	.open = part_open,
	.close = part_close,
	.set_blksize = part_set_blksize,
	.read_blk = part_read,
	.write_blk = part_write,
	.flush = part_flush,
	.read_blk64 = part_read64,
	.write_blk64 = part_write64,
};

errcode_t ext_io_open(int fd, uint64_t at, uint64_t size, ext2_filsys *ret)
{
	opening = (struct part){ .fd = fd, .at = at, .size = size };
	return ext2fs_open2("image", NULL, EXT2_FLAG_64BITS | EXT2_FLAG_SKIP_MMP, 0, 0, &manager, ret);
}
