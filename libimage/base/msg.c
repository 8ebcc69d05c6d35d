/* SPDX-License-Identifier: BSD-3-Clause */
/* msg.c - messages between processes; see msg.h. */
#include "config.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "libimage/base/cleanup.h"
#include "libimage/base/err.h"
#include "libimage/base/msg.h"

void msg_fds_close(struct msg_fds *f)
{
	if (!f)
		return;
	for (int i = 0; i < f->n; i++)
		cleanup_close_fn(&f->fd[i]);
	f->n = 0;
}

int msg_fds_take(struct msg_fds *f, int i)
{
	return i < f->n ? take_fd(&f->fd[i]) : -1;
}

int msg_pair(int ret[2], struct berth_err *err)
{
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ret) < 0)
		return berth_fail(err, BERTH_ESYS, errno, "cannot make a socket pair");
	return 0;
}

int msg_send(int sock, const void *buf, size_t n, const struct msg_fds *fds, struct berth_err *err)
{
	union {
		char space[CMSG_SPACE(sizeof(int) * MSG_FDS)];
		struct cmsghdr align;
	} ctl;
	struct iovec iov = { .iov_base = (void *)(size_t)buf, .iov_len = n };
	struct msghdr mh = { .msg_iov = &iov, .msg_iovlen = 1 };
	ssize_t put;

	if (fds && fds->n > 0) {
		size_t len = sizeof(int) * (size_t)fds->n;
		struct cmsghdr *c;

		memset(&ctl, 0, sizeof(ctl));
		mh.msg_control = &ctl;
		mh.msg_controllen = CMSG_SPACE(len);
		c = CMSG_FIRSTHDR(&mh);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(len);
		memcpy(CMSG_DATA(c), fds->fd, len);
	}
	do {
		put = sendmsg(sock, &mh, MSG_NOSIGNAL);
	} while (put < 0 && errno == EINTR);
	if (put < 0)
		return berth_fail(err, BERTH_ENET, errno, "cannot send a message");
	if ((size_t)put != n)
		return berth_fail(err, BERTH_ENET, 0, "a message was sent in part");
	return 0;
}

static void collect_fds(struct msghdr *mh, struct msg_fds *got)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(mh); c; c = CMSG_NXTHDR(mh, c)) {
		size_t n;

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < n && got->n < MSG_FDS; i++)
			memcpy(&got->fd[got->n++], CMSG_DATA(c) + i * sizeof(int), sizeof(int));
	}
}

static long now_ms(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000L + ts.tv_nsec / 1000000L;
}

/* Returns 1 when there is something to read, or -1 and *err. */
static int wait_readable(int sock, int wait_ms, struct berth_err *err)
{
	struct pollfd p = { .fd = sock, .events = POLLIN };
	long end = now_ms() + wait_ms;
	int rc;

	for (;;) {
		long left = wait_ms < 0 ? -1 : end - now_ms();

		if (wait_ms >= 0 && left < 0)
			left = 0;
		rc = poll(&p, 1, (int)left);
		if (rc > 0)
			return 1;
		if (rc == 0)
			return berth_fail(err, BERTH_ENET, ETIMEDOUT,
					  "no answer within %d ms", wait_ms);
		if (errno != EINTR)
			return berth_fail(err, BERTH_ESYS, errno, "cannot wait for a message");
	}
}

int msg_recv(int sock, void *buf, size_t n, struct msg_fds *fds, int wait_ms, struct berth_err *err)
{
	union {
		char space[CMSG_SPACE(sizeof(int) * MSG_FDS)];
		struct cmsghdr align;
	} ctl;
	cleanup(msg_fds_close) struct msg_fds got = MSG_FDS_INIT;
	struct iovec iov = { .iov_base = buf, .iov_len = n };
	struct msghdr mh = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = &ctl, .msg_controllen = sizeof(ctl),
	};
	ssize_t len;

	if (wait_readable(sock, wait_ms, err) < 0)
		return -1;
	do {
		len = recvmsg(sock, &mh, MSG_CMSG_CLOEXEC);
	} while (len < 0 && errno == EINTR);
	if (len < 0 && errno == ECONNRESET)
		return 0;
	if (len < 0)
		return berth_fail(err, BERTH_ESYS, errno, "cannot receive a message");
	collect_fds(&mh, &got);
	if (len == 0)
		return 0;
	if ((size_t)len != n || (mh.msg_flags & (MSG_TRUNC | MSG_CTRUNC)))
		return berth_fail(err, BERTH_ENET, EPROTO, "a message has the wrong size");
	if (!fds && got.n > 0)
		return berth_fail(err, BERTH_ENET, EPROTO, "a message has descriptors it must not have");
	if (fds) {
		*fds = got;
		got.n = 0;
	}
	return 1;
}
