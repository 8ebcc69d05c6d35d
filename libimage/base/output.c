/* SPDX-License-Identifier: BSD-3-Clause */
/* output.c - a file on its way to its name; see output.h. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "libimage/base/cleanup.h"
#include "libimage/base/err.h"
#include "libimage/base/fd.h"
#include "libimage/base/output.h"
#include "libimage/base/path.h"

void output_close(struct output *o)
{
	if (o->temp[0] != '\0')
		(void)unlinkat(o->dir_fd, o->temp, 0);
	o->temp[0] = '\0';
	cleanup_close_fn(&o->fd);
	cleanup_close_fn(&o->dir_fd);
}

static int fail(const struct output *o, struct berth_err *err)
{
	int sys = errno;

	berth_fail(err, sys == EACCES || sys == EPERM ? BERTH_EDENIED : BERTH_ESYS, sys,
		   "cannot write '%s'", o->path);
	if (sys == ENOENT || sys == ENOTDIR)
		berth_hint(err, "make its directory first");
	return -1;
}

static int fail_exists(const struct output *o, struct berth_err *err)
{
	berth_fail(err, BERTH_EDENIED, 0, "'%s' exists", o->path);
	return berth_hint(err, "--force replaces it");
}

static int temp_name(struct output *o, struct berth_err *err)
{
	uint64_t r;

	if (getrandom(&r, sizeof(r), 0) != (ssize_t)sizeof(r))
		return berth_fail(err, BERTH_ESYS, errno, "cannot get random bytes");
	(void)snprintf(o->temp, sizeof(o->temp), ".berth-%016" PRIx64, r);
	return 0;
}

/* Is there something that must stay? It is looked at again when the file gets its name. */
static int check_target(const struct output *o, bool force, struct berth_err *err)
{
	struct stat st;

	if (fstatat(o->dir_fd, o->name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : fail(o, err);
	if (!S_ISREG(st.st_mode) && !S_ISLNK(st.st_mode)) {
		berth_fail(err, BERTH_EUSAGE, 0, "'%s' exists and is not a file", o->path);
		return berth_hint(err, "the image's name comes first, its source last");
	}
	return force ? 0 : fail_exists(o, err);
}

int output_open_at(struct output *o, int dir_fd, const char *name, const char *path, mode_t mode, bool force,
		   struct berth_err *err)
{
	o->path = path;
	o->name = name;
	o->dir_fd = fcntl(dir_fd, F_DUPFD_CLOEXEC, 0);
	if (o->dir_fd < 0)
		return fail(o, err);
	if (check_target(o, force, err) < 0)
		return -1;
	o->fd = openat(o->dir_fd, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, mode);
	if (o->fd >= 0)
		return 0;
	if (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL)
		return fail(o, err);
	/* KERNEL: NFS and others have no O_TMPFILE. */
	if (temp_name(o, err) < 0)
		return -1;
	o->fd = openat(o->dir_fd, o->temp, O_CREAT | O_EXCL | O_RDWR | O_NOFOLLOW | O_CLOEXEC, mode);
	if (o->fd < 0) {
		o->temp[0] = '\0';
		return fail(o, err);
	}
	return 0;
}

int output_open(struct output *o, const char *path, mode_t mode, bool force, struct berth_err *err)
{
	cleanup_free char *copy = strdup(path);
	cleanup_close int dir_fd = -1;

	o->path = path;
	o->name = path_base(path);
	if (!copy)
		return berth_fail(err, BERTH_ESYS, ENOMEM, "cannot write '%s'", path);
	if (o->name[0] == '\0' || path[strlen(path) - 1] == '/' || strcmp(o->name, ".") == 0 ||
	    strcmp(o->name, "..") == 0)
		return berth_fail(err, BERTH_EUSAGE, 0, "'%s' is no name for an image", path);
	dir_fd = fd_open_user(dirname(copy), O_PATH | O_DIRECTORY);
	if (dir_fd < 0)
		return fail(o, err);
	return output_open_at(o, dir_fd, o->name, path, mode, force, err);
}

/* Give the file the name 'name', which must be free. */
static int link_as(const struct output *o, const char *name)
{
	char self[64];

	if (o->temp[0] != '\0')
		return linkat(o->dir_fd, o->temp, o->dir_fd, name, 0);
	(void)snprintf(self, sizeof(self), "/proc/self/fd/%d", o->fd);
	return linkat(AT_FDCWD, self, o->dir_fd, name, AT_SYMLINK_FOLLOW);
}

/*
 * The same, where hard links are not to be had (vfat, some network and FUSE file systems): those
 * have no O_TMPFILE either, so there is a temporary name to move.
 */
static int move_as(struct output *o, const char *name)
{
	int sys = errno;

	if (o->temp[0] == '\0' || (sys != EPERM && sys != EOPNOTSUPP && sys != ENOSYS) ||
	    renameat2(o->dir_fd, o->temp, o->dir_fd, name, RENAME_NOREPLACE) < 0) {
		errno = errno == EEXIST ? EEXIST : sys;
		return -1;
	}
	o->temp[0] = '\0';
	return 0;
}

/* All data is on disk: let the file appear. */
int output_publish(struct output *o, bool force, struct berth_err *err)
{
	if (fsync(o->fd) < 0)
		return fail(o, err);
	if (!force && link_as(o, o->name) < 0 && move_as(o, o->name) < 0)
		return errno == EEXIST ? fail_exists(o, err) : fail(o, err);
	if (!force)
		return 0; /* output_close() drops the temporary name, if there is one */
	if (o->temp[0] == '\0') {
		char name[OUTPUT_TEMP_MAX];

		if (temp_name(o, err) < 0)
			return -1;
		memcpy(name, o->temp, sizeof(name));
		o->temp[0] = '\0';
		if (link_as(o, name) < 0)
			return fail(o, err);
		memcpy(o->temp, name, sizeof(name));
	}
	if (renameat(o->dir_fd, o->temp, o->dir_fd, o->name) < 0)
		return fail(o, err);
	o->temp[0] = '\0';
	return 0;
}
