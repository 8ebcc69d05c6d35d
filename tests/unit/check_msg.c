/* SPDX-License-Identifier: BSD-3-Clause */
/* check_msg.c - messages between processes (libimage/base/msg.h). */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "libimage/base/cleanup.h"
#include "libimage/base/err.h"
#include "libimage/base/msg.h"
#include "tests/unit/unit.h"

static int pair[2];
static struct berth_err err;

static void setup(void)
{
	ck_assert_int_eq(msg_pair(pair, &err), 0);
}

static void teardown(void)
{
	(void)close(pair[0]);
	(void)close(pair[1]);
}

static struct msg_fds some_fds(int n)
{
	struct msg_fds f = MSG_FDS_INIT;

	while (f.n < n) {
		f.fd[f.n] = open("/dev/null", O_RDONLY | O_CLOEXEC);
		ck_assert_int_ge(f.fd[f.n++], 0);
	}
	return f;
}

/* A message with 'n' descriptors that msg_send() itself would not send. */
static void send_raw(const void *buf, size_t len, int n)
{
	union {
		char space[CMSG_SPACE(sizeof(int) * 200)];
		struct cmsghdr align;
	} ctl;
	char copy[64];
	struct iovec iov = { .iov_base = copy, .iov_len = len };
	struct msghdr mh = { .msg_iov = &iov, .msg_iovlen = 1 };
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	memcpy(copy, buf, len);
	memset(&ctl, 0, sizeof(ctl));
	if (n > 0) {
		struct cmsghdr *c;

		mh.msg_control = &ctl;
		mh.msg_controllen = CMSG_SPACE(sizeof(int) * (size_t)n);
		c = CMSG_FIRSTHDR(&mh);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int) * (size_t)n);
		for (int i = 0; i < n; i++)
			memcpy(CMSG_DATA(c) + (size_t)i * sizeof(int), &fd, sizeof(fd));
	}
	ck_assert_int_eq(sendmsg(pair[0], &mh, MSG_NOSIGNAL), (ssize_t)len);
	(void)close(fd);
}

START_TEST(round_trip)
{
	for (int n = 0; n <= MSG_FDS; n += MSG_FDS / 2) {
		struct msg_fds out = some_fds(n), in = MSG_FDS_INIT;
		char buf[8] = "";

		ck_assert_int_eq(msg_send(pair[0], "hello", 6, &out, &err), 0);
		ck_assert_int_eq(out.n, n);
		msg_fds_close(&out);
		ck_assert_int_eq(msg_recv(pair[1], buf, 6, &in, 1000, &err), 1);
		ck_assert_str_eq(buf, "hello");
		ck_assert_int_eq(in.n, n);
		for (int i = 0; i < n; i++)
			ck_assert(fcntl(in.fd[i], F_GETFD) & FD_CLOEXEC);
		msg_fds_close(&in);
		msg_fds_close(&in);
	}
	ck_assert(fcntl(pair[0], F_GETFD) & FD_CLOEXEC);
	ck_assert(fcntl(pair[1], F_GETFD) & FD_CLOEXEC);
}
END_TEST

START_TEST(take_moves_ownership)
{
	struct msg_fds f = some_fds(2);
	int fd = msg_fds_take(&f, 1);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(msg_fds_take(&f, 1), -1);
	ck_assert_int_eq(msg_fds_take(&f, 2), -1);
	msg_fds_close(&f);
	ck_assert_int_ge(fcntl(fd, F_GETFD), 0);
	(void)close(fd);
	msg_fds_close(NULL);
}
END_TEST

/* What arrives, and whether the receiver takes descriptors. */
static const struct {
	size_t sent;
	int fds;
	bool takes;
	const char *what;
} bad[] = {
	{ 7, 0, true, "shorter" }, { 7, 3, true, "shorter, with descriptors" },
	{ 9, 0, true, "longer" }, { 9, 3, true, "longer, with descriptors" },
	{ 1, 0, false, "one byte" }, { 64, 0, false, "far longer" },
	{ 8, 1, false, "descriptors that nobody wants" },
	{ 8, MSG_FDS, false, "many that nobody wants" },
	{ 8, MSG_FDS + 1, true, "one descriptor too many" }, { 8, 200, true, "far too many" },
	{ 8, 200, false, "far too many, unwanted" },
};

START_TEST(refusals_leak_nothing)
{
	static const char text[64] = "1234567";
	struct msg_fds in = MSG_FDS_INIT;
	char buf[8];
	int before = unit_count_fds();

	send_raw(text, bad[_i].sent, bad[_i].fds);
	ck_assert_msg(msg_recv(pair[1], buf, sizeof(buf), bad[_i].takes ? &in : NULL, 1000, &err) == -1,
		      "%s", bad[_i].what);
	ck_assert_int_eq(err.code, BERTH_ENET);
	ck_assert_int_eq(in.n, 0);
	ck_assert_int_eq(unit_count_fds(), before);
	/* And the next message comes through. */
	ck_assert_int_eq(msg_send(pair[0], text, 8, NULL, &err), 0);
	ck_assert_int_eq(msg_recv(pair[1], buf, sizeof(buf), NULL, 1000, &err), 1);
}
END_TEST

START_TEST(peer_gone)
{
	char buf[4];

	(void)close(pair[0]);
	pair[0] = -1;
	ck_assert_int_eq(msg_recv(pair[1], buf, sizeof(buf), NULL, 1000, &err), 0);
	ck_assert_int_eq(msg_send(pair[1], buf, sizeof(buf), NULL, &err), -1); /* no SIGPIPE */
	ck_assert_int_eq(err.code, BERTH_ENET);
	ck_assert_int_eq(err.sys, EPIPE);
}
END_TEST

static long ms(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000L + ts.tv_nsec / 1000000L;
}

START_TEST(late)
{
	long start = ms();
	char buf[4];

	ck_assert_int_eq(msg_recv(pair[1], buf, sizeof(buf), NULL, 50, &err), -1);
	ck_assert_int_eq(err.code, BERTH_ENET);
	ck_assert_int_eq(err.sys, ETIMEDOUT);
	ck_assert_int_ge(ms() - start, 49);
	ck_assert_int_lt(ms() - start, 5000);
	ck_assert_int_eq(msg_recv(pair[1], buf, sizeof(buf), NULL, 0, &err), -1);
	ck_assert_int_eq(err.sys, ETIMEDOUT);
}
END_TEST

START_TEST(bad_descriptors)
{
	struct msg_fds out = MSG_FDS_INIT;
	char buf[4];

	ck_assert_int_eq(msg_recv(-1, buf, sizeof(buf), NULL, 0, &err), -1);
	ck_assert_int_eq(msg_send(-1, "abc", 4, NULL, &err), -1);
	out.n = 1;
	out.fd[0] = -1;
	ck_assert_int_eq(msg_send(pair[0], "abc", 4, &out, &err), -1);
	ck_assert_int_eq(err.sys, EBADF);
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("msg");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, round_trip);
	tcase_add_test(tc, take_moves_ownership);
	tcase_add_loop_test(tc, refusals_leak_nothing, 0, (int)ARRAY_SIZE(bad));
	tcase_add_test(tc, peer_gone);
	tcase_add_test(tc, late);
	tcase_add_test(tc, bad_descriptors);
	return unit_run("msg", tc);
}
