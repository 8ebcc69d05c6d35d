/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * check_join.c - a shared room's name and messages, and its keeper, which is played with from both
 * sides: by a builder and by ranks, well behaved and not.
 */
#include "config.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "launcher/room/join_key.h"
#include "launcher/room/join_wire.h"
#include "launcher/room/keeper.h"
#include "launcher/room/sys.h"
#include "libimage/base/cleanup.h"
#include "libimage/base/err.h"
#include "libimage/base/msg.h"
#include "tests/unit/unit.h"

enum { PATIENCE_MS = 60 * 1000 }; /* LIMIT: for what is there in a millisecond */

START_TEST(names)
{
	uint8_t key[SHA256_BYTES];
	char name[JOIN_NAME_MAX], last[JOIN_NAME_MAX];

	memset(key, 0xab, sizeof(key));
	ck_assert_uint_eq(join_name(key, 0, name), strlen(name));
	ck_assert_str_eq(name, "berth-room-abababababababababababababababababababababababababababababababab-0");
	ck_assert_uint_lt(join_name(key, JOIN_SUFFIXES - 1, last), sizeof(((struct sockaddr_un *)0)->sun_path) - 1);
	ck_assert_str_ne(name, last);
}
END_TEST

static const struct {
	uint32_t magic, state;
	unsigned int code;
	int fds;
	bool want;
} answers[] = {
	{ JOIN_MAGIC, JOIN_WAIT, BERTH_OK, 0, true },
	{ JOIN_MAGIC, JOIN_UP, BERTH_OK, 2, true },
	{ JOIN_MAGIC, JOIN_FAILED, BERTH_EIMAGE, 0, true },
	{ JOIN_MAGIC, JOIN_WAIT, BERTH_OK, 1, false },
	{ JOIN_MAGIC, JOIN_UP, BERTH_OK, 0, false },
	{ JOIN_MAGIC, JOIN_UP, BERTH_OK, 1, false },
	{ JOIN_MAGIC, JOIN_UP, BERTH_OK, 3, false },
	{ JOIN_MAGIC, JOIN_FAILED, BERTH_EIMAGE, 2, false },
	/* an error that is none would end a rank with 0 */
	{ JOIN_MAGIC, JOIN_FAILED, BERTH_OK, 0, false },
	{ JOIN_MAGIC, JOIN_FAILED, BERTH_ECODES, 0, false },
	{ JOIN_MAGIC, JOIN_FAILED, UINT_MAX, 0, false },
	{ JOIN_MAGIC, JOIN_FAILED + 1, BERTH_OK, 0, false },
	{ JOIN_MAGIC, UINT32_MAX, BERTH_OK, 2, false },
	{ JOIN_MAGIC + 1, JOIN_UP, BERTH_OK, 2, false },
	{ 0, JOIN_WAIT, BERTH_OK, 0, false },
};

START_TEST(answer)
{
	struct join_answer a = { .magic = answers[_i].magic, .state = answers[_i].state };

	a.err.code = (enum berth_code)answers[_i].code;
	memset(a.err.text, 'x', sizeof(a.err.text));
	memset(a.err.hint, 'x', sizeof(a.err.hint));
	ck_assert_int_eq(join_answer_ok(&a, answers[_i].fds), answers[_i].want);
	if (answers[_i].want) {
		ck_assert_uint_eq(strlen(a.err.text), sizeof(a.err.text) - 1);
		ck_assert_uint_eq(strlen(a.err.hint), sizeof(a.err.hint) - 1);
	}
}
END_TEST

/* A process is known by its number and the time it began; its name may look like anything. */
START_TEST(started)
{
	unsigned long long t = join_started(getpid());
	pid_t child;
	int status;

	ck_assert_uint_gt(t, 0);
	ck_assert_int_eq(prctl(PR_SET_NAME, "a) R 1 1 (b"), 0);
	ck_assert_uint_eq(join_started(getpid()), t);
	ck_assert_uint_eq(join_started(0x7ffffff), 0);
	child = fork();
	if (child == 0)
		_exit(join_started(getpid()) >= t ? 0 : 1);
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert_int_eq(status, 0);
}
END_TEST

/* ---- the keeper ---------------------------------------------------------------------------- */

static struct sockaddr_un here(socklen_t *len)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int n = snprintf(a.sun_path + 1, sizeof(a.sun_path) - 1, "berth-check-join-%d", (int)getpid());

	*len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)n);
	return a;
}

/* A child that has a keeper and tells it 'state' (-1: nothing), then waits for the end of 'life'. */
static pid_t builder(const struct sockaddr_un *a, socklen_t len, int state, const int lives[2], int ready)
{
	int life = lives[0];
	struct berth_err err = BERTH_ERR_INIT;
	pid_t pid = fork();
	char c = 1;

	if (pid != 0)
		return pid;
	(void)close(lives[1]);
	int sock = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0), pair = -1;
	struct join_answer say = { .magic = JOIN_MAGIC, .state = (uint32_t)state };
	struct msg_fds fds = { .n = 0 };

	if (bind(sock, (const struct sockaddr *)a, len) < 0 || listen(sock, 8) < 0 ||
	    keeper_start(sock, &pair, &err) < 0)
		_exit(1);
	(void)close(sock);
	if (write(ready, &c, 1) != 1 || read(life, &c, 1) != 1)
		_exit(2);
	if (state == JOIN_FAILED)
		(void)berth_fail(&say.err, BERTH_EIMAGE, 0, "no such room");
	if (state == JOIN_UP) {
		fds.fd[fds.n++] = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
		fds.fd[fds.n++] = open("/proc/self/ns/user", O_RDONLY | O_CLOEXEC);
	}
	if (state >= 0 && msg_send(pair, &say, sizeof(say), &fds, &err) < 0)
		_exit(3);
	/* to the second byte, or the end */
	_exit(read(life, &c, 1) < 0);
}

struct stage {
	struct sockaddr_un addr;
	socklen_t len;
	int life; /* write to the builder: go on; close it: end */
	pid_t builder;
};

/* The keeper closes all descriptors, so that it is there is asked of its socket. */
static struct stage stage_open(int state)
{
	struct stage s;
	int life[2], ready[2];
	char c;

	s.addr = here(&s.len);
	ck_assert_int_eq(pipe2(life, O_CLOEXEC), 0);
	ck_assert_int_eq(pipe2(ready, O_CLOEXEC), 0);
	s.builder = builder(&s.addr, s.len, state, life, ready[1]);
	ck_assert_int_gt(s.builder, 0);
	(void)close(life[0]);
	(void)close(ready[1]);
	ck_assert_int_eq(read(ready[0], &c, 1), 1);
	(void)close(ready[0]);
	s.life = life[1];
	return s;
}

static int ask(const struct stage *s, bool with_pidfd, uint32_t magic)
{
	int sock = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	struct join_request r = { .magic = magic };
	struct berth_err err = BERTH_ERR_INIT;
	struct msg_fds fds = { .fd = { sys_pidfd_open(getpid()) }, .n = with_pidfd };

	ck_assert_int_eq(connect(sock, (const struct sockaddr *)&s->addr, s->len), 0);
	ck_assert_int_eq(msg_send(sock, &r, sizeof(r), &fds, &err), 0);
	(void)close(fds.fd[0]);
	return sock;
}

static int hear(int sock, struct join_answer *a, struct msg_fds *fds)
{
	struct berth_err err = BERTH_ERR_INIT;

	return msg_recv(sock, a, sizeof(*a), fds, PATIENCE_MS, &err);
}

/* The name is free again: the keeper has ended. */
static void no_keeper(const struct stage *s)
{
	for (int i = 0; i < PATIENCE_MS / 10; i++) {
		cleanup_close int sock = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

		if (bind(sock, (const struct sockaddr *)&s->addr, s->len) == 0)
			return;
		(void)poll(NULL, 0, 10);
	}
	ck_abort_msg("the keeper did not end");
}

static void builder_go(const struct stage *s)
{
	ck_assert_int_eq(write(s->life, "g", 1), 1);
}

static void builder_end(struct stage *s)
{
	int status;

	cleanup_close_fn(&s->life);
	ck_assert_int_eq(waitpid(s->builder, &status, 0), s->builder);
	ck_assert_int_eq(status, 0);
}

START_TEST(room_up)
{
	struct stage s = stage_open(JOIN_UP);
	struct msg_fds fds = MSG_FDS_INIT;
	struct join_answer a;
	struct stat st, own;
	int early = ask(&s, true, JOIN_MAGIC), late;

	ck_assert_int_eq(hear(early, &a, &fds), 1);
	ck_assert(join_answer_ok(&a, fds.n) && a.state == JOIN_WAIT);
	ck_assert_int_eq(a.builder, s.builder);
	builder_go(&s);
	ck_assert_int_eq(hear(early, &a, &fds), 1);
	ck_assert(join_answer_ok(&a, fds.n) && a.state == JOIN_UP);
	ck_assert_int_eq(fstat(fds.fd[1], &st), 0);
	ck_assert_int_eq(stat("/proc/self/ns/user", &own), 0);
	ck_assert_uint_eq(st.st_ino, own.st_ino);
	msg_fds_close(&fds);
	/* told, and let go of */
	ck_assert_int_eq(hear(early, &a, &fds), 0);
	/* the builder's end is not the room's: this process is in it */
	builder_end(&s);
	late = ask(&s, true, JOIN_MAGIC);
	ck_assert_int_eq(hear(late, &a, &fds), 1);
	ck_assert(join_answer_ok(&a, fds.n) && a.state == JOIN_UP);
	msg_fds_close(&fds);
	(void)close(late);
	(void)close(early);
}
END_TEST

/* Of a room in which nobody is any more nothing is kept. */
START_TEST(last_member)
{
	struct stage s = stage_open(JOIN_UP);
	struct msg_fds fds = MSG_FDS_INIT;
	struct join_answer a;
	int status;
	pid_t rank;

	builder_go(&s);
	rank = fork();
	if (rank == 0) {
		int sock = ask(&s, true, JOIN_MAGIC), rc;

		do {
			msg_fds_close(&fds);
			rc = hear(sock, &a, &fds);
		} while (rc == 1 && a.state == JOIN_WAIT);
		_exit(rc == 1 && fds.n == JOIN_FDS ? 0 : 1);
	}
	ck_assert_int_eq(waitpid(rank, &status, 0), rank);
	ck_assert_int_eq(status, 0);
	builder_end(&s);
	no_keeper(&s);
}
END_TEST

START_TEST(no_room)
{
	struct stage s = stage_open(JOIN_FAILED);
	struct msg_fds fds = MSG_FDS_INIT;
	struct join_answer a;
	int one = ask(&s, true, JOIN_MAGIC), two = ask(&s, true, JOIN_MAGIC);

	ck_assert_int_eq(hear(one, &a, &fds), 1);
	ck_assert_int_eq(hear(two, &a, &fds), 1);
	builder_go(&s);
	ck_assert_int_eq(hear(one, &a, &fds), 1);
	ck_assert(join_answer_ok(&a, fds.n) && a.state == JOIN_FAILED);
	ck_assert_str_eq(a.err.text, "no such room");
	ck_assert_int_eq(a.err.code, BERTH_EIMAGE);
	ck_assert_int_eq(hear(two, &a, &fds), 1);
	ck_assert_int_eq(a.state, JOIN_FAILED);
	builder_end(&s);
	no_keeper(&s);
}
END_TEST

/* A builder that dies leaves those who wait with an end, not without an answer. */
START_TEST(builder_dies)
{
	struct stage s = stage_open(-1);
	struct msg_fds fds = MSG_FDS_INIT;
	struct join_answer a;
	int sock = ask(&s, true, JOIN_MAGIC);

	ck_assert_int_eq(hear(sock, &a, &fds), 1);
	ck_assert_int_eq(a.state, JOIN_WAIT);
	ck_assert_int_eq(kill(s.builder, SIGKILL), 0);
	ck_assert_int_eq(hear(sock, &a, &fds), 0);
	ck_assert_int_eq(waitpid(s.builder, NULL, 0), s.builder);
	no_keeper(&s);
}
END_TEST

/* Who says something else, or nothing, is let go of, and disturbs nobody. */
START_TEST(odd_ranks)
{
	struct stage s = stage_open(JOIN_UP);
	struct msg_fds fds = MSG_FDS_INIT;
	struct join_answer a;
	int bare = ask(&s, false, JOIN_MAGIC), odd = ask(&s, true, JOIN_MAGIC + 1);
	int twice = ask(&s, true, JOIN_MAGIC), mute = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0), good;

	ck_assert_int_eq(connect(mute, (const struct sockaddr *)&s.addr, s.len), 0);
	ck_assert_int_eq(hear(bare, &a, &fds), 0);
	ck_assert_int_eq(hear(odd, &a, &fds), 0);
	ck_assert_int_eq(hear(twice, &a, &fds), 1);
	ck_assert_int_eq(send(twice, "x", 1, MSG_NOSIGNAL), 1);
	ck_assert_int_eq(hear(twice, &a, &fds), 0);
	good = ask(&s, true, JOIN_MAGIC);
	ck_assert_int_eq(hear(good, &a, &fds), 1);
	builder_go(&s);
	ck_assert_int_eq(hear(good, &a, &fds), 1);
	ck_assert_int_eq(a.state, JOIN_UP);
	msg_fds_close(&fds);
	(void)close(mute);
	builder_end(&s);
}
END_TEST

/* It has none of its caller's descriptors: who reads a pipe to its end does not wait for it. */
START_TEST(no_pipes)
{
	struct msg_fds fds = MSG_FDS_INIT;
	struct join_answer a;
	struct stage s;
	int pipes[2], sock;
	char c;

	ck_assert_int_eq(pipe(pipes), 0);
	s = stage_open(JOIN_UP);
	(void)close(pipes[1]);
	builder_go(&s);
	sock = ask(&s, true, JOIN_MAGIC);
	do {
		msg_fds_close(&fds);
		ck_assert_int_eq(hear(sock, &a, &fds), 1);
	} while (a.state == JOIN_WAIT);
	msg_fds_close(&fds);
	builder_end(&s);
	/* this process is a member: the keeper lives */
	ck_assert_int_eq(read(pipes[0], &c, 1), 0);
	(void)close(ask(&s, true, JOIN_MAGIC));
}
END_TEST

int main(void)
{
	TCase *c = tcase_create("join");

	tcase_add_test(c, names);
	tcase_add_loop_test(c, answer, 0, ARRAY_SIZE(answers));
	tcase_add_test(c, started);
	tcase_add_test(c, room_up);
	tcase_add_test(c, last_member);
	tcase_add_test(c, no_room);
	tcase_add_test(c, builder_dies);
	tcase_add_test(c, odd_ranks);
	tcase_add_test(c, no_pipes);
	return unit_run("join", c);
}
