/* SPDX-License-Identifier: BSD-3-Clause */
/* contain.c - empty directories and a small /dev; see contain.h. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

#include "launcher/room/contain.h"
#include "libimage/base/cleanup.h"
#include "libimage/base/err.h"
#include "libimage/base/fd.h"

#define DEV_PTS "/dev/pts"

/* By POSIX's and everybody's habit; where there is no /proc or no pts, to nowhere. */
static const struct {
	const char *name, *to;
} dev_links[] = {
	{ "fd", "/proc/self/fd" },
	{ "stdin", "/proc/self/fd/0" },
	{ "stdout", "/proc/self/fd/1" },
	{ "stderr", "/proc/self/fd/2" },
	{ "ptmx", "pts/ptmx" },
};

static int open_dir(int at_fd, const char *name)
{
	return openat(at_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

int contain_empty(int tmp_fd, const char *name, mode_t mode, struct berth_err *err)
{
	cleanup_close int fd = -1;

	if (mkdirat(tmp_fd, name, 0700) < 0 || (fd = open_dir(tmp_fd, name)) < 0 || fchmod(fd, mode) < 0)
		return berth_fail(err, BERTH_ESYS, errno, "cannot make an empty directory");
	return take_fd(&fd);
}

int contain_dev(int tmp_fd, struct berth_err *err)
{
	cleanup_close int fd = contain_empty(tmp_fd, "dev", 0755, err);

	for (size_t i = 0; fd >= 0 && i < ARRAY_SIZE(dev_links); i++)
		if (symlinkat(dev_links[i].to, fd, dev_links[i].name) < 0)
			return berth_fail(err, BERTH_ESYS, errno, "cannot make '/dev/%s'", dev_links[i].name);
	return take_fd(&fd);
}

int contain_point(int dir_fd, const char *rest, bool dir, struct berth_err *err)
{
	cleanup_close int at = fcntl(dir_fd, F_DUPFD_CLOEXEC, 0);
	char name[NAME_MAX + 1];

	while (*rest) {
		size_t n = strcspn(rest, "/");
		const char *next = rest + n + strspn(rest + n, "/");
		int fd;

		if (n > NAME_MAX)
			return berth_fail(err, BERTH_EUSAGE, ENAMETOOLONG, "mount point '%s'", rest);
		memcpy(name, rest, n);
		name[n] = '\0';
		if (*next == '\0' && !dir) {
			/* Not opened where it is there: it may be a FIFO of an earlier program's. */
			fd = openat(at, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
			if (fd < 0 && errno == EEXIST)
				return 0;
		} else {
			if (mkdirat(at, name, 0755) < 0 && errno != EEXIST)
				return berth_fail(err, BERTH_ESYS, errno, "cannot make the mount point '%s'", name);
			fd = open_dir(at, name);
		}
		if (fd < 0)
			return berth_fail(err, BERTH_ESYS, errno, "cannot make the mount point '%s'", name);
		cleanup_close_fn(&at);
		at = fd;
		rest = next;
	}
	return 0;
}

/* mkdir() of each directory above 'path' that is missing. */
static int make_above(const char *path)
{
	char above[PATH_MAX];
	size_t n = strlen(path);

	if (n >= sizeof(above)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	memcpy(above, path, n + 1);
	for (char *slash = strchr(above + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		if (mkdir(above, 0755) < 0 && errno != EEXIST)
			return -1;
		*slash = '/';
	}
	return 0;
}

static int cannot_make(const char *workdir, const char *name, struct berth_err *err)
{
	berth_fail(err, BERTH_EDENIED, errno, "cannot make the directory '%s/%s'", workdir, name);
	return berth_hint(err, "--workdir names a directory in which you may make others; no link is followed "
			       "below it");
}

int contain_kept(const char *workdir, const char *name, mode_t mode, struct berth_err *err)
{
	cleanup_close int at = -1;
	char part[NAME_MAX + 1];

	if ((mkdir(workdir, 0755) < 0 && errno == ENOENT && make_above(workdir) < 0) ||
	    (mkdir(workdir, 0755) < 0 && errno != EEXIST) ||
	    (at = fd_open_user(workdir, O_PATH | O_DIRECTORY)) < 0)
		return cannot_make(workdir, name, err);
	for (const char *p = name, *next; *p; p = next) {
		size_t n = strcspn(p, "/");
		bool made;
		int fd;

		next = p + n + strspn(p + n, "/");
		if (n > NAME_MAX)
			return berth_fail(err, BERTH_EUSAGE, ENAMETOOLONG, "directory '%s'", p);
		memcpy(part, p, n);
		part[n] = '\0';
		made = mkdirat(at, part, 0700) == 0;
		if (!made && errno != EEXIST)
			return cannot_make(workdir, name, err);
		fd = open_dir(at, part);
		if (fd < 0)
			return cannot_make(workdir, name, err);
		cleanup_close_fn(&at);
		at = fd;
		/* What was there stays as it is. */
		if (made && *next == '\0' && fchmod(at, mode) < 0)
			return cannot_make(workdir, name, err);
	}
	return take_fd(&at);
}

/* A new devpts; where the kernel gives none, the host's. */
static int attach_pts(const struct arm *arm, int dst_fd, struct berth_err *err)
{
	cleanup_close int host = -1;

	if (arm->fresh(arm->ctx, ARM_PTS, dst_fd, err) == 0)
		return 0;
	host = fd_open_user(DEV_PTS, O_PATH | O_DIRECTORY);
	if (host < 0)
		return -1;
	*err = (struct berth_err)BERTH_ERR_INIT;
	return arm->device(arm->ctx, host, dst_fd, 0, err);
}

int contain_attach(const struct arm *arm, const struct plan_mount *m, int src_fd, int dst_fd,
		   struct berth_err *err)
{
	if (!arm->fresh || !arm->device)
		return berth_fail(err, BERTH_EBUG, 0, "'%s' is for use without Slurm", m->target);
	if (m->kind == PLAN_SHM)
		return arm->fresh(arm->ctx, ARM_SHM, dst_fd, err);
	if (m->kind == PLAN_PTS)
		return attach_pts(arm, dst_fd, err);
	return arm->device(arm->ctx, src_fd, dst_fd, m->flags & PLAN_READONLY ? ARM_READONLY : 0, err);
}
