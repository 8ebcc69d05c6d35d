/* SPDX-License-Identifier: BSD-3-Clause */
/* build.c - a directory to a SIF file; see build.h. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <libgen.h>
#include <limits.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>

#include "libimage/base/cleanup.h"
#include "libimage/base/err.h"
#include "libimage/base/fd.h"
#include "libimage/base/path.h"
#include "libimage/build/build.h"
#include "libimage/sif/sif.h"
#include "libimage/squash/write.h"

enum { TEMP_NAME_MAX = 32 }; /* LIMIT: bytes; a fixed word and a number */

/* A file on its way to its name. */
struct output {
	const char *path;	  /* for messages */
	const char *name;	  /* last component of 'path' */
	int dir_fd, fd;
	char temp[TEMP_NAME_MAX]; /* its name meanwhile; "": it has none (O_TMPFILE) */
};

static void output_close(struct output *o)
{
	if (o->temp[0] != '\0')
		(void)unlinkat(o->dir_fd, o->temp, 0);
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

static int output_open(struct output *o, const char *path, bool force, struct berth_err *err)
{
	cleanup_free char *copy = strdup(path);

	o->path = path;
	o->name = path_base(path);
	if (!copy)
		return berth_fail(err, BERTH_ESYS, ENOMEM, "cannot write '%s'", path);
	if (o->name[0] == '\0' || path[strlen(path) - 1] == '/' || strcmp(o->name, ".") == 0 ||
	    strcmp(o->name, "..") == 0)
		return berth_fail(err, BERTH_EUSAGE, 0, "'%s' is no name for an image", path);
	o->dir_fd = fd_open_user(dirname(copy), O_PATH | O_DIRECTORY);
	if (o->dir_fd < 0)
		return fail(o, err);
	if (check_target(o, force, err) < 0)
		return -1;
	o->fd = openat(o->dir_fd, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0755);
	if (o->fd >= 0)
		return 0;
	if (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL)
		return fail(o, err);
	/* KERNEL: NFS and others have no O_TMPFILE. */
	if (temp_name(o, err) < 0)
		return -1;
	o->fd = openat(o->dir_fd, o->temp, O_CREAT | O_EXCL | O_RDWR | O_NOFOLLOW | O_CLOEXEC, 0755);
	if (o->fd < 0) {
		o->temp[0] = '\0';
		return fail(o, err);
	}
	return 0;
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
static int output_publish(struct output *o, bool force, struct berth_err *err)
{
	if (fsync(o->fd) < 0)
		return fail(o, err);
	if (!force && link_as(o, o->name) < 0 && move_as(o, o->name) < 0)
		return errno == EEXIST ? fail_exists(o, err) : fail(o, err);
	if (!force)
		return 0; /* output_close() drops the temporary name, if there is one */
	if (o->temp[0] == '\0') {
		char name[TEMP_NAME_MAX];

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

/* The image itself: one partition, and the header that finds it. */
static int write_image(int dir_fd, int fd, const struct build_options *opt, struct build_result *res,
		       struct berth_err *err)
{
	struct sif_new_object root = {
		.type = SIF_PARTITION, .fs = SIF_FS_SQUASHFS, .part = SIF_PART_PRIMARY,
		.name = "rootfs.squashfs",
	};
	const struct squash_write_options sq = {
		.keep_owner = opt->keep_owner, .keep_devices = opt->keep_devices,
		.epoch = opt->epoch, .workers = opt->workers,
	};
	struct squash_write_result sr;

	if (sif_layout(&root, 1, err) < 0)
		return -1;
	if (ftruncate(fd, (off_t)root.offset) < 0)
		return berth_fail(err, BERTH_ESYS, errno, "cannot write the image");
	if (squash_write_dir(dir_fd, fd, root.offset, &sq, &sr, err) < 0)
		return -1;
	root.size = sr.bytes;
	memcpy(res->arch, build_arch(dir_fd), sizeof(res->arch));
	res->bytes = root.offset + root.size;
	res->inodes = sr.inodes;
	res->devices_left_out = sr.devices_left_out;
	return sif_write_header(fd, &root, 1, res->arch, opt->epoch >= 0 ? opt->epoch : 0, err);
}

int build_sif_from_dir(const char *dir, const char *out, const struct build_options *opt,
		       struct build_result *ret, struct berth_err *err)
{
	cleanup(output_close) struct output o = { .dir_fd = -1, .fd = -1 };
	cleanup_close int dir_fd = fd_open_user(dir, O_RDONLY | O_DIRECTORY);
	struct build_result res = { 0 };

	if (dir_fd < 0) {
		int sys = errno;

		berth_fail(err, sys == ENOENT ? BERTH_ENOTFOUND : sys == EACCES ? BERTH_EDENIED
				: sys == ENOTDIR ? BERTH_EUSAGE : BERTH_ESYS, sys,
			   "cannot open the source '%s'", dir);
		return sys == ENOTDIR ? berth_hint(err, "images are built from directories") : -1;
	}
	if (output_open(&o, out, opt->force, err) < 0)
		return -1;
	if (write_image(dir_fd, o.fd, opt, &res, err) < 0)
		return berth_context(err, "'%s'", dir);
	if (output_publish(&o, opt->force, err) < 0)
		return -1;
	if (ret)
		*ret = res;
	return 0;
}
