/* SPDX-License-Identifier: BSD-3-Clause */
/* userns.c - the user namespace of a room without Slurm; see userns.h. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/magic.h>
#include <pwd.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "launcher/room/hint.h"
#include "launcher/room/sys.h"
#include "launcher/room/userns.h"
#include "launcher/view/subid.h"
#include "libimage/base/cleanup.h"
#include "libimage/base/err.h"
#include "libimage/base/fd.h"
#include "libimage/base/log.h"

enum { NUMBER_TEXT = 24 };

/* Setuid programs of the package uidmap, which write what only root may into a process's maps. */
static const char *const mapper[] = { "/usr/bin/newuidmap", "/usr/bin/newgidmap" };

/* Write to a file of /proc/self, and only if it is the kernel's. */
static int proc_write(const char *path, const char *text, struct berth_err *err)
{
	cleanup_close int fd = open(path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
	struct statfs fs;

	if (fd < 0 || fstatfs(fd, &fs) < 0 || fs.f_type != PROC_SUPER_MAGIC ||
	    fd_write_full(fd, text, strlen(text)) < 0) {
		berth_fail(err, BERTH_ESYS, errno, "cannot write '%s'", path);
		return hint_map(err, err->sys);
	}
	return 0;
}

/* PRIV: needs no privilege, and all that follows is over what belongs to the new namespace. */
static int make(struct berth_err *err)
{
	if (unshare(CLONE_NEWUSER) == 0)
		return 0;
	berth_fail(err, BERTH_EDENIED, errno, "cannot make a user namespace");
	return hint_userns(err, err->sys);
}

/* One number each. KERNEL: gid_map needs setgroups denied first (since 3.19); the groups stay. */
static int map_one(uid_t in_uid, uid_t uid, gid_t in_gid, gid_t gid, struct berth_err *err)
{
	char uid_map[48], gid_map[48];

	(void)snprintf(uid_map, sizeof(uid_map), "%u %u 1\n", in_uid, uid);
	(void)snprintf(gid_map, sizeof(gid_map), "%u %u 1\n", in_gid, gid);
	if (proc_write("/proc/self/setgroups", "deny", err) < 0)
		return -1;
	if (proc_write("/proc/self/uid_map", uid_map, err) < 0) {
		/* KERNEL: since 5.12 root's number is mapped only by who had CAP_SETFCAP. */
		if (uid == 0 && err->sys == EPERM)
			berth_hint(err, "root of this container may not make user namespaces: give it the "
					"capability CAP_SETFCAP, or run as another user in it");
		return -1;
	}
	return proc_write("/proc/self/gid_map", gid_map, err);
}

int userns_self(uid_t uid, gid_t gid, struct berth_err *err)
{
	return make(err) < 0 ? -1 : map_one(uid, uid, gid, gid, err);
}

/* What the file at 'path', which is root's, gives to the user. */
static bool range_of(const char *path, const char *user, uid_t uid, struct subid_range *ret)
{
	cleanup_close int fd = fd_open_user(path, O_RDONLY | O_NONBLOCK);
	cleanup_free char *text = NULL;
	struct stat st;
	ssize_t n;

	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size > SUBID_BYTES_MAX)
		return false;
	text = malloc((size_t)st.st_size + 1);
	n = text ? fd_read_full(fd, text, (size_t)st.st_size) : -1;
	return n >= 0 && subid_find(text, (size_t)n, user, uid, ret);
}

static bool in_range(unsigned long id, const struct subid_range *r)
{
	return id >= r->first && id - r->first < r->count;
}

/*
 * Is somebody's number in a range? Who maps it would be him, on network file systems too. The local
 * files are looked at; a directory service's users lie where its administrator has put them.
 */
static bool is_taken(const struct subid_range range[2])
{
	cleanup_fclose FILE *users = fopen("/etc/passwd", "re");
	cleanup_fclose FILE *groups = fopen("/etc/group", "re");
	const struct passwd *pw;
	const struct group *gr;

	while (users && (pw = fgetpwent(users)))
		if (in_range(pw->pw_uid, &range[0]))
			return true;
	while (groups && (gr = fgetgrent(groups)))
		if (in_range(gr->gr_gid, &range[1]))
			return true;
	return false;
}

/* The ranges can be had: they are there, and a setuid program may still gain what it needs. */
static bool can_map(const char *user, uid_t uid, struct subid_range range[2])
{
	if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 0 || access(mapper[0], X_OK) < 0 ||
	    access(mapper[1], X_OK) < 0 || !range_of("/etc/subuid", user, uid, &range[0]) ||
	    !range_of("/etc/subgid", user, uid, &range[1]))
		return false;
	if (!is_taken(range))
		return true;
	log_line(LOG_WARN, "your numbers in /etc/subuid or /etc/subgid are also other users': not used; "
			   "the administrator should give you others");
	return false;
}

/* Become newuidmap or newgidmap for the process 'target', whose number outside is 'own'. */
static _Noreturn void run_mapper(const char *program, pid_t target, unsigned int own,
				 const struct subid_range *range)
{
	char pid[NUMBER_TEXT], outer[NUMBER_TEXT], first[NUMBER_TEXT], count[NUMBER_TEXT];
	static char zero[] = "0", one[] = "1";
	char *const argv[] = { (char *)(uintptr_t)program, pid, zero, outer, one, one, first, count, NULL };
	char *const envp[] = { NULL };

	(void)snprintf(pid, sizeof(pid), "%d", target);
	(void)snprintf(outer, sizeof(outer), "%u", own);
	(void)snprintf(first, sizeof(first), "%lu", range->first);
	(void)snprintf(count, sizeof(count), "%lu", range->count);
	(void)execve(program, argv, envp);
	_exit(EXIT_FAILURE);
}

static int wait_for(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, __WALL) < 0)
		if (errno != EINTR)
			return -1;
	return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -1;
}

/* A process that stays outside, where setuid works, until it is told that the namespace is there. */
static pid_t fork_mappers(int go[2], pid_t target, uid_t uid, gid_t gid, const struct subid_range range[2])
{
	pid_t pid = sys_fork_silent(), first;
	char byte;

	if (pid != 0)
		return pid;
	(void)close(go[1]);
	if (read(go[0], &byte, 1) != 1)
		_exit(EXIT_FAILURE);
	first = sys_fork_silent();
	if (first == 0)
		run_mapper(mapper[0], target, uid, &range[0]);
	if (first < 0 || wait_for(first) < 0)
		_exit(EXIT_FAILURE);
	run_mapper(mapper[1], target, gid, &range[1]);
}

static int map_ranges(uid_t uid, gid_t gid, const struct subid_range range[2], struct berth_err *err)
{
	cleanup_close int hear = -1, tell = -1;
	int go[2], rc;
	pid_t pid;

	if (pipe2(go, O_CLOEXEC) < 0)
		return berth_fail(err, BERTH_ESYS, errno, "cannot make a pipe");
	hear = go[0];
	tell = go[1];
	pid = fork_mappers(go, getpid(), uid, gid, range);
	if (pid < 0)
		return berth_fail(err, BERTH_ESYS, errno, "cannot fork");
	rc = make(err);
	if (rc == 0 && write(tell, "", 1) != 1)
		rc = berth_fail(err, BERTH_ESYS, errno, "cannot start %s", mapper[0]);
	cleanup_close_fn(&tell);
	if (wait_for(pid) < 0 && rc == 0) {
		rc = berth_fail(err, BERTH_EDENIED, 0, "%s and newgidmap could not map your numbers", mapper[0]);
		berth_hint(err, "they must be setuid root and agree with /etc/subuid and /etc/subgid; without "
				"your lines in these, --fakeroot maps root alone");
	}
	return rc;
}

int userns_root(uid_t uid, gid_t gid, const char *user, bool *ret_ranges, struct berth_err *err)
{
	struct subid_range range[2];

	*ret_ranges = can_map(user, uid, range);
	if (*ret_ranges)
		return map_ranges(uid, gid, range, err);
	return make(err) < 0 ? -1 : map_one(0, uid, 0, gid, err);
}
