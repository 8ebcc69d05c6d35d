/* SPDX-License-Identifier: BSD-3-Clause */
/* copy.c - a file's bytes to another file; see copy.h. */
#include "config.h"

#include <errno.h>
#include <linux/fs.h>
#include <stdbool.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "libimage/base/err.h"
#include "libimage/base/fd.h"
#include "libimage/build/copy.h"

enum { PIECE = 1 << 30, BUFFER = 256 * 1024 };

static int copy_by_hand(int from, int to, off_t at, off_t size)
{
	static char buf[BUFFER];

	while (at < size) {
		size_t n = size - at < BUFFER ? (size_t)(size - at) : BUFFER;

		if (fd_pread_full(from, buf, n, at) < 0 || fd_pwrite_full(to, buf, n, at) < 0)
			return -1;
		at += (off_t)n;
	}
	return 0;
}

int copy_file(int from, int to, const char *path, struct berth_err *err)
{
	struct stat st;
	off_t in = 0, out = 0;

	if (fstat(from, &st) < 0)
		return berth_fail(err, BERTH_ESYS, errno, "cannot copy to '%s'", path);
	/* KERNEL: the same blocks on disk (btrfs, XFS); refused between file systems. */
	if (ioctl(to, FICLONE, from) == 0)
		return 0;
	while (in < st.st_size) {
		ssize_t n = copy_file_range(from, &in, to, &out, PIECE, 0);

		if (n < 0 && errno == EINTR)
			continue;
		/* KERNEL: EXDEV, EOPNOTSUPP, EINVAL, and for a while 0, where file systems cannot. */
		if (n <= 0)
			break;
	}
	if (copy_by_hand(from, to, in, st.st_size) < 0)
		return berth_fail(err, BERTH_ESYS, errno, "cannot copy to '%s'", path);
	return 0;
}
