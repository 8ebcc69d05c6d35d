/* SPDX-License-Identifier: BSD-3-Clause */
/* ext_io.h - libext2fs reads part of a file that is open. For ext.c. */
#ifndef BERTH_EXT_IO_H
#define BERTH_EXT_IO_H

#include <ext2fs/ext2fs.h>
#include <stdint.h>

/* Open the file system in 'fd' (borrowed) at 'at', of 'size' bytes, for reading. */
errcode_t ext_io_open(int fd, uint64_t at, uint64_t size, ext2_filsys *ret);

#endif
