/* SPDX-License-Identifier: BSD-3-Clause */
/* server.c - hand berth-imgfs its work, and let it live or die; see server.h. */
#include "config.h"
#include "paths.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "launcher/room/server.h"
#include "libimage/base/cleanup.h"
#include "libimage/base/err.h"
#include "libimage/base/imgfs_wire.h"
#include "libimage/base/msg.h"

enum {
	PID_WAIT_MS = 10 * 1000, /* LIMIT: the guard answers once it has forked */
	GUARD_END_MS = 1000,	 /* LIMIT: who is awake ends within milliseconds */
};

/*
 * The guard is to kill the server and to end. KERNEL: one that waits for its server's execution
 * (vfork) hears nothing, but can be killed, which does not end its child: that has left its number
 * where it shares the guard's memory. It is the server's for as long as the guard lives.
 *
 * PRIV: no server of another user's writes there: forked, it closes its end while it is still root.
 */
static void guard_end(struct server *s)
{
	struct pollfd p = { .fd = s->settle };
	pid_t server = 0;

	if (s->guard <= 0)
		return;
	(void)shutdown(s->settle, SHUT_WR);
	if (poll(&p, 1, GUARD_END_MS) != 0)
		return;
	if (recv(s->settle, &server, sizeof(server), MSG_DONTWAIT) == sizeof(server) && server > 0)
		(void)kill(server, SIGKILL);
	(void)kill(s->guard, SIGKILL);
}

/* A guard that is no child of this process (pidns.h): its end is that of its socket. */
static void guard_wait(const struct server *s)
{
	char left[64];
	ssize_t n;

	while ((n = recv(s->settle, left, sizeof(left), 0)) > 0 || (n < 0 && errno == EINTR))
		;
}

/* Returns why the guard could not start the server, an errno, or 0. It kills the one that it has. */
static int guard_reap(struct server *s)
{
	int status = 0;

	cleanup_close_fn(&s->control);
	if (s->guard > 0) {
		pid_t got;

		while ((got = waitpid(s->guard, &status, __WALL)) < 0 && errno == EINTR)
			;
		if (got < 0)
			guard_wait(s);
	}
	/* KERNEL: last, for what lies in it unread would be an error to the guard (ECONNRESET), before
	 * what it was told. */
	cleanup_close_fn(&s->settle);
	s->guard = 0;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 0;
}

/* It ended before its time. */
static int died(struct server *s, struct berth_err *err)
{
	int why;

	guard_end(s);
	why = guard_reap(s);
	if (why)
		return berth_fail(err, BERTH_ESYS, why, "cannot fork the image server");
	berth_fail(err, BERTH_ENET, 0, "the image server died at its start");
	return berth_hint(err, "is '" BERTH_LIBEXEC "/berth-imgfs' installed and executable?");
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
	/* KERNEL: that the peer left something unread is told before what it has said. */
	if (rc == 0)
		rc = msg_recv(s->control, &reply, sizeof(reply), NULL, 0, err);
	cleanup_close_fn(&s->control);
	if (rc < 0) {
		if (err->sys == ETIMEDOUT)
			berth_hint(err, late);
		return berth_context(err, "image server");
	}
	if (rc == 0)
		return died(s, err);
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

int server_watch(struct server *s, int wait_ms, struct berth_err *err)
{
	if (s->guard > 0 && send(s->settle, &wait_ms, sizeof(wait_ms), MSG_NOSIGNAL) < 0)
		return died(s, err);
	return 0;
}

int server_pid(struct server *s, struct berth_err *err)
{
	int order = GUARD_PID;

	if (send(s->settle, &order, sizeof(order), MSG_NOSIGNAL) == sizeof(order) &&
	    msg_recv(s->settle, &s->pid, sizeof(s->pid), NULL, PID_WAIT_MS, err) == 1)
		return 0;
	s->pid = 0;
	return died(s, err);
}

int server_release(struct server *s, struct berth_err *err)
{
	int order = GUARD_SETTLE;

	if (s->guard == 0 || send(s->settle, &order, sizeof(order), MSG_NOSIGNAL) == sizeof(order))
		return 0;
	berth_fail(err, BERTH_ENET, ETIMEDOUT, "the image server missed its deadline");
	return berth_hint(err, late);
}

void server_settle(struct server *s)
{
	(void)guard_reap(s);
}

void server_done(struct server *s)
{
	if (!s)
		return;
	guard_end(s);
	(void)guard_reap(s);
}
