/* SPDX-License-Identifier: BSD-3-Clause */
/* spawn.c - make the processes of an image server; see server.h. */
#include "config.h"
#include "paths.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdalign.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "launcher/room/drop.h"
#include "launcher/room/server.h"
#include "launcher/room/sys.h"
#include "libimage/base/cleanup.h"
#include "libimage/base/err.h"
#include "libimage/base/fd.h"
#include "libimage/base/imgfs_wire.h"
#include "libimage/base/msg.h"

enum {
	EXIT_CANNOT_EXEC = 127,
	STACK_BYTES = 64 * 1024, /* LIMIT: a dozen frames, the largest an error of a KiB, which a sanitizer doubles */
};

/* What maker and server have in common with the caller, whose memory they may be in. */
struct spawn {
	int control, settle; /* the other ends of the caller's */
	const struct server_ids *ids;
	struct server *server;
	int error; /* errno of the maker's, 0: none */
	void *stack; /* of the server's */
};

/*
 * Put what the server gets where it expects it: 0 and 1 on /dev/null, 2 as a place for log
 * lines, the control socket on 3, nothing else.
 *
 * A pipe or socket as standard error is not kept: whoever reads it to its end would wait for
 * the server too, after the program that he cares about has closed it.
 */
static int server_fds(int control)
{
	int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (null_fd < 0)
		return -1;
	if (control != IMGFS_CONTROL_FD) {
		/* 'null_fd' could be 3 itself, if the caller had fewer descriptors. */
		if (null_fd == IMGFS_CONTROL_FD && (null_fd = fcntl(null_fd, F_DUPFD_CLOEXEC, 10)) < 0)
			return -1;
		if (dup3(control, IMGFS_CONTROL_FD, 0) < 0)
			return -1;
	} else if (fcntl(control, F_SETFD, 0) < 0) {
		return -1;
	}
	if (lseek(STDERR_FILENO, 0, SEEK_CUR) < 0 && !isatty(STDERR_FILENO) &&
	    dup2(null_fd, STDERR_FILENO) < 0)
		return -1;
	if (dup2(null_fd, STDIN_FILENO) < 0 || dup2(null_fd, STDOUT_FILENO) < 0)
		return -1;
	return sys_close_range(IMGFS_CONTROL_FD + 1, ~0U, 0);
}

/*
 * The server must not outlive its job when memory is short, whatever its caller is exempt from.
 * KERNEL: to raise the value needs no privilege; a lower one may be refused, and then stays. That
 * of the caller stays, too, although the memory is shared: this is a vfork.
 */
static void level_oom_score(void)
{
	cleanup_close int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);

	if (fd >= 0)
		(void)fd_write_full(fd, "0", 1);
}

/* The signals are blocked, and stay so until the server ignores them. */
static int server_main(void *arg)
{
	static char path[] = BERTH_LIBEXEC "/berth-imgfs";
	char *const argv[] = { path, NULL };
	char *const envp[] = { NULL };
	const struct spawn *s = arg;
	struct berth_err err = BERTH_ERR_INIT;
	int rc;

	level_oom_score();
	/* PRIV: the path is compiled in and the environment empty; from here on it is the user. */
	if (s->ids->uid == (uid_t)-1)
		rc = drop_but_chroot(&err);
	else
		rc = drop_to(s->ids->uid, s->ids->gid, &s->ids->gid, 1, &err);
	if (rc == 0 && chdir("/") == 0 && setsid() >= 0 && server_fds(s->control) == 0)
		(void)execve(path, argv, envp);
	_exit(EXIT_CANNOT_EXEC);
}

/* Wait until the caller says that the room is up, or the deadline it has set passes, or it dies. */
static _Noreturn void guard_main(int settle, int pidfd)
{
	struct pollfd p = { .events = POLLIN };
	int rc, wait_ms = -1, order = GUARD_SETTLE;

	/* The descriptors of the caller's own, pipes among them, must not stay open here, nor may the
	 * server's socket, which says by its end that the server is gone. */
	p.fd = fcntl(settle, F_DUPFD, 2);
	if (p.fd < 0 || dup2(pidfd, 0) < 0 || dup2(p.fd, 1) < 0 || sys_close_range(2, ~0U, 0) < 0) {
		(void)sys_pidfd_kill(pidfd);
		_exit(1);
	}
	p.fd = 1;
	for (;;) {
		rc = poll(&p, 1, wait_ms);
		if (rc < 0 && errno == EINTR)
			continue;
		if (rc != 1 || read(p.fd, &order, sizeof(order)) != sizeof(order))
			break;
		if (order == GUARD_SETTLE)
			_exit(0);
		wait_ms = order;
	}
	(void)sys_pidfd_kill(0);
	_exit(0);
}

/*
 * Make server and guard and end, which makes them nobody's children. Shares the caller's memory
 * and descriptors, and the caller sleeps until it has ended.
 *
 * PRIV: the server shares the memory only where it is the same user before and after. Where it
 * changes its ids it is forked: a process of the user's in root's memory could be stopped, and
 * root with it, or be traced.
 */
static int maker_main(void *arg)
{
	struct spawn *s = arg;
	pid_t guard;

	if (s->ids->uid == (uid_t)-1)
		s->server->pid = clone(server_main, s->stack, CLONE_VM | CLONE_VFORK, s);
	else if ((s->server->pid = sys_fork_silent()) == 0)
		_exit(server_main(s));
	/* It is not reaped before we end, so the number is its own, dead or alive. */
	s->server->pidfd = s->server->pid < 0 ? -1 : sys_pidfd_open(s->server->pid);
	if (s->server->pidfd < 0) {
		s->error = errno;
		if (s->server->pid > 0)
			(void)kill(s->server->pid, SIGKILL);
		_exit(1);
	}
	guard = sys_fork_silent();
	if (guard == 0)
		guard_main(s->settle, s->server->pidfd);
	s->server->guard = guard;
	if (guard < 0) {
		s->error = errno;
		(void)sys_pidfd_kill(s->server->pidfd);
	}
	_exit(0);
}

/* In the maker, all signals blocked: a handler of the caller's would run in the caller's memory. */
static int make(struct spawn *s)
{
	static alignas(64) char stack[2][STACK_BYTES];
	sigset_t all, before;
	pid_t maker;

	s->stack = stack[0] + STACK_BYTES;
	(void)sigfillset(&all);
	if (sigprocmask(SIG_SETMASK, &all, &before) < 0)
		return -1;
	/* No SIGCHLD at its end: see sys_fork_silent(). */
	maker = clone(maker_main, stack[1] + STACK_BYTES, CLONE_VM | CLONE_VFORK | CLONE_FILES, s);
	if (maker < 0)
		s->error = errno;
	else
		while (waitpid(maker, NULL, __WALL) < 0 && errno == EINTR)
			;
	(void)sigprocmask(SIG_SETMASK, &before, NULL);
	errno = s->error;
	return s->error ? -1 : 0;
}

int server_spawn(struct server *s, const struct server_ids *ids, struct berth_err *err)
{
	int control[2], settle[2], rc;

	if (msg_pair(control, err) < 0)
		return -1;
	if (msg_pair(settle, err) < 0) {
		cleanup_close_fn(&control[0]);
		cleanup_close_fn(&control[1]);
		return -1;
	}
	rc = make(&(struct spawn){ .control = control[1], .settle = settle[1], .ids = ids, .server = s });
	cleanup_close_fn(&control[1]);
	cleanup_close_fn(&settle[1]);
	s->control = control[0];
	s->settle = settle[0];
	return rc < 0 ? berth_fail(err, BERTH_ESYS, errno, "cannot fork the image server") : 0;
}
