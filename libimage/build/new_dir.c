/* SPDX-License-Identifier: BSD-3-Clause */
/* new_dir.c - a directory on its way to its name; see new_dir.h. */
#include "config.h"

#include <dirent.h>
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
#include "libimage/base/path.h"
#include "libimage/build/new_dir.h"
#include "libimage/build/remove_tree.h"

void new_dir_done(struct new_dir *p)
{
	struct berth_err ignored = BERTH_ERR_INIT;

	if (p->temp[0] != '\0')
		(void)remove_tree(p->dir_fd, p->temp, p->temp, &ignored);
	p->temp[0] = '\0';
	cleanup_close_fn(&p->fd);
	cleanup_close_fn(&p->dir_fd);
	free(p->tidy);
	p->tidy = NULL;
}

static int fail(const struct new_dir *p, struct berth_err *err)
{
	int sys = errno;

	berth_fail(err, sys == EACCES || sys == EPERM ? BERTH_EDENIED : BERTH_ESYS, sys, "cannot make '%s'", p->path);
	return sys == ENOENT || sys == ENOTDIR ? berth_hint(err, "make the directory that it will be in first") : -1;
}

static void close_dir(DIR **d)
{
	if (*d)
		(void)closedir(*d);
}

/* 1, 0, or -1 with errno. */
static int is_empty(const struct new_dir *p)
{
	int fd = openat(p->dir_fd, p->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	cleanup(close_dir) DIR *d = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *e;

	if (!d)
		return -1;
	while (errno = 0, (e = readdir(d)))
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			return 0;
	return errno == 0 ? 1 : -1;
}

/* Is there something? *ret_exchange: a directory with content, that may be replaced. */
static int look(const struct new_dir *p, bool force, bool *ret_exchange, struct berth_err *err)
{
	struct stat st;
	int empty;

	*ret_exchange = false;
	if (fstatat(p->dir_fd, p->name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : fail(p, err);
	if (!S_ISDIR(st.st_mode))
		return berth_fail(err, BERTH_EUSAGE, 0, "'%s' exists and is not a directory", p->path);
	empty = is_empty(p);
	if (empty < 0)
		return fail(p, err);
	*ret_exchange = empty == 0;
	if (empty || force)
		return 0;
	berth_fail(err, BERTH_EDENIED, 0, "'%s' exists and is not empty", p->path);
	return berth_hint(err, "--force replaces it, with all that is in it");
}

static int name_it(struct new_dir *p, const char *path, struct berth_err *err)
{
	cleanup_free char *copy = NULL;
	size_t n = strlen(path);

	p->path = path;
	p->tidy = malloc(n + 2);
	if (!p->tidy)
		return berth_fail(err, BERTH_ESYS, ENOMEM, "cannot make '%s'", path);
	memcpy(p->tidy, path, n + 1);
	path_tidy(p->tidy);
	p->name = path_base(p->tidy);
	if (strcmp(p->name, ".") == 0 || strcmp(p->name, "..") == 0 || strcmp(p->name, "/") == 0)
		return berth_fail(err, BERTH_EUSAGE, 0, "'%s' is no name for a new directory", path);
	copy = strdup(p->tidy);
	if (!copy)
		return berth_fail(err, BERTH_ESYS, ENOMEM, "cannot make '%s'", path);
	p->dir_fd = fd_open_user(dirname(copy), O_RDONLY | O_DIRECTORY);
	return p->dir_fd < 0 ? fail(p, err) : 0;
}

int new_dir_open(struct new_dir *p, const char *path, bool force, struct berth_err *err)
{
	bool exchange;
	uint64_t r;

	if (name_it(p, path, err) < 0 || look(p, force, &exchange, err) < 0)
		return -1;
	if (getrandom(&r, sizeof(r), 0) != (ssize_t)sizeof(r))
		return berth_fail(err, BERTH_ESYS, errno, "cannot get random bytes");
	(void)snprintf(p->temp, sizeof(p->temp), ".berth-%016" PRIx64, r);
	if (mkdirat(p->dir_fd, p->temp, 0700) < 0) {
		p->temp[0] = '\0';
		return fail(p, err);
	}
	p->fd = openat(p->dir_fd, p->temp, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return p->fd < 0 ? fail(p, err) : 0;
}

int new_dir_publish(struct new_dir *p, bool force, struct berth_err *err)
{
	char old[NEW_DIR_TEMP];
	bool exchange;

	/* again, for somebody may have been quicker */
	if (look(p, force, &exchange, err) < 0)
		return -1;
	if (!exchange) {
		/* KERNEL: replaces nothing but an empty directory. */
		if (renameat(p->dir_fd, p->temp, p->dir_fd, p->name) < 0)
			return fail(p, err);
		p->temp[0] = '\0';
		return 0;
	}
	if (renameat2(p->dir_fd, p->temp, p->dir_fd, p->name, RENAME_EXCHANGE) < 0) {
		/* KERNEL: NFS and others cannot. */
		if (errno != EINVAL && errno != ENOSYS)
			return fail(p, err);
		berth_fail(err, BERTH_ESYS, 0, "cannot replace '%s' at one go on this file system", p->path);
		return berth_hint(err, "remove it, or choose another name");
	}
	memcpy(old, p->temp, sizeof(old));
	p->temp[0] = '\0';
	if (remove_tree(p->dir_fd, old, old, err) < 0)
		return berth_hint(err, "'%.100s' is made; what was there before is left under this name beside it",
				  p->name);
	return 0;
}
