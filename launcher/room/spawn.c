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

/* What guard and server have in common: the server may be in the guard's memory. */
struct spawn {
	int control, settle; /* the other ends of the caller's */
	const struct server_ids *ids;
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
	pid_t self = getpid();
	int rc;

	/* For a caller whose guard sleeps until the execution, should that never come (server.c). */
	if (s->ids->uid == (uid_t)-1)
		(void)send(s->settle, &self, sizeof(self), MSG_NOSIGNAL);
	/* The guard's end alone says whether the guard is there. */
	(void)close(s->settle);
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

/*
 * PRIV: the server shares the guard's memory until it is executed, and the guard sleeps so long
 * (vfork), only where it is the same user before and after. Where it changes its ids it is
 * forked: a process of the user's in root's memory could be stopped, and root with it, or be
 * traced.
 */
static pid_t make_server(struct spawn *s)
{
	static alignas(64) char stack[STACK_BYTES];
	pid_t pid;

	if (s->ids->uid == (uid_t)-1)
		return clone(server_main, stack + STACK_BYTES, CLONE_VM | CLONE_VFORK, s);
	pid = sys_fork_silent();
	if (pid == 0)
		_exit(server_main(s));
	return pid;
}

/*
 * Wait until the caller says that the room is up, or the deadline it has set passes, or it dies.
 * The server is our child and not reaped, so its pid cannot belong to another process.
 */
static _Noreturn void guard_run(pid_t server, int settle)
{
	struct pollfd p = { .fd = settle, .events = POLLIN };
	int wait_ms = -1, order = GUARD_SETTLE;

	while (poll(&p, 1, wait_ms) == 1 && read(settle, &order, sizeof(order)) == sizeof(order)) {
		if (order == GUARD_SETTLE)
			_exit(0);
		if (order != GUARD_PID)
			wait_ms = order;
		else if (write(settle, &server, sizeof(server)) != sizeof(server))
			break;
	}
	(void)kill(server, SIGKILL);
	_exit(0);
}

/* All signals are blocked: no handler of the caller's runs here, and no signal ends a wait. */
static _Noreturn void guard_main(struct spawn *s, const int caller[2])
{
	int settle = s->settle;
	pid_t server;

	/* KERNEL: children are reaped unseen where SIGCHLD is ignored, which is inherited; the server's
	 * number would become another's. */
	(void)signal(SIGCHLD, SIG_DFL);
	/* Here, and so in the server: these ends are the caller's, whose death is seen by them. */
	(void)close(caller[0]);
	(void)close(caller[1]);
	server = make_server(s);
	if (server < 0)
		_exit(errno);
	/* The descriptors of the caller's own, pipes among them, must not stay open here, nor may the
	 * server's socket, which says by its end that the server is gone. */
	if ((settle != 0 && dup2(settle, 0) < 0) || sys_close_range(1, ~0U, 0) < 0) {
		(void)kill(server, SIGKILL);
		_exit(errno);
	}
	guard_run(server, 0);
}

/* The child has all signals blocked, the server after it, too. */
static pid_t fork_guard(struct spawn *s, const int caller[2])
{
	sigset_t all, before;
	pid_t guard;

	(void)sigfillset(&all);
	if (sigprocmask(SIG_SETMASK, &all, &before) < 0)
		return -1;
	guard = sys_fork_silent();
	if (guard == 0)
		guard_main(s, caller);
	(void)sigprocmask(SIG_SETMASK, &before, NULL);
	return guard;
}

int server_spawn(struct server *s, const struct server_ids *ids, struct berth_err *err)
{
	int control[2], settle[2];
	struct spawn spawn = { .ids = ids };

	if (msg_pair(control, err) < 0)
		return -1;
	if (msg_pair(settle, err) < 0) {
		cleanup_close_fn(&control[0]);
		cleanup_close_fn(&control[1]);
		return -1;
	}
	s->control = control[0];
	s->settle = settle[0];
	spawn.control = control[1];
	spawn.settle = settle[1];
	s->guard = fork_guard(&spawn, (const int[]){ s->control, s->settle });
	/* KERNEL: a new process often waits for its parent's CPU until that sleeps. The room waits for the
	 * server, which takes longer to start than all that is done here meanwhile. */
	(void)sched_yield();
	cleanup_close_fn(&control[1]);
	cleanup_close_fn(&settle[1]);
	if (s->guard > 0)
		return 0;
	s->guard = 0;
	return berth_fail(err, BERTH_ESYS, errno, "cannot fork the image server");
}
