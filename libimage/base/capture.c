/* SPDX-License-Identifier: BSD-3-Clause */
/* capture.c - the line that a program prints; see capture.h. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "libimage/base/capture.h"
#include "libimage/base/cleanup.h"
#include "libimage/base/err.h"

/* Where 0, 1 or 2 are closed, a pair's ends must not lie there: they would overwrite each other. */
static int move_up(int *fd)
{
	int up;

	if (*fd > STDERR_FILENO)
		return 0;
	up = fcntl(*fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
	cleanup_close_fn(fd);
	*fd = up;
	return up < 0 ? -1 : 0;
}

/* A socket pair, since one end of that can be shut down whoever else has inherited it. */
static int make_pair(int *ret_one, int *ret_other)
{
	int p[2], rc;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, p) < 0)
		return -1;
	*ret_one = p[0];
	*ret_other = p[1];
	rc = move_up(ret_one);
	return move_up(ret_other) < 0 ? -1 : rc;
}

/* posix_spawn's functions return the error; the first one that fails counts. */
static int set_up(posix_spawn_file_actions_t *fa, posix_spawnattr_t *at, int in, int out)
{
	sigset_t none, plain;
	int rc = 0;

	(void)sigemptyset(&none);
	/* A caller that ignores these would have the child lose its own children, or its reader. */
	(void)sigemptyset(&plain);
	(void)sigaddset(&plain, SIGCHLD);
	(void)sigaddset(&plain, SIGPIPE);
	rc = rc ? rc : posix_spawnattr_setflags(at, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	rc = rc ? rc : posix_spawnattr_setsigmask(at, &none);
	rc = rc ? rc : posix_spawnattr_setsigdefault(at, &plain);
	rc = rc ? rc : posix_spawn_file_actions_adddup2(fa, in, STDIN_FILENO);
	rc = rc ? rc : posix_spawn_file_actions_adddup2(fa, out, STDOUT_FILENO);
#if __GLIBC_PREREQ(2, 34)
	rc = rc ? rc : posix_spawn_file_actions_addclosefrom_np(fa, STDERR_FILENO + 1);
#endif
	return rc;
}

static int run(const char *program, char *const argv[], int in, int out, pid_t *ret_pid)
{
	posix_spawn_file_actions_t fa;
	posix_spawnattr_t at;
	int rc = posix_spawn_file_actions_init(&fa);

	if (rc)
		return rc;
	rc = posix_spawnattr_init(&at);
	if (rc == 0) {
		rc = set_up(&fa, &at, in, out);
		rc = rc ? rc : posix_spawn(ret_pid, program, &fa, &at, argv, environ);
		(void)posix_spawnattr_destroy(&at);
	}
	(void)posix_spawn_file_actions_destroy(&fa);
	return rc;
}

/* Returns 1 a line, 0 nothing, -1 something else. */
static int read_line(int fd, char out[PATH_MAX])
{
	size_t have = 0;

	while (have < PATH_MAX) {
		ssize_t n = read(fd, out + have, PATH_MAX - have);
		char *end;

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 || have > 0 ? -1 : 0;
		end = memchr(out + have, '\n', (size_t)n);
		have += (size_t)n;
		if (!end)
			continue;
		*end = '\0';
		return have > 1 && end == out + have - 1 && strlen(out) == have - 1 ? 1 : -1;
	}
	return -1;
}

int capture_begin(const char *program, char *const argv[], struct capture *ret, struct berth_err *err)
{
	cleanup_close int in = -1, hold = -1, from = -1, out = -1;
	int rc;

	*ret = (struct capture)CAPTURE_INIT;
	if (make_pair(&in, &hold) < 0 || make_pair(&from, &out) < 0)
		return berth_fail(err, BERTH_ESYS, errno, "cannot start '%s'", program);
	rc = run(program, argv, in, out, &ret->pid);
	if (rc) {
		ret->pid = -1;
		return berth_fail(err, rc == ENOENT ? BERTH_ENOTFOUND : BERTH_ESYS, rc, "cannot start '%s'", program);
	}
	cleanup_close_fn(&in);
	cleanup_close_fn(&out);
	ret->hold = take_fd(&hold);
	rc = read_line(from, ret->line);
	/* Of what goes on printing this is the end. */
	cleanup_close_fn(&from);
	if (rc > 0)
		return 1;
	capture_end(ret);
	if (rc < 0)
		return berth_fail(err, BERTH_EBUG, 0, "'%s' answered with something else than a line", program);
	return 0;
}

/* Not our child: its end closes the other end of its standard input. */
static void see_end(int hold)
{
	char c;

	while (read(hold, &c, 1) < 0 && errno == EINTR)
		;
}

void capture_end(struct capture *c)
{
	int status;

	if (c->pid < 0)
		return;
	(void)shutdown(c->hold, SHUT_WR);
	while (waitpid(c->pid, &status, 0) < 0) {
		if (errno == EINTR)
			continue;
		status = -1;
		see_end(c->hold); /* who ignores SIGCHLD has no children to wait for, nor has a fork of who began */
		break;
	}
	cleanup_close_fn(&c->hold);
	c->status = status;
	c->pid = -1;
}
