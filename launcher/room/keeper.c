/* SPDX-License-Identifier: BSD-3-Clause */
/* keeper.c - keep a shared room while anybody is in it; see keeper.h. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "launcher/room/drop.h"
#include "launcher/room/fds.h"
#include "launcher/room/join_wire.h"
#include "launcher/room/keeper.h"
#include "launcher/room/sys.h"
#include "libimage/base/cleanup.h"
#include "libimage/base/err.h"
#include "libimage/base/msg.h"

enum {
	MEMBERS_MAX = 16384, /* LIMIT: descriptors, not memory; more ranks than a host has cores */
};

/* A rank. It asks (conn), brings its pidfd, waits for the room (both), is in it (pidfd). */
struct member {
	int conn, pidfd;
};

struct keeper {
	int listen, pair; /* -1: closed */
	struct member *v; /* the first is the builder: no conn */
	struct pollfd *p; /* as many as members, and two */
	size_t n, size;
	struct join_answer answer;
	struct msg_fds room;
};

static void member_drop(struct keeper *k, size_t i)
{
	cleanup_close_fn(&k->v[i].conn);
	cleanup_close_fn(&k->v[i].pidfd);
	k->v[i] = k->v[--k->n];
}

static int member_add(struct keeper *k, int conn, int pidfd)
{
	if (k->n == k->size) {
		size_t size = k->size ? 2 * k->size : 64;
		struct member *v = k->n < MEMBERS_MAX ? reallocarray(k->v, size, sizeof(*v)) : NULL;
		struct pollfd *p = v ? reallocarray(k->p, size + 2, sizeof(*p)) : NULL;

		if (v)
			k->v = v;
		if (!p)
			return -1;
		k->p = p;
		k->size = size;
	}
	k->v[k->n++] = (struct member){ .conn = conn, .pidfd = pidfd };
	return 0;
}

/* Tell member 'i' how things are; who is told the end of it is waited for no more. */
static int member_tell(struct keeper *k, size_t i)
{
	struct berth_err err = BERTH_ERR_INIT;

	if (msg_send(k->v[i].conn, &k->answer, sizeof(k->answer), &k->room, &err) < 0)
		return -1;
	if (k->answer.state != JOIN_WAIT)
		cleanup_close_fn(&k->v[i].conn);
	return 0;
}

/*
 * Somebody connects. KERNEL: SO_PEERCRED is who connected, by the kernel's word, as this user
 * namespace calls him: a root of another one is not 0 here.
 */
static bool accept_one(struct keeper *k)
{
	cleanup_close int conn = accept4(k->listen, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	struct ucred who;
	socklen_t len = sizeof(who);

	if (conn < 0) {
		/* Out of descriptors or memory: it would stay readable. Who comes later has a room of his own. */
		if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED)
			cleanup_close_fn(&k->listen);
		return errno == EINTR || errno == ECONNABORTED;
	}
	if (getsockopt(conn, SOL_SOCKET, SO_PEERCRED, &who, &len) < 0 || who.uid != geteuid())
		return true;
	if (member_add(k, conn, -1) == 0)
		(void)take_fd(&conn);
	return true;
}

/*
 * Let in who has connected by now; with 'one', until somebody was. No more than can have waited: anybody
 * may connect, and would keep us here by doing so again and again.
 */
static void accept_waiting(struct keeper *k, bool one)
{
	for (int left = SOMAXCONN; left > 0 && k->listen >= 0 && !(one && k->n > 0); left--)
		if (!accept_one(k))
			return;
}

/* What a rank that has not been told yet says, or that it is gone. Returns -1 to let go of it. */
static int member_hear(struct keeper *k, size_t i)
{
	cleanup(msg_fds_close) struct msg_fds fds = MSG_FDS_INIT;
	struct berth_err err = BERTH_ERR_INIT;
	struct join_request request;

	if (msg_recv(k->v[i].conn, &request, sizeof(request), &fds, 0, &err) != 1 ||
	    request.magic != JOIN_MAGIC || fds.n != 1 || k->v[i].pidfd >= 0)
		return -1;
	k->v[i].pidfd = msg_fds_take(&fds, 0);
	return member_tell(k, i);
}

/* The room is up, or will not be: tell all who wait. */
static void tell_all(struct keeper *k)
{
	for (size_t i = k->n; i-- > 0;)
		if (k->v[i].conn >= 0 && k->v[i].pidfd >= 0 && member_tell(k, i) < 0)
			member_drop(k, i);
}

/* The builder speaks, or is gone. Returns false where there will be no room. */
static bool hear_builder(struct keeper *k)
{
	cleanup(msg_fds_close) struct msg_fds fds = MSG_FDS_INIT;
	struct berth_err err = BERTH_ERR_INIT;
	struct join_answer a;

	if (msg_recv(k->pair, &a, sizeof(a), &fds, 0, &err) != 1 || !join_answer_ok(&a, fds.n) ||
	    a.state == JOIN_WAIT)
		return false; /* who waits sees the end of this process, and elects another */
	cleanup_close_fn(&k->pair);
	a.builder = k->answer.builder;
	k->answer = a;
	k->room = fds;
	fds.n = 0;
	tell_all(k);
	if (a.state == JOIN_UP)
		return true;
	/* Who has just asked is not left to find out by himself what the others were told. */
	accept_waiting(k, false);
	for (size_t i = k->n; i-- > 0;)
		if (k->v[i].conn >= 0)
			(void)member_hear(k, i);
	return false;
}

/* Who died, who speaks. From the last to the first: what is dropped is replaced by the last. */
static void hear_members(struct keeper *k, const struct pollfd *p, size_t n)
{
	for (size_t i = n; i-- > 0;) {
		if (p[i].revents == 0)
			continue;
		if (k->v[i].conn < 0 || member_hear(k, i) < 0)
			member_drop(k, i);
	}
}

static void serve(struct keeper *k)
{
	for (;;) {
		struct pollfd *p;
		size_t n;

		/* Nobody is in it; but who has connected by now is let in, the room is there still. */
		if (k->n == 0)
			accept_waiting(k, true);
		if (k->n == 0)
			return;
		n = k->n;
		p = k->p;
		p[0] = (struct pollfd){ .fd = k->listen, .events = POLLIN };
		p[1] = (struct pollfd){ .fd = k->pair, .events = POLLIN };
		for (size_t i = 0; i < n; i++)
			p[2 + i] = (struct pollfd){ .fd = k->v[i].conn >= 0 ? k->v[i].conn : k->v[i].pidfd,
						    .events = POLLIN };
		if (poll(p, n + 2, -1) < 0) {
			if (errno == EINTR)
				continue;
			return;
		}
		/* The builder's word before its death: it may have become the program, and that ended. */
		if (k->pair >= 0 && (p[1].revents || p[2].revents)) {
			if (!hear_builder(k))
				return;
			continue;
		}
		hear_members(k, p + 2, n);
		if (k->listen >= 0 && p[0].revents)
			(void)accept_one(k);
	}
}

/* All signals are blocked until they are ignored. */
static _Noreturn void keeper_main(int listen_fd, int pair, int builder_pidfd, pid_t builder)
{
	struct keeper k = {
		.listen = listen_fd, .pair = pair,
		.answer = { .magic = JOIN_MAGIC, .state = JOIN_WAIT, .builder = builder },
	};
	const int keep[] = { listen_fd, pair, builder_pidfd };
	struct berth_err err = BERTH_ERR_INIT;
	struct rlimit files;

	drop_signals();
	(void)prctl(PR_SET_NAME, "berth-keeper");
	/* A descriptor a member. */
	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &files);
	}
	/* PRIV: root's keeper needs nothing of root's: it passes on descriptors that it is given.
	 * KERNEL: to listen once more makes this process the one that SO_PEERCRED names. */
	if (fds_keep(keep, ARRAY_SIZE(keep)) == 0 && setsid() >= 0 && chdir("/") == 0 && drop_caps(&err) == 0 &&
	    listen(listen_fd, SOMAXCONN) == 0 && fcntl(listen_fd, F_SETFL, O_NONBLOCK) == 0 &&
	    member_add(&k, -1, builder_pidfd) == 0)
		serve(&k);
	_exit(0);
}

/* The child has all signals blocked, and its own child, too. */
int keeper_start(int listen_fd, int *ret_pair, struct berth_err *err)
{
	cleanup_close int ours = -1, theirs = -1, pidfd = -1;
	pid_t self = getpid(), child;
	sigset_t all, before;
	int pair[2];

	if (msg_pair(pair, err) < 0)
		return -1;
	ours = pair[0];
	theirs = pair[1];
	pidfd = sys_pidfd_open(self);
	(void)sigfillset(&all);
	if (pidfd < 0 || sigprocmask(SIG_SETMASK, &all, &before) < 0)
		return berth_fail(err, BERTH_ESYS, errno, "cannot make a keeper of the room");
	/* Twice, so that the program which takes this process's place has no child that it did not make. */
	child = sys_fork_silent();
	if (child == 0) {
		child = sys_fork_silent();
		if (child == 0)
			keeper_main(listen_fd, theirs, pidfd, self);
		_exit(child < 0 ? errno : 0);
	}
	(void)sigprocmask(SIG_SETMASK, &before, NULL);
	if (child > 0) {
		int status = 0;

		while (waitpid(child, &status, __WALL) < 0 && errno == EINTR)
			;
		errno = WIFEXITED(status) ? WEXITSTATUS(status) : ECHILD;
	}
	if (child < 0 || errno != 0)
		return berth_fail(err, BERTH_ESYS, errno, "cannot fork the keeper of the room");
	*ret_pair = take_fd(&ours);
	return 0;
}
