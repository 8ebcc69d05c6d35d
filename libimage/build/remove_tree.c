/* SPDX-License-Identifier: BSD-3-Clause */
/* remove_tree.c - remove a directory and all below it; see remove_tree.h. */
#include "config.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "libimage/base/cleanup.h"
#include "libimage/base/err.h"
#include "libimage/build/remove_tree.h"

enum { DEPTH_MAX = 500 }; /* LIMIT: one descriptor a level; deeper ones than we make are left to rm */

static void close_dir(DIR **d)
{
	if (*d)
		(void)closedir(*d);
}

/* A directory of ours that we may not read: -1 if it is not that. */
static int open_closed(int dir_fd, const char *name)
{
	cleanup_close int fd = openat(dir_fd, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	char self[64];

	/* KERNEL: fchmod() refuses such a descriptor; its name below /proc leads to the same file, whatever
	 * 'name' is by now. */
	(void)snprintf(self, sizeof(self), "/proc/self/fd/%d", fd);
	if (fd < 0 || chmod(self, 0700) < 0)
		return -1;
	return openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static int empty_dir(int fd, dev_t dev, unsigned int depth);

/* One name, be it what it may. 0 or -1 with errno. */
static int remove_one(int dir_fd, const char *name, dev_t dev, unsigned int depth)
{
	cleanup_close int fd = -1;
	struct stat st;

	if (unlinkat(dir_fd, name, 0) == 0 || errno == ENOENT)
		return 0;
	if (errno != EISDIR && errno != EPERM)
		return -1;
	fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 && errno == EACCES)
		fd = open_closed(dir_fd, name);
	if (fd < 0 || fstat(fd, &st) < 0)
		return -1;
	if (st.st_dev != dev || depth == DEPTH_MAX) {
		errno = st.st_dev != dev ? EXDEV : ENAMETOOLONG;
		return -1;
	}
	if ((st.st_mode & 0700) != 0700)
		(void)fchmod(fd, 0700);
	if (empty_dir(fd, dev, depth + 1) < 0)
		return -1;
	return unlinkat(dir_fd, name, AT_REMOVEDIR);
}

static int empty_dir(int fd, dev_t dev, unsigned int depth)
{
	cleanup_close int own = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	cleanup(close_dir) DIR *d = own < 0 ? NULL : fdopendir(own);
	const struct dirent *e;

	if (!d)
		return -1;
	own = -1;
	while (errno = 0, (e = readdir(d)))
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0 &&
		    remove_one(fd, e->d_name, dev, depth) < 0)
			return -1;
	return errno == 0 ? 0 : -1;
}

int remove_tree(int dir_fd, const char *name, const char *path, struct berth_err *err)
{
	struct stat st;

	if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0 && errno == ENOENT)
		return 0;
	if (remove_one(dir_fd, name, st.st_dev, 0) == 0)
		return 0;
	return berth_fail(err, errno == EACCES || errno == EPERM ? BERTH_EDENIED : BERTH_ESYS, errno,
			  "cannot remove '%s'", path);
}
