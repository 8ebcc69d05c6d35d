/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * check_table.c - root's half against an opener that breaks the rules.
 *
 * A child plays the opener. No case gets as far as a mount: each is refused before that.
 */
#include "config.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "launcher/priv/table.h"
#include "launcher/room/arm.h"
#include "libimage/base/cleanup.h"
#include "libimage/base/err.h"
#include "libimage/base/msg.h"
#include "tests/unit/unit.h"

enum {
	WAIT_MS = 300,
	LATE_MS = 3000, /* so much later than WAIT_MS is a hang, even on a busy machine */
};

/* Serve whatever 'opener' does; returns table_serve()'s result. */
static int serve(void (*opener)(int sock, int row), int row, struct berth_err *err)
{
	struct site site = { 0 };
	struct table t = { .site = &site };
	int pair[2], rc;
	pid_t pid;

	arm_local_init(&t.local, getuid(), getgid(), NULL);
	ck_assert_int_eq(msg_pair(pair, err), 0);
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		cleanup_close_fn(&pair[0]);
		opener(pair[1], row);
		_exit(0);
	}
	cleanup_close_fn(&pair[1]);
	rc = table_serve(&t, pair[0], WAIT_MS, err);
	cleanup_close_fn(&pair[0]);
	(void)kill(pid, SIGKILL);
	(void)waitpid(pid, NULL, 0);
	arm_local_done(&t.local);
	return rc;
}

static int call(int sock, uint32_t magic, uint32_t op, int nfds)
{
	struct op_call c = { .magic = magic, .op = op };
	struct msg_fds fds = { .n = nfds };
	struct berth_err err;

	for (int i = 0; i < nfds; i++)
		fds.fd[i] = STDIN_FILENO;
	return msg_send(sock, &c, sizeof(c), &fds, &err);
}

static const struct {
	uint32_t magic, op;
	int nfds;
} breaches[] = {
	{ OP_MAGIC, OPS, 0 },
	{ OP_MAGIC, UINT32_MAX, 0 },
	{ OP_MAGIC + 1, OP_TMPFS, 0 },
	{ 0, OP_FAIL, 0 },
	{ OP_MAGIC, OP_BIND, 2 },	/* before the root */
	{ OP_MAGIC, OP_FINISH, 0 },	/* before the root */
	{ OP_MAGIC, OP_TMPFS, 1 },	/* takes none */
	{ OP_MAGIC, OP_ROOT_DIR, 0 },	/* takes one */
	{ OP_MAGIC, OP_ROOT_DIR, 2 },
	{ OP_MAGIC, OP_ROOT_IMAGE, 1 }, /* takes two */
	{ OP_MAGIC, OP_ROOT_IMAGE, 3 },
	{ OP_MAGIC, OP_FAIL, 1 },
};

static void breach_opener(int sock, int row)
{
	(void)call(sock, breaches[row].magic, breaches[row].op, breaches[row].nfds);
	(void)pause();
}

START_TEST(breach)
{
	struct berth_err err = BERTH_ERR_INIT;

	ck_assert_int_eq(serve(breach_opener, _i, &err), -1);
	ck_assert_int_eq(err.code, BERTH_EDENIED);
	ck_assert_str_eq(err.text, "the opener broke the rules: Protocol error");
}
END_TEST

/* A root that is none takes the opener to where binds are allowed, and there is nothing to bind on. */
static void no_root(int sock)
{
	struct op_answer a;
	struct berth_err err;

	(void)call(sock, OP_MAGIC, OP_ROOT_DIR, 1);
	if (msg_recv(sock, &a, sizeof(a), NULL, -1, &err) != 1 || a.err.code != BERTH_EDENIED)
		_exit(1);
}

static void second_root_opener(int sock, int row)
{
	(void)row;
	no_root(sock);
	(void)call(sock, OP_MAGIC, OP_ROOT_DIR, 1);
	(void)pause();
}

static void tmpfs_after_root_opener(int sock, int row)
{
	(void)row;
	no_root(sock);
	(void)call(sock, OP_MAGIC, OP_TMPFS, 0);
	(void)pause();
}

START_TEST(order)
{
	struct berth_err err = BERTH_ERR_INIT;

	ck_assert_int_eq(serve(_i ? tmpfs_after_root_opener : second_root_opener, 0, &err), -1);
	ck_assert_str_eq(err.text, "the opener broke the rules: Protocol error");
}
END_TEST

static void finish_opener(int sock, int row)
{
	(void)row;
	no_root(sock);
	(void)call(sock, OP_MAGIC, OP_FINISH, 0);
	(void)pause();
}

START_TEST(finish_without_root)
{
	struct berth_err err = BERTH_ERR_INIT;

	ck_assert_int_eq(serve(finish_opener, 0, &err), -1);
	ck_assert_str_eq(err.text, "the room has no root");
}
END_TEST

static void short_opener(int sock, int row)
{
	struct op_call c = { .magic = OP_MAGIC };

	(void)send(sock, &c, row ? sizeof(c) - 1 : 1, MSG_NOSIGNAL);
	(void)pause();
}

START_TEST(wrong_size)
{
	struct berth_err err = BERTH_ERR_INIT;

	ck_assert_int_eq(serve(short_opener, _i, &err), -1);
	ck_assert_int_eq(err.code, BERTH_ENET);
}
END_TEST

static void gone_opener(int sock, int row)
{
	(void)sock;
	(void)row;
}

START_TEST(gone)
{
	struct berth_err err = BERTH_ERR_INIT;

	ck_assert_int_eq(serve(gone_opener, 0, &err), -1);
	ck_assert_str_eq(err.text, "the opener died");
}
END_TEST

/* What the opener says is text of the user's: bounded, and never a success. */
static void words_opener(int sock, int row)
{
	struct op_call c = { .magic = OP_MAGIC, .op = OP_FAIL };
	static const unsigned int codes[] = { BERTH_OK, BERTH_ECODES, 0xffffffffu };
	struct berth_err err;

	memset(c.err.text, 'x', sizeof(c.err.text));
	memset(c.err.hint, 'y', sizeof(c.err.hint));
	memcpy(&c.err.code, &codes[row], sizeof(codes[row]));
	(void)msg_send(sock, &c, sizeof(c), NULL, &err);
	(void)pause();
}

START_TEST(words)
{
	struct berth_err err = BERTH_ERR_INIT;

	ck_assert_int_eq(serve(words_opener, _i, &err), -1);
	ck_assert_int_eq(err.code, BERTH_EBUG);
	ck_assert_uint_eq(strnlen(err.text, sizeof(err.text)), sizeof(err.text) - 1);
	ck_assert_uint_eq(strnlen(err.hint, sizeof(err.hint)), sizeof(err.hint) - 1);
}
END_TEST

static void silent_opener(int sock, int row)
{
	(void)sock;
	(void)row;
	(void)pause();
}

static long now_ms(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000L + ts.tv_nsec / 1000000L;
}

START_TEST(late)
{
	struct berth_err err = BERTH_ERR_INIT;
	long start = now_ms();

	ck_assert_int_eq(serve(silent_opener, 0, &err), -1);
	ck_assert_int_eq(err.code, BERTH_ENET);
	ck_assert_msg(strstr(err.text, "was not ready within"), "%s", err.text);
	ck_assert_int_lt(now_ms() - start, WAIT_MS + LATE_MS);
}
END_TEST

/* A call that is there already when the time is up comes too late, or an opener that never
 * pauses would never be late. */
START_TEST(late_call)
{
	struct berth_err err = BERTH_ERR_INIT;
	struct site site = { 0 };
	struct table t = { .site = &site };
	struct op_answer a;
	int pair[2];

	arm_local_init(&t.local, getuid(), getgid(), NULL);
	ck_assert_int_eq(msg_pair(pair, &err), 0);
	ck_assert_int_eq(call(pair[1], OP_MAGIC, OP_ROOT_DIR, 1), 0);
	ck_assert_int_eq(table_serve(&t, pair[0], 0, &err), -1);
	ck_assert_msg(strstr(err.text, "was not ready within"), "%s", err.text);
	ck_assert_int_eq(recv(pair[1], &a, sizeof(a), MSG_DONTWAIT), -1);
	arm_local_done(&t.local);
	cleanup_close_fn(&pair[0]);
	cleanup_close_fn(&pair[1]);
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("table");

	tcase_add_loop_test(tc, breach, 0, ARRAY_SIZE(breaches));
	tcase_add_loop_test(tc, order, 0, 2);
	tcase_add_test(tc, finish_without_root);
	tcase_add_loop_test(tc, wrong_size, 0, 2);
	tcase_add_test(tc, gone);
	tcase_add_loop_test(tc, words, 0, 3);
	tcase_add_test(tc, late);
	tcase_add_test(tc, late_call);
	return unit_run("table", tc);
}
