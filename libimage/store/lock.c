/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * lock.c - of many processes one works at a thing, the others wait; see store_i.h.
 *
 * A lock is an empty file but for a line that says who has it, for the messages of those who wait. It is
 * removed by who had it; so who gets one looks whether it still has its name. What a kill leaves is free.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>

#include "libimage/base/cleanup.h"
#include "libimage/base/fd.h"
#include "libimage/base/num.h"
#include "libimage/store/store_i.h"

bool lock_is_unknown(int sys)
{
	return sys == ENOSYS || sys == EOPNOTSUPP || sys == ENOLCK;
}

/* Who has the lock 'fd', as words. */
static void say_who(const struct store *s, int fd)
{
	char line[128] = "", who[sizeof(line) + 32] = "another process", *host;
	uint64_t pid;

	if (!s->waiting)
		return;
	if (pread(fd, line, sizeof(line) - 1, 0) > 0 && (host = strchr(line, ' '))) {
		*host++ = '\0';
		host[strcspn(host, "\n")] = '\0';
		if (num_parse_u64(line, INT_MAX, &pid) == 0)
			(void)snprintf(who, sizeof(who), "process %s%s%s", line,
				       strcmp(host, s->host) ? " on " : "",
				       strcmp(host, s->host) ? host : "");
	}
	s->waiting(s->arg, who);
}

/* Lock 'fd', whoever has it. Returns 1, 0 there are no locks, or -1. */
static int wait_for(const struct store *s, int fd, const char *name, struct berth_err *err)
{
	if (flock(fd, LOCK_EX | LOCK_NB) == 0)
		return 1;
	if (errno == EWOULDBLOCK) {
		say_who(s, fd);
		if (flock(fd, LOCK_EX) == 0)
			return 1;
	}
	if (lock_is_unknown(errno))
		return 0;
	if (errno == EINTR)
		return berth_fail(err, BERTH_ESYS, EINTR, "waiting for another process ended");
	return berth_fail(err, BERTH_ESYS, errno, "cannot lock '%s/locks/%.80s'", s->own.path, name);
}

/* Is 'fd' still the file that is called so? ESTALE and the like: it was removed, from another host. */
static bool has_name(int dir_fd, const char *name, int fd)
{
	struct stat st, now;

	return fstat(fd, &st) == 0 && fstatat(dir_fd, name, &now, AT_SYMLINK_NOFOLLOW) == 0 &&
	       st.st_ino == now.st_ino && st.st_dev == now.st_dev;
}

static int open_lock(int dir_fd, const char *name)
{
	return openat(dir_fd, name, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
}

static void fill(struct store_lock *l, int *dir_fd, int *fd, const char *name)
{
	l->dir_fd = take_fd(dir_fd);
	l->fd = take_fd(fd);
	(void)snprintf(l->name, sizeof(l->name), "%s", name);
}

int lock_take(struct store *s, const char *name, struct store_lock *l, struct berth_err *err)
{
	cleanup_close int dir_fd = -1;

	*l = (struct store_lock)STORE_LOCK_NONE;
	if (place_dir(&s->own, "locks", s->dir_mode, &dir_fd, err) < 0)
		return -1;
	for (;;) {
		cleanup_close int fd = open_lock(dir_fd, name);
		char line[128];
		int rc;

		if (fd < 0)
			return store_fail_write(s->own.path, errno, err);
		rc = wait_for(s, fd, name, err);
		if (rc == 0)
			(void)unlinkat(dir_fd, name, 0);
		if (rc <= 0)
			return rc;
		if (!has_name(dir_fd, name, fd))
			continue;
		(void)snprintf(line, sizeof(line), "%d %s\n", (int)getpid(), s->host);
		/* Only for words: a full disk is no reason not to go on. */
		if (ftruncate(fd, 0) == 0)
			(void)fd_pwrite_full(fd, line, strlen(line), 0);
		fill(l, &dir_fd, &fd, name);
		return 1;
	}
}

int lock_try(struct store *s, const char *name, struct store_lock *l)
{
	struct berth_err why = BERTH_ERR_INIT;
	cleanup_close int dir_fd = -1, fd = -1;

	*l = (struct store_lock)STORE_LOCK_NONE;
	if (place_dir(&s->own, "locks", s->dir_mode, &dir_fd, &why) < 1)
		return 0;
	fd = open_lock(dir_fd, name);
	if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) < 0 || !has_name(dir_fd, name, fd))
		return 0;
	fill(l, &dir_fd, &fd, name);
	return 1;
}

void lock_release(struct store_lock *l)
{
	if (l->fd >= 0)
		(void)unlinkat(l->dir_fd, l->name, 0);
	cleanup_close_fn(&l->fd);
	cleanup_close_fn(&l->dir_fd);
}

bool store_has_locks(struct store *s)
{
	struct berth_err why = BERTH_ERR_INIT;
	cleanup_close int dir_fd = -1, fd = -1;
	char name[32];
	bool have;

	/* KERNEL: a directory's lock may be there where a file's is not (FUSE). */
	if (place_dir(&s->own, "locks", s->dir_mode, &dir_fd, &why) < 1)
		return false;
	(void)snprintf(name, sizeof(name), "probe-%d", (int)getpid());
	fd = open_lock(dir_fd, name);
	have = fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0;
	if (fd >= 0)
		(void)unlinkat(dir_fd, name, 0);
	return have;
}
