/* SPDX-License-Identifier: BSD-3-Clause */
/* server.c - start berth-imgfs; see server.h. */
#include "config.h"
#include "paths.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "launcher/room/drop.h"
#include "launcher/room/server.h"
#include "launcher/room/sys.h"
#include "libimage/base/cleanup.h"
#include "libimage/base/err.h"
#include "libimage/base/imgfs_wire.h"
#include "libimage/base/msg.h"

enum { EXIT_CANNOT_EXEC = 127 };

/* What the guard is told: milliseconds from now on, or this. */
enum { GUARD_SETTLE = 0 };

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

static _Noreturn void server_exec(int control, const struct server_ids *ids)
{
	static char path[] = BERTH_LIBEXEC "/berth-imgfs";
	char *const argv[] = { path, NULL };
	char *const envp[] = { NULL };
	struct berth_err err = BERTH_ERR_INIT;
	int rc;

	drop_signals();
	/* PRIV: the path is compiled in and the environment empty; from here on it is the user. */
	if (ids->uid == (uid_t)-1)
		rc = drop_but_chroot(&err);
	else
		rc = drop_to(ids->uid, ids->gid, &ids->gid, 1, &err);
	if (rc == 0 && chdir("/") == 0 && setsid() >= 0 && server_fds(control) == 0)
		(void)execve(path, argv, envp);
	_exit(EXIT_CANNOT_EXEC);
}

/*
 * Wait until the caller says that the room is up. The server is our child and not reaped, so
 * its pid cannot belong to another process.
 */
static _Noreturn void guard_run(pid_t server, int settle)
{
	struct pollfd p = { .fd = settle, .events = POLLIN };
	int rc, wait_ms = -1, order = 0;

	for (;;) {
		rc = poll(&p, 1, wait_ms);
		if (rc < 0 && errno == EINTR)
			continue;
		if (rc != 1 || read(settle, &order, sizeof(order)) != sizeof(order))
			break;
		if (order == GUARD_SETTLE)
			_exit(0);
		wait_ms = order;
	}
	(void)kill(server, SIGKILL);
	_exit(0);
}

/* In the guard: keep 'settle' and 'control' only, start the server, report its pid, watch. */
static _Noreturn void guard_main(int control, int settle, const struct server_ids *ids)
{
	pid_t server = sys_fork_silent();

	if (server == 0)
		server_exec(control, ids);
	if (write(settle, &server, sizeof(server)) != sizeof(server) || server < 0)
		_exit(1);
	drop_signals();
	/* The descriptors of the caller's own, pipes among them, must not stay open here, nor may the
	 * server's socket, which says by its end that the server is gone. */
	if ((settle != 0 && dup2(settle, 0) < 0) || sys_close_range(1, ~0U, 0) < 0) {
		(void)kill(server, SIGKILL);
		_exit(1);
	}
	guard_run(server, 0);
}

int server_spawn(struct server *s, const struct server_ids *ids, struct berth_err *err)
{
	int control[2], settle[2];
	pid_t guard, pid = -1;

	if (msg_pair(control, err) < 0)
		return -1;
	if (msg_pair(settle, err) < 0) {
		cleanup_close_fn(&control[0]);
		cleanup_close_fn(&control[1]);
		return -1;
	}
	guard = sys_fork_silent();
	if (guard == 0) {
		cleanup_close_fn(&settle[0]);
		guard_main(control[1], settle[1], ids);
	}
	cleanup_close_fn(&control[1]);
	cleanup_close_fn(&settle[1]);
	s->control = control[0];
	s->settle = settle[0];
	s->guard = guard > 0 ? guard : 0;
	if (guard < 0)
		return berth_fail(err, BERTH_ESYS, errno, "cannot fork the image server");
	if (read(s->settle, &pid, sizeof(pid)) != sizeof(pid) || pid <= 0)
		return berth_fail(err, BERTH_ESYS, errno, "cannot fork the image server");
	s->pid = pid;
	/* The guard does not reap it, so the number is still the server's, dead or alive. */
	s->pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	return 0;
}

bool server_alive(const struct server *s)
{
	struct pollfd p = { .fd = s->pidfd, .events = POLLIN };

	return s->pidfd >= 0 && poll(&p, 1, 0) == 0;
}

static const char late[] = "the image's file system may be slow or hang; berth.conf's 'start timeout' is how "
			   "long it may take";

int server_start(struct server *s, int image_fd, int entries_fd, const int *fuse, int nfuse,
		 uint64_t cache_bytes, int wait_ms, struct berth_err *err)
{
	struct imgfs_start start = {
		.magic = IMGFS_MAGIC, .nsource = 1, .nfuse = (uint32_t)nfuse, .cache_bytes = cache_bytes,
	};
	struct msg_fds fds = { .fd = { image_fd, entries_fd }, .n = 2 };
	struct imgfs_reply reply;
	int rc;

	for (int i = 0; i < nfuse && fds.n < MSG_FDS; i++)
		fds.fd[fds.n++] = fuse[i];
	rc = msg_send(s->control, &start, sizeof(start), &fds, err);
	if (rc == 0)
		rc = msg_recv(s->control, &reply, sizeof(reply), NULL, wait_ms, err);
	else if (err->sys == EPIPE || err->sys == ECONNRESET)
		rc = 0;
	cleanup_close_fn(&s->control);
	if (rc < 0) {
		if (err->sys == ETIMEDOUT)
			berth_hint(err, late);
		return berth_context(err, "image server");
	}
	if (rc == 0) {
		berth_fail(err, BERTH_ENET, 0, "the image server died at its start");
		return berth_hint(err, "is '" BERTH_LIBEXEC "/berth-imgfs' installed and executable?");
	}
	if (reply.magic != IMGFS_MAGIC)
		return berth_fail(err, BERTH_EBUG, 0, "the image server is of another version");
	if (reply.err.code == BERTH_OK)
		return 0;
	/* The server is the user's process: take its words as text of his, whatever they are. */
	*err = reply.err;
	err->text[sizeof(err->text) - 1] = err->hint[sizeof(err->hint) - 1] = '\0';
	if (err->code >= BERTH_ECODES)
		err->code = BERTH_EIMAGE;
	return -1;
}

static void guard_reap(struct server *s)
{
	int status;

	cleanup_close_fn(&s->control);
	cleanup_close_fn(&s->settle);
	if (s->guard > 0)
		while (waitpid(s->guard, &status, __WALL) < 0 && errno == EINTR)
			;
	s->guard = 0;
}

int server_watch(struct server *s, int wait_ms, struct berth_err *err)
{
	if (s->guard > 0 && send(s->settle, &wait_ms, sizeof(wait_ms), MSG_NOSIGNAL) < 0)
		return berth_fail(err, BERTH_ENET, errno, "the image server died at its start");
	return 0;
}

int server_settle(struct server *s, struct berth_err *err)
{
	int order = GUARD_SETTLE;
	bool told;

	if (s->guard == 0)
		return 0;
	told = send(s->settle, &order, sizeof(order), MSG_NOSIGNAL) == sizeof(order);
	guard_reap(s);
	if (told)
		return 0;
	berth_fail(err, BERTH_ENET, ETIMEDOUT, "the image server missed its deadline");
	return berth_hint(err, late);
}

void server_done(struct server *s)
{
	if (!s)
		return;
	guard_reap(s);
	cleanup_close_fn(&s->pidfd);
}
