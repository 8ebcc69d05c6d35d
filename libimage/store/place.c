/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * place.c - the directories of a store, and the way to them; see store_i.h.
 *
 * Others must not be able to say where a store is. A link in the way is followed only if it is the
 * caller's or root's, and no directory in the way may be one where everybody can replace the next. What
 * is opened then is checked on its descriptor, and everything else is looked up below that.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>

#include "libimage/base/cleanup.h"
#include "libimage/base/conf.h"
#include "libimage/base/fd.h"
#include "libimage/base/path.h"
#include "libimage/store/store_i.h"

enum { LINKS_MAX = 40 }; /* LIMIT: as the kernel's */

/* The way: where we are, and what is still to go. */
struct walk {
	const char *path; /* for messages */
	int at;
	char *rest, *next; /* 'next' points into 'rest' */
	unsigned int links;
	bool create;
};

static int fail_way(const struct walk *w, const char *name, struct berth_err *err)
{
	int sys = errno;

	berth_fail(err, sys == ENOMEM ? BERTH_ESYS : BERTH_EDENIED, sys,
		   "cannot use '%s' as a store: '%.80s'", w->path, name);
	return berth_hint(err, "BERTH_CACHEDIR names another place");
}

static int start(struct walk *w, struct berth_err *err)
{
	cleanup_close_fn(&w->at);
	w->at = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	return w->at < 0 ? fail_way(w, "/", err) : 0;
}

/* In a directory where everybody may write and replace, the next name is anybody's choice. */
static int check_dir(const struct walk *w, int fd, const char *name, struct berth_err *err)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return fail_way(w, name, err);
	if (!(st.st_mode & S_IWOTH) || (st.st_mode & S_ISVTX))
		return 0;
	berth_fail(err, BERTH_EDENIED, 0,
		   "cannot use '%s' as a store: everybody may write to the directory '%.80s'", w->path, name);
	return berth_hint(err, "BERTH_CACHEDIR names another place");
}

/* 'fd' is the link 'name': go on along it. */
static int follow(struct walk *w, int fd, const char *name, struct berth_err *err)
{
	char target[PATH_MAX];
	struct stat st;
	char *rest;
	ssize_t n;

	if (fstat(fd, &st) < 0)
		return fail_way(w, name, err);
	if (!S_ISLNK(st.st_mode)) {
		errno = ENOTDIR;
		return fail_way(w, name, err);
	}
	if (!conf_is_trusted(st.st_uid, geteuid())) {
		berth_fail(err, BERTH_EDENIED, 0,
			   "cannot use '%s' as a store: the link '%.80s' is another user's", w->path, name);
		return berth_hint(err, "BERTH_CACHEDIR names another place");
	}
	if (++w->links > LINKS_MAX) {
		errno = ELOOP;
		return fail_way(w, name, err);
	}
	n = readlinkat(fd, "", target, sizeof(target) - 1);
	if (n < 0)
		return fail_way(w, name, err);
	target[n] = '\0';
	w->next += strspn(w->next, "/");
	rest = path_join(target, w->next[0] ? w->next : ".");
	if (!rest)
		return fail_way(w, name, err);
	free(w->rest);
	w->rest = w->next = rest;
	return target[0] == '/' ? start(w, err) : 0;
}

/* One name further. Returns 1, 0 it is not there, or -1. */
static int step(struct walk *w, const char *name, struct berth_err *err)
{
	/* KERNEL: O_PATH alone does not make autofs mount what is behind a directory. */
	cleanup_close int fd = openat(w->at, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0 && errno == ENOENT && !w->create)
		return 0;
	if (fd < 0 && errno == ENOENT) {
		if (mkdirat(w->at, name, 0700) < 0 && errno != EEXIST)
			return fail_way(w, name, err);
		fd = openat(w->at, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	}
	if (fd < 0 && (errno == ENOTDIR || errno == ELOOP)) {
		fd = openat(w->at, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
		return fd < 0 ? fail_way(w, name, err) : follow(w, fd, name, err) < 0 ? -1 : 1;
	}
	if (fd < 0)
		return fail_way(w, name, err);
	if (check_dir(w, fd, name, err) < 0)
		return -1;
	cleanup_close_fn(&w->at);
	w->at = take_fd(&fd);
	return 1;
}

int place_walk(const char *path, bool create, int *ret_fd, struct berth_err *err)
{
	struct walk w = { .path = path, .at = -1, .create = create };
	cleanup_close int end = -1;
	int rc;

	w.rest = w.next = strdup(path);
	rc = w.rest ? start(&w, err) : fail_way(&w, path, err);
	while (rc >= 0) {
		char name[NAME_MAX + 1];
		size_t n;

		w.next += strspn(w.next, "/");
		n = strcspn(w.next, "/");
		if (n == 0)
			break;
		if (n >= sizeof(name)) {
			errno = ENAMETOOLONG;
			rc = fail_way(&w, path, err);
			break;
		}
		memcpy(name, w.next, n);
		name[n] = '\0';
		w.next += n;
		rc = step(&w, name, err);
		if (rc == 0)
			cleanup_close_fn(&w.at);
		if (rc <= 0)
			break;
	}
	free(w.rest);
	end = w.at;
	if (rc < 0)
		return -1;
	*ret_fd = take_fd(&end);
	return 0;
}

static int fail_place(const struct place *p, const char *below, struct berth_err *err)
{
	int sys = errno;

	if (sys == ENOSPC || sys == EDQUOT)
		return store_fail_write(p->path, sys, err);
	return berth_fail(err, sys == EACCES || sys == EPERM || sys == EROFS ? BERTH_EDENIED : BERTH_ESYS,
			  sys, "cannot use '%s/%s'", p->path, below);
}

/* Of a site store: what is not root's or its owner's, or others may write, could be anything. */
static int check_site(const struct place *p, const struct stat *st, const char *name, struct berth_err *err)
{
	if (!p->site || (conf_is_trusted(st->st_uid, p->owner) && !(st->st_mode & 022)))
		return 0;
	berth_fail(err, BERTH_ECONFIG, 0, "site store '%s': others could have changed '%s'", p->path, name);
	return berth_hint(err,
			  "the administrator must make it root's, or 'site store owner's, and writable by "
			  "that user only");
}

int place_dir(const struct place *p, const char *below, mode_t mode, int *ret_fd, struct berth_err *err)
{
	cleanup_close int at = p->fd < 0 ? -1 : fcntl(p->fd, F_DUPFD_CLOEXEC, 0);

	if (p->fd < 0)
		return 0;
	if (at < 0)
		return fail_place(p, below, err);
	for (const char *name = below; *name;) {
		size_t n = strcspn(name, "/");
		char word[STORE_NAME_SIZE];
		struct stat st;
		int fd;

		(void)snprintf(word, sizeof(word), "%.*s", (int)n, name);
		fd = openat(at, word, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (fd < 0 && errno == ENOENT && mode == 0)
			return 0;
		if (fd < 0 && errno == ENOENT) {
			if (mkdirat(at, word, mode) < 0 && errno != EEXIST)
				return fail_place(p, below, err);
			fd = openat(at, word, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		}
		if (fd < 0)
			return fail_place(p, below, err);
		cleanup_close_fn(&at);
		at = fd;
		if (fstat(at, &st) < 0)
			return fail_place(p, below, err);
		if (check_site(p, &st, below, err) < 0)
			return -1;
		name += n + (name[n] == '/');
	}
	*ret_fd = take_fd(&at);
	return 1;
}

int place_file(const struct place *p, int dir_fd, const char *name, int *ret_fd, struct stat *st,
	       struct berth_err *err)
{
	/* O_NONBLOCK: whatever lies there. */
	cleanup_close int fd =
	    openat(dir_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);

	if (fd < 0)
		return errno == ENOENT ? 0 : fail_place(p, name, err);
	if (fstat(fd, st) < 0)
		return fail_place(p, name, err);
	if (!S_ISREG(st->st_mode))
		return berth_fail(err, BERTH_EDENIED, 0, "'%s' in the store '%s' is no file", name, p->path);
	if (check_site(p, st, name, err) < 0)
		return -1;
	fd_hold(fd);
	/* It may have been removed before we had it. */
	if (fstat(fd, st) < 0 || st->st_nlink == 0)
		return 0;
	*ret_fd = take_fd(&fd);
	return 1;
}
