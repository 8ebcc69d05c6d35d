/* SPDX-License-Identifier: BSD-3-Clause */
/* scratch.c - a file without a name; see scratch.h. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "libimage/base/cleanup.h"
#include "libimage/base/err.h"
#include "libimage/base/fd.h"
#include "libimage/base/path.h"
#include "libimage/build/scratch.h"

enum { PIECE = 1 << 30, BUFFER = 1 << 20 };

int scratch_open(const char *dir, struct berth_err *err)
{
	cleanup_free char *name = NULL;
	int fd;

	if (!dir)
		dir = getenv("TMPDIR");
	if (!dir || dir[0] == '\0')
		dir = "/tmp";
	fd = open(dir, O_TMPFILE | O_EXCL | O_RDWR | O_CLOEXEC, 0600);
	if (fd >= 0)
		return fd;
	if (errno == EOPNOTSUPP || errno == EISDIR || errno == EINVAL) {
		/* KERNEL: NFS and others have no O_TMPFILE. */
		name = path_join(dir, "berth-XXXXXX");
		fd = name ? mkostemp(name, O_CLOEXEC) : -1;
		if (fd >= 0) {
			(void)unlink(name);
			return fd;
		}
	}
	berth_fail(err, errno == EACCES || errno == EPERM ? BERTH_EDENIED : BERTH_ESYS, errno,
		   "cannot make a temporary file in '%s'", dir);
	return berth_hint(err, "--tmpdir DIR, or TMPDIR, names another place for it");
}

static int copy_by_hand(int from, uint64_t at, uint64_t size, int to, struct berth_err *err)
{
	cleanup_free char *buf = malloc(BUFFER);

	if (!buf)
		return berth_fail(err, BERTH_ESYS, ENOMEM, "cannot copy");
	while (size > 0) {
		size_t n = size < BUFFER ? (size_t)size : BUFFER;

		if (fd_pread_full(from, buf, n, (off_t)at) < 0)
			return berth_fail(err, errno == ENODATA ? BERTH_EIMAGE : BERTH_ESYS, errno,
					  "cannot read the source");
		if (fd_write_full(to, buf, n) < 0)
			return berth_fail(err, BERTH_ESYS, errno, "cannot write");
		at += n;
		size -= n;
	}
	return 0;
}

int scratch_copy(int from, uint64_t at, uint64_t size, int to, struct berth_err *err)
{
	while (size > 0) {
		off_t in = (off_t)at;
		ssize_t n = copy_file_range(from, &in, to, NULL, size < PIECE ? (size_t)size : PIECE, 0);

		if (n < 0 && errno == EINTR)
			continue;
		/* KERNEL: EXDEV, EOPNOTSUPP, EINVAL, and for a while 0, where file systems cannot; ENOSPC says it again. */
		if (n <= 0)
			break;
		at += (uint64_t)n;
		size -= (uint64_t)n;
	}
	return size > 0 ? copy_by_hand(from, at, size, to, err) : 0;
}
