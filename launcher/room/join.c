/* SPDX-License-Identifier: BSD-3-Clause */
/* join.c - build a room for all ranks of a host, or enter it; see join.h. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/nsfs.h>
#include <sched.h>
#include <stddef.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "launcher/room/join.h"
#include "launcher/room/join_key.h"
#include "launcher/room/join_wire.h"
#include "launcher/room/keeper.h"
#include "launcher/room/sys.h"
#include "launcher/view/key.h"
#include "launcher/view/siblings.h"
#include "libimage/base/cleanup.h"
#include "libimage/base/err.h"
#include "libimage/base/msg.h"

enum {
	NAP_NS = 200 * 1000,  /* between two looks at a name that is taken and does not listen yet */
	GONE_MAX = 256,	      /* LIMIT: each is the death of a process that had the name */
	GRACE_MS = 2 * 1000,  /* LIMIT: the builder began a little later, and its own words are better */
	NAME_SHARE = 4,	      /* of the time for a start, for a name that is not a keeper's */
};

static int64_t now_ms(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* From now on the name must turn out to be a keeper's within its time. */
static void look_at_name(struct join *j)
{
	j->name_end_ms = now_ms() + j->wait_ms / NAME_SHARE;
}

/* The name is another's, or nobody answers for it. */
static void next_name(struct join *j)
{
	j->suffix++;
	j->gone = 0;
	look_at_name(j);
}

static socklen_t address(const struct join *j, struct sockaddr_un *ret)
{
	char name[JOIN_NAME_MAX];
	size_t n = join_name(j->key, j->suffix, name);

	*ret = (struct sockaddr_un){ .sun_family = AF_UNIX };
	memcpy(ret->sun_path + 1, name, n);
	return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + n);
}

/* The name is ours: this process builds. */
static int be_builder(struct join *j, int sock, struct berth_err *err)
{
	if (listen(sock, SOMAXCONN) < 0)
		return berth_fail(err, BERTH_ESYS, errno, "cannot listen for other ranks");
	if (keeper_start(sock, &j->sock, err) < 0)
		return -1;
	j->role = JOIN_BUILDS;
	return 0;
}

enum found { FOUND_KEEPER, FOUND_AGAIN, FOUND_OTHER };

/*
 * Connect to who has the name and ask to be let in.
 *
 * KERNEL: a socket cannot listen before it has a name, so for as long as its owner needs for one
 * more system call a name is taken and refuses. That, and nothing else, is waited for by looking
 * again.
 */
static enum found ask(struct join *j, int sock, const struct sockaddr_un *to, socklen_t len)
{
	const struct timespec nap = { .tv_nsec = NAP_NS };
	const struct timeval bound = { .tv_sec = j->wait_ms / NAME_SHARE / 1000,
				       .tv_usec = j->wait_ms / NAME_SHARE % 1000 * 1000 };
	const struct join_request request = { .magic = JOIN_MAGIC };
	struct berth_err err = BERTH_ERR_INIT;
	struct msg_fds self = { .n = 1 };
	struct ucred who;
	socklen_t wholen = sizeof(who);
	int rc;

	/* Who listens and never accepts has a full queue some day: connect() would wait. */
	if (setsockopt(sock, SOL_SOCKET, SO_SNDTIMEO, &bound, sizeof(bound)) < 0)
		return FOUND_OTHER;
	if (connect(sock, (const struct sockaddr *)to, len) < 0) {
		if (errno != ECONNREFUSED && errno != EINTR)
			return FOUND_OTHER;
		(void)nanosleep(&nap, NULL);
		return now_ms() < j->name_end_ms ? FOUND_AGAIN : FOUND_OTHER;
	}
	if (getsockopt(sock, SOL_SOCKET, SO_PEERCRED, &who, &wholen) < 0 || who.uid != geteuid())
		return FOUND_OTHER;
	j->peer = who.pid;
	self.fd[0] = sys_pidfd_open(getpid());
	if (self.fd[0] < 0)
		return FOUND_OTHER;
	rc = msg_send(sock, &request, sizeof(request), &self, &err);
	msg_fds_close(&self);
	if (rc == 0)
		return FOUND_KEEPER;
	return (err.sys == EPIPE || err.sys == ECONNRESET) && j->gone++ < GONE_MAX ? FOUND_AGAIN : FOUND_OTHER;
}

/* Have the name, or find who has it: j->role is decided. */
static int elect(struct join *j, struct berth_err *err)
{
	j->role = JOIN_ALONE;
	while (j->suffix < JOIN_SUFFIXES) {
		cleanup_close int sock = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
		struct sockaddr_un addr;
		socklen_t len = address(j, &addr);

		if (sock < 0)
			return berth_fail(err, BERTH_ESYS, errno, "cannot make a socket");
		if (bind(sock, (const struct sockaddr *)&addr, len) == 0)
			return be_builder(j, sock, err);
		if (errno != EADDRINUSE)
			return berth_fail(err, BERTH_ESYS, errno, "cannot name a socket");
		switch (ask(j, sock, &addr, len)) {
		case FOUND_KEEPER:
			j->sock = take_fd(&sock);
			j->role = JOIN_WAITS;
			return 0;
		case FOUND_AGAIN:
			break;
		case FOUND_OTHER:
			next_name(j);
			break;
		}
	}
	berth_fail(err, BERTH_EDENIED, 0, "others have all names under which the ranks could meet");
	return berth_hint(err, "somebody on this host listens there: see berth-room in /proc/net/unix");
}

/* Not to share is an error only for who asked for it. */
static int elect_or_alone(struct join *j, struct berth_err *err)
{
	if (elect(j, err) == 0)
		return 0;
	j->role = JOIN_ALONE;
	if (j->forced)
		return berth_context(err, "cannot share a room");
	*err = (struct berth_err)BERTH_ERR_INIT;
	return 0;
}

int join_start(struct join *j, const struct room_spec *spec, const struct site *site, struct berth_err *err)
{
	const char *const *env = (const char *const *)environ, *own = key_private(spec);

	if (spec->share == SHARE_ALWAYS && own)
		return berth_fail(err, BERTH_EUSAGE, 0, "a room with %s cannot be shared: --join", own);
	if (own || spec->share == SHARE_NEVER || (spec->share == SHARE_AUTO && !siblings_here(env)))
		return 0;
	j->forced = spec->share == SHARE_ALWAYS;
	j->wait_ms = site->start_wait_ms;
	if (join_key(env, spec, site, j->key, err) < 0)
		return -1;
	look_at_name(j);
	return elect_or_alone(j, err);
}

int join_hold(struct join *j, struct berth_err *err)
{
	if (j->role != JOIN_BUILDS)
		return 0;
	j->mnt = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
	j->user = open("/proc/self/ns/user", O_RDONLY | O_CLOEXEC);
	if (j->mnt >= 0 && j->user >= 0)
		return 0;
	return berth_fail(err, BERTH_ESYS, errno, "cannot open the namespaces of the room");
}

/* A keeper that is gone has nobody to tell, so that it cannot be told is no error. */
static void say(struct join *j, enum join_state state, const struct berth_err *why)
{
	struct join_answer a = { .magic = JOIN_MAGIC, .state = state };
	struct msg_fds fds = { .fd = { j->mnt, j->user }, .n = state == JOIN_UP ? JOIN_FDS : 0 };
	struct berth_err err = BERTH_ERR_INIT;

	if (j->role != JOIN_BUILDS || j->sock < 0)
		return;
	if (why)
		a.err = *why;
	(void)msg_send(j->sock, &a, sizeof(a), &fds, &err);
	join_done(j);
}

void join_publish(struct join *j)
{
	say(j, JOIN_UP, NULL);
}

void join_refuse(struct join *j, const struct berth_err *err)
{
	say(j, JOIN_FAILED, err);
}

void join_done(struct join *j)
{
	cleanup_close_fn(&j->sock);
	cleanup_close_fn(&j->mnt);
	cleanup_close_fn(&j->user);
}

static int is_ours(int user_fd)
{
	struct stat theirs, ours;

	if (fstat(user_fd, &theirs) < 0 || stat("/proc/self/ns/user", &ours) < 0)
		return -1;
	return theirs.st_dev == ours.st_dev && theirs.st_ino == ours.st_ino;
}

/*
 * PRIV: what came from a process of the same user, by the kernel's word. A mount namespace, and the
 * user namespace that owns it, which must be of his making: the kernel lets nobody else in. Root
 * enters what root's own process made, and no user namespace.
 */
static int enter(const struct msg_fds *fds, const struct room_spec *spec, struct berth_err *err)
{
	int mnt = fds->fd[0], user = fds->fd[1], ours = is_ours(user);

	if (ours < 0 || ioctl(mnt, NS_GET_NSTYPE) != CLONE_NEWNS || ioctl(user, NS_GET_NSTYPE) != CLONE_NEWUSER)
		return berth_fail(err, BERTH_ENET, 0, "the room of this job is none");
	if (!ours && setns(user, CLONE_NEWUSER) < 0)
		return berth_fail(err, BERTH_ESYS, errno, "cannot enter the user namespace of the room");
	if (setns(mnt, CLONE_NEWNS) < 0)
		return berth_fail(err, BERTH_ESYS, errno, "cannot enter the room");
	if (getuid() != spec->uid || geteuid() != spec->uid || getgid() != spec->gid || getegid() != spec->gid)
		return berth_fail(err, BERTH_ENET, 0, "the room of this job is another user's");
	return 0;
}

static int late(const struct join *j, struct berth_err *err)
{
	berth_fail(err, BERTH_ENET, ETIMEDOUT, "waited %u s for process %d, which makes the room of this job",
		   j->wait_ms / 1000, (int)j->peer);
	return berth_hint(err, "the image's file system may be slow or hang; berth.conf's 'start timeout' is how "
			       "long it may take; --no-join makes a room for each rank");
}

/* The answer. 1: *a and 'fds' are it; 0: there will be none from this process; -1: it is late. */
static int hear(struct join *j, struct join_answer *a, struct msg_fds *fds, struct berth_err *err)
{
	int64_t left = j->name_end_ms - now_ms();
	int rc;

	a->state = JOIN_WAIT;
	/* That somebody builds is said at once, by who is a keeper; how that ended, within its time. */
	for (int wait_ms = left > 0 ? (int)left : 0;; wait_ms = (int)j->wait_ms + GRACE_MS) {
		bool waited = a->builder > 0;

		rc = msg_recv(j->sock, a, sizeof(*a), fds, wait_ms, err);
		if (rc < 0 && err->sys == ETIMEDOUT && waited)
			return late(j, err);
		if (rc != 1 || !join_answer_ok(a, fds->n))
			break;
		if (a->state != JOIN_WAIT)
			return 1;
		if (waited || a->builder <= 0)
			break;
		j->peer = a->builder;
	}
	msg_fds_close(fds);
	/* Who died had the name and has it no more; who is silent or talks nonsense keeps it. */
	if (rc != 0 || j->gone++ >= GONE_MAX)
		next_name(j);
	else
		look_at_name(j);
	return 0;
}

int join_enter(struct join *j, const struct room_spec *spec, struct berth_err *err)
{
	while (j->role == JOIN_WAITS) {
		cleanup(msg_fds_close) struct msg_fds fds = MSG_FDS_INIT;
		struct join_answer a = { 0 };
		int rc = hear(j, &a, &fds, err);

		cleanup_close_fn(&j->sock);
		if (rc < 0)
			return -1;
		if (rc > 0 && a.state == JOIN_UP)
			return enter(&fds, spec, err) < 0 ? -1 : 1;
		if (rc > 0) {
			*err = a.err;
			j->told = true;
			return -1;
		}
		*err = (struct berth_err)BERTH_ERR_INIT;
		if (elect_or_alone(j, err) < 0)
			return -1;
	}
	return 0;
}
