/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * check_table.c - a hostile opener against root's half: what is out of order, of the wrong kind
 * or too much is refused, and nothing is attached for it.
 *
 * Each case is a conversation in a mount namespace of its own: the test is the opener in a
 * child and says its lines; table_serve() answers. Needs root; without, it is skipped.
 */
#include "config.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "launcher/priv/table.h"
#include "launcher/room/arm.h"
#include "libimage/base/cleanup.h"
#include "libimage/base/fd.h"
#include "libimage/base/imgfs_wire.h"
#include "libimage/base/msg.h"
#include "tests/unit/unit.h"

enum { LINES_MAX = 5, FDS_MAX = 3, SKIPPED = 77, WAIT_MS = 5000, LATE_MS = 200 };

/* What a descriptor of a call is. The names follow in make_fd(). */
enum thing { NONE, IMAGE, TARGET, TREE, FILE_, NUL, FIFO, SOCK, ENTRIES, UNSEALED, HUGE_, DEV, OTHER_NS, PROC };

/* How a call is sent. */
enum form { PLAIN, BAD_MAGIC, SHORT, LONG, DIRTY };

struct line {
	uint32_t op;
	enum thing fd[FDS_MAX];
	uint32_t flags;
	enum form form;
	bool last; /* an end marker for the table below */
	enum berth_code want; /* of the answer; BERTH_ENET: there is none */
};

#define TMPFS() { .op = OP_TMPFS }
#define DIR_() { .op = OP_ROOT_DIR, .fd = { IMAGE } }
#define BIND(src, dst, f, w) { .op = OP_BIND, .fd = { src, dst }, .flags = f, .want = w }
#define FINISH() { .op = OP_FINISH }
#define FAIL() { .op = OP_FAIL, .want = BERTH_ENET }
#define BREACH(...) { __VA_ARGS__, .want = BERTH_ENET }
#define END { .last = true }

static const struct {
	const char *name;
	int rc;			/* of table_serve() */
	enum berth_code code;	/* and its error */
	int sys;
	struct line line[LINES_MAX + 1];
} cases[] = {
	/* what a well-behaved opener says */
	{ "directory", 0, 0, 0, { TMPFS(), DIR_(), BIND(TREE, TARGET, 0, 0), FINISH(), END } },
	{ "no tmpfs", 0, 0, 0, { DIR_(), FINISH(), END } },
	{ "read-only bind", 0, 0, 0, { DIR_(), BIND(TREE, TARGET, ARM_READONLY, 0), FINISH(), END } },
	{ "/dev", 0, 0, 0, { DIR_(), BIND(DEV, TARGET, ARM_DEV, 0), FINISH(), END } },
	{ "gives up first", -1, BERTH_EDENIED, 0, { FAIL(), END } },
	{ "gives up after the tmpfs", -1, BERTH_EDENIED, 0, { TMPFS(), FAIL(), END } },
	{ "gives up after the root", -1, BERTH_EDENIED, 0, { DIR_(), FAIL(), END } },
	/* what is out of order ends the room */
	{ "bind first", -1, BERTH_EDENIED, EPROTO, { BREACH(OP_BIND, { TREE, IMAGE }), END } },
	{ "bind after the tmpfs", -1, BERTH_EDENIED, EPROTO, { TMPFS(), BREACH(OP_BIND, { TREE, IMAGE }), END } },
	{ "finish first", -1, BERTH_EDENIED, EPROTO, { BREACH(OP_FINISH), END } },
	{ "finish after the tmpfs", -1, BERTH_EDENIED, EPROTO, { TMPFS(), BREACH(OP_FINISH), END } },
	{ "two tmpfs", -1, BERTH_EDENIED, EPROTO, { TMPFS(), BREACH(OP_TMPFS), END } },
	{ "tmpfs after the root", -1, BERTH_EDENIED, EPROTO, { DIR_(), BREACH(OP_TMPFS), END } },
	{ "two roots", -1, BERTH_EDENIED, EPROTO, { DIR_(), BREACH(OP_ROOT_DIR, { IMAGE }), END } },
	{ "image after directory", -1, BERTH_EDENIED, EPROTO,
	  { DIR_(), BREACH(OP_ROOT_IMAGE, { FILE_, ENTRIES }), END } },
	{ "directory after image", -1, BERTH_EDENIED, EPROTO,
	  { { .op = OP_ROOT_IMAGE, .fd = { FILE_, ENTRIES }, .want = BERTH_EBUG }, BREACH(OP_ROOT_DIR, { IMAGE }), END } },
	/* what is no call */
	{ "no such call", -1, BERTH_EDENIED, EPROTO, { BREACH(OPS), END } },
	{ "no such call by far", -1, BERTH_EDENIED, EPROTO, { BREACH(UINT32_MAX), END } },
	{ "another version", -1, BERTH_EDENIED, EPROTO, { BREACH(OP_TMPFS, .form = BAD_MAGIC), END } },
	{ "too short", -1, BERTH_ENET, EPROTO, { BREACH(OP_TMPFS, .form = SHORT), END } },
	{ "too long", -1, BERTH_ENET, EPROTO, { BREACH(OP_TMPFS, .form = LONG), END } },
	{ "too short for a finish", -1, BERTH_ENET, EPROTO, { DIR_(), BREACH(OP_FINISH, .form = SHORT), END } },
	{ "nothing", -1, BERTH_ENET, 0, { END } },
	/* descriptors too few or too many */
	{ "tmpfs with one", -1, BERTH_EDENIED, EPROTO, { BREACH(OP_TMPFS, { TREE }), END } },
	{ "directory with none", -1, BERTH_EDENIED, EPROTO, { BREACH(OP_ROOT_DIR), END } },
	{ "directory with two", -1, BERTH_EDENIED, EPROTO, { BREACH(OP_ROOT_DIR, { IMAGE, TREE }), END } },
	{ "image with one", -1, BERTH_EDENIED, EPROTO, { BREACH(OP_ROOT_IMAGE, { FILE_ }), END } },
	{ "image with three", -1, BERTH_EDENIED, EPROTO, { BREACH(OP_ROOT_IMAGE, { FILE_, ENTRIES, NUL }), END } },
	{ "bind with one", -1, BERTH_EDENIED, EPROTO, { DIR_(), BREACH(OP_BIND, { TREE }), END } },
	{ "bind with three", -1, BERTH_EDENIED, EPROTO, { DIR_(), BREACH(OP_BIND, { TREE, TARGET, TREE }), END } },
	{ "finish with one", -1, BERTH_EDENIED, EPROTO, { DIR_(), BREACH(OP_FINISH, { TREE }), END } },
	{ "failure with one", -1, BERTH_EDENIED, EPROTO, { BREACH(OP_FAIL, { TREE }), END } },
	/* descriptors of the wrong kind: refused, and there is no room without a root */
	{ "file as directory", -1, BERTH_EBUG, 0,
	  { { .op = OP_ROOT_DIR, .fd = { FILE_ }, .want = BERTH_EDENIED }, { .op = OP_FINISH, .want = BERTH_EBUG }, END } },
	{ "device as directory", -1, BERTH_EBUG, 0,
	  { { .op = OP_ROOT_DIR, .fd = { NUL }, .want = BERTH_EDENIED }, { .op = OP_FINISH, .want = BERTH_EBUG }, END } },
	{ "socket as directory", -1, BERTH_EBUG, 0,
	  { { .op = OP_ROOT_DIR, .fd = { SOCK }, .want = BERTH_EDENIED }, { .op = OP_FINISH, .want = BERTH_EBUG }, END } },
	{ "other namespace's directory", -1, BERTH_EBUG, 0,
	  { { .op = OP_ROOT_DIR, .fd = { OTHER_NS }, .want = BERTH_ESYS }, { .op = OP_FINISH, .want = BERTH_EBUG }, END } },
	{ "bind without the root that failed", -1, BERTH_EBUG, 0,
	  { { .op = OP_ROOT_DIR, .fd = { FILE_ }, .want = BERTH_EDENIED }, BIND(TREE, IMAGE, 0, BERTH_EBUG),
	    { .op = OP_FINISH, .want = BERTH_EBUG }, END } },
	{ "directory as image", -1, BERTH_EBUG, 0,
	  { { .op = OP_ROOT_IMAGE, .fd = { IMAGE, ENTRIES }, .want = BERTH_EDENIED },
	    { .op = OP_FINISH, .want = BERTH_EBUG }, END } },
	{ "FIFO as image", -1, BERTH_EBUG, 0,
	  { { .op = OP_ROOT_IMAGE, .fd = { FIFO, ENTRIES }, .want = BERTH_EDENIED },
	    { .op = OP_FINISH, .want = BERTH_EBUG }, END } },
	{ "device as image", -1, BERTH_EBUG, 0,
	  { { .op = OP_ROOT_IMAGE, .fd = { NUL, ENTRIES }, .want = BERTH_EDENIED },
	    { .op = OP_FINISH, .want = BERTH_EBUG }, END } },
	{ "entries that can grow", -1, BERTH_EBUG, 0,
	  { { .op = OP_ROOT_IMAGE, .fd = { FILE_, UNSEALED }, .want = BERTH_EDENIED },
	    { .op = OP_FINISH, .want = BERTH_EBUG }, END } },
	{ "entries of another kind", -1, BERTH_EBUG, 0,
	  { { .op = OP_ROOT_IMAGE, .fd = { FILE_, FIFO }, .want = BERTH_EDENIED },
	    { .op = OP_FINISH, .want = BERTH_EBUG }, END } },
	{ "entries without end", -1, BERTH_EBUG, 0,
	  { { .op = OP_ROOT_IMAGE, .fd = { FILE_, HUGE_ }, .want = BERTH_EDENIED },
	    { .op = OP_FINISH, .want = BERTH_EBUG }, END } },
	/* device nodes work on nothing but the host's /dev, and flags are those that there are */
	{ "device nodes elsewhere", 0, 0, 0,
	  { DIR_(), BIND(TREE, TARGET, ARM_DEV, BERTH_EDENIED), FINISH(), END } },
	{ "device nodes of proc", 0, 0, 0, { DIR_(), BIND(PROC, TARGET, ARM_DEV, BERTH_EDENIED), FINISH(), END } },
	{ "device nodes of a device", 0, 0, 0, { DIR_(), BIND(NUL, TARGET, ARM_DEV, BERTH_EDENIED), FINISH(), END } },
	{ "device nodes of a later /dev", 0, 0, 0,
	  { DIR_(), BIND(TREE, DEV, 0, 0), BIND(DEV, TARGET, ARM_DEV, BERTH_EDENIED), FINISH(), END } },
	{ "unknown flag", 0, 0, 0, { DIR_(), BIND(TREE, TARGET, 1U << 7, BERTH_EBUG), FINISH(), END } },
	{ "all flags", 0, 0, 0, { DIR_(), BIND(TREE, TARGET, UINT32_MAX, BERTH_EBUG), FINISH(), END } },
	/* binds of and on what is no place */
	{ "bind of a FIFO's end", 0, 0, 0, { DIR_(), BIND(FIFO, TARGET, 0, BERTH_ESYS), FINISH(), END } },
	{ "bind of a socket", 0, 0, 0, { DIR_(), BIND(SOCK, TARGET, 0, BERTH_ESYS), FINISH(), END } },
	{ "bind on a socket", 0, 0, 0, { DIR_(), BIND(TREE, SOCK, 0, BERTH_ESYS), FINISH(), END } },
	{ "bind of a file on a directory", 0, 0, 0, { DIR_(), BIND(FILE_, TARGET, 0, BERTH_ESYS), FINISH(), END } },
	{ "bind of another namespace's", 0, 0, 0, { DIR_(), BIND(OTHER_NS, TARGET, 0, BERTH_ESYS), FINISH(), END } },
	{ "bind on another namespace's", 0, 0, 0, { DIR_(), BIND(TREE, OTHER_NS, 0, BERTH_ESYS), FINISH(), END } },
};

static char *dir;	 /* image/, tree/, file */
static int other_ns_fd;	 /* opened in the namespace of the test */

static int below(const char *name, int flags)
{
	char path[256];

	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	return open(path, flags | O_CLOEXEC, 0644);
}

static int make_fd(enum thing what, int root)
{
	int p[2];

	switch (what) {
	case IMAGE: return below("image", O_PATH);
	case TARGET: return openat(root, "target", O_PATH | O_CLOEXEC);
	case TREE: return below("tree", O_PATH);
	case FILE_: return below("file", O_RDONLY);
	case NUL: return open("/dev/null", O_RDWR | O_CLOEXEC);
	case DEV: return open("/dev", O_PATH | O_CLOEXEC);
	case PROC: return open("/proc", O_PATH | O_CLOEXEC);
	case FIFO: return pipe2(p, O_CLOEXEC) < 0 ? -1 : p[0];
	case SOCK: return socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	case ENTRIES: return fd_memfile("entries", "d/x", 4);
	case UNSEALED: return memfd_create("entries", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	case HUGE_: {
		int fd = memfd_create("entries", MFD_CLOEXEC | MFD_ALLOW_SEALING);

		if (ftruncate(fd, IMGFS_ENTRIES_MAX + 1) < 0 ||
		    fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) < 0)
			return -1;
		return fd;
	}
	case OTHER_NS: return fcntl(other_ns_fd, F_DUPFD_CLOEXEC, 0);
	case NONE: break;
	}
	return -1;
}

static void say(int sock, const struct line *l, int root)
{
	static char big[sizeof(struct op_call) + 1];
	struct op_call c = { .magic = OP_MAGIC, .op = l->op, .flags = l->flags,
			     .err = { .code = BERTH_EDENIED, .text = "words" } };
	struct msg_fds fds = MSG_FDS_INIT;
	struct berth_err err;
	size_t n = l->form == SHORT ? sizeof(c) - 1 : l->form == LONG ? sizeof(big) : sizeof(c);

	if (l->form == BAD_MAGIC)
		c.magic ^= 1;
	memcpy(big, &c, sizeof(c));
	for (; fds.n < FDS_MAX && l->fd[fds.n] != NONE; fds.n++) {
		fds.fd[fds.n] = make_fd(l->fd[fds.n], root);
		if (fds.fd[fds.n] < 0)
			_exit(10);
	}
	(void)msg_send(sock, big, n, &fds, &err);
	msg_fds_close(&fds);
}

/* Everything that is attached is nosuid, and nodev unless it is /dev. */
static bool attributes_fine(const struct line *l, int root)
{
	cleanup_close int fd = openat(root, "target", O_PATH | O_CLOEXEC);
	struct statvfs v;

	if (fd < 0 || fstatvfs(fd, &v) < 0 || !(v.f_flag & ST_NOSUID))
		return false;
	if (!(l->flags & ARM_DEV) && !(v.f_flag & ST_NODEV))
		return false;
	return !(l->flags & ARM_READONLY) || (v.f_flag & ST_RDONLY);
}

/* The opener: says its lines; its exit status is the number of the first wrong answer, from 20. */
static _Noreturn void opener(int sock, const struct line *l)
{
	int root = -1;

	for (int i = 0; !l[i].last; i++) {
		cleanup(msg_fds_close) struct msg_fds back = MSG_FDS_INIT;
		struct op_answer a;
		struct berth_err err;
		int rc;

		say(sock, &l[i], root);
		rc = msg_recv(sock, &a, sizeof(a), &back, WAIT_MS, &err);
		if (l[i].want == BERTH_ENET) {
			if (rc > 0)
				_exit(20 + i);
			break;
		}
		if (rc != 1 || a.magic != OP_MAGIC || a.err.code != l[i].want)
			_exit(20 + i);
		if (l[i].want != BERTH_OK && back.n > 0)
			_exit(40 + i);
		if (l[i].op == OP_ROOT_DIR && l[i].want == BERTH_OK)
			root = msg_fds_take(&back, 0);
		if (l[i].op == OP_BIND && l[i].want == BERTH_OK && l[i].fd[1] == TARGET &&
		    !attributes_fine(&l[i], root))
			_exit(60 + i);
	}
	_exit(0);
}

/* In a child: the namespace, the opener, and root's half. Tells what table_serve() said. */
static int converse(const struct line *l, struct berth_err *err)
{
	struct site site = { .start_wait_ms = WAIT_MS };
	struct table t = { .site = &site };
	int pair[2], rc, status;
	pid_t pid;

	if (unshare(CLONE_NEWNS) < 0 || arm_make_slave(err) < 0 || msg_pair(pair, err) < 0)
		_exit(11);
	arm_local_init(&t.local, 65534, 65534, NULL);
	pid = fork();
	if (pid == 0) {
		(void)close(pair[0]);
		opener(pair[1], l);
	}
	(void)close(pair[1]);
	rc = table_serve(&t, pair[0], WAIT_MS, err);
	(void)close(pair[0]);
	(void)waitpid(pid, &status, 0);
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
		(void)fprintf(stderr, "the opener's status is 0x%x\n", status);
		_exit(12);
	}
	arm_local_done(&t.local);
	return rc;
}

START_TEST(conversation)
{
	struct berth_err err = BERTH_ERR_INIT;
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		int rc = converse(cases[_i].line, &err);

		if (rc != cases[_i].rc || (rc < 0 && (err.code != cases[_i].code || err.sys != cases[_i].sys))) {
			(void)fprintf(stderr, "rc %d, code %d, errno %d: %s\n", rc, err.code, err.sys, err.text);
			_exit(13);
		}
		_exit(0);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_msg(status == 0, "%s: status 0x%x", cases[_i].name, status);
}
END_TEST

/* The opener's words reach the user's terminal: ended, and of a code that there is. */
START_TEST(words)
{
	struct op_call c = { .magic = OP_MAGIC, .op = OP_FAIL };
	struct table t = { .site = NULL };
	struct berth_err err = BERTH_ERR_INIT;
	int pair[2];

	memset(&c.err, 0xff, sizeof(c.err));
	ck_assert_int_eq(msg_pair(pair, &err), 0);
	ck_assert_int_eq(msg_send(pair[1], &c, sizeof(c), NULL, &err), 0);
	ck_assert_int_eq(table_serve(&t, pair[0], WAIT_MS, &err), -1);
	ck_assert_int_eq(err.code, BERTH_EBUG);
	ck_assert_uint_eq(strnlen(err.text, sizeof(err.text)), sizeof(err.text) - 1);
	ck_assert_uint_eq(strnlen(err.hint, sizeof(err.hint)), sizeof(err.hint) - 1);
	/* "failed, without an error" is none either */
	memset(&c.err, 0, sizeof(c.err));
	ck_assert_int_eq(msg_send(pair[1], &c, sizeof(c), NULL, &err), 0);
	ck_assert_int_eq(table_serve(&t, pair[0], WAIT_MS, &err), -1);
	ck_assert_int_ne(err.code, BERTH_OK);
}
END_TEST

START_TEST(silence)
{
	struct table t = { .site = NULL };
	struct berth_err err = BERTH_ERR_INIT;
	int pair[2];

	ck_assert_int_eq(msg_pair(pair, &err), 0);
	ck_assert_int_eq(table_serve(&t, pair[0], LATE_MS, &err), -1);
	ck_assert_int_eq(err.code, BERTH_ENET);
	ck_assert_ptr_nonnull(strstr(err.text, "not ready"));
}
END_TEST

/* A call that is there already when the time is up comes too late, or an opener that never
 * pauses would never be late. */
START_TEST(late_call)
{
	struct op_call c = { .magic = OP_MAGIC, .op = OP_FAIL };
	struct table t = { .site = NULL };
	struct berth_err err = BERTH_ERR_INIT;
	int pair[2];

	ck_assert_int_eq(msg_pair(pair, &err), 0);
	ck_assert_int_eq(msg_send(pair[1], &c, sizeof(c), NULL, &err), 0);
	ck_assert_int_eq(table_serve(&t, pair[0], 0, &err), -1);
	ck_assert_int_eq(err.code, BERTH_ENET);
	ck_assert_ptr_nonnull(strstr(err.text, "not ready"));
}
END_TEST

/* One that asks and asks, and reads no answer. */
static _Noreturn void deaf_opener(int sock)
{
	static const struct line root = DIR_();
	cleanup_close int tree = make_fd(TREE, -1);
	struct msg_fds fds = { .fd = { tree, tree }, .n = 2 };
	struct op_call c = { .magic = OP_MAGIC, .op = OP_BIND, .flags = ~0U };
	struct berth_err err;

	say(sock, &root, -1);
	while (msg_send(sock, &c, sizeof(c), &fds, &err) == 0)
		;
	_exit(0);
}

/* Root must not wait for the opener to read: it ends the room instead. */
START_TEST(deafness)
{
	int pair[2], status;
	pid_t root = fork(), deaf;

	if (root == 0) {
		struct site site = { .start_wait_ms = WAIT_MS };
		struct berth_err err = BERTH_ERR_INIT;
		struct table t = { .site = &site };
		int rc;

		(void)alarm(WAIT_MS / 1000);
		if (unshare(CLONE_NEWNS) < 0 || arm_make_slave(&err) < 0 || msg_pair(pair, &err) < 0)
			_exit(11);
		arm_local_init(&t.local, 65534, 65534, NULL);
		deaf = fork();
		if (deaf == 0) {
			(void)close(pair[0]);
			deaf_opener(pair[1]);
		}
		(void)close(pair[1]);
		rc = table_serve(&t, pair[0], LATE_MS, &err);
		(void)kill(deaf, SIGKILL);
		_exit(rc < 0 && err.code == BERTH_ENET ? 0 : 12);
	}
	ck_assert_int_eq(waitpid(root, &status, 0), root);
	ck_assert_msg(status == 0, "status 0x%x", status);
}
END_TEST

static bool prepare(void)
{
	static char name[] = "/var/tmp/check-table-XXXXXX";
	static const char *const dirs[] = { "image", "image/target", "tree" };
	char path[256];

	dir = mkdtemp(name);
	for (size_t i = 0; dir && i < ARRAY_SIZE(dirs); i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", dir, dirs[i]);
		if (mkdir(path, 0755) < 0)
			return false;
	}
	if (!dir)
		return false;
	(void)close(below("file", O_CREAT | O_RDWR));
	other_ns_fd = below("tree", O_PATH);
	return other_ns_fd >= 0;
}

static void clean(void)
{
	static const char *const names[] = { "image/target", "image", "tree", "file", "." };
	char path[256];

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
		(void)remove(i + 1 < ARRAY_SIZE(names) ? path : dir);
	}
}

int main(void)
{
	TCase *c = tcase_create("table");
	int rc, status;
	pid_t pid;

	pid = fork();
	if (pid == 0)
		_exit(geteuid() == 0 && unshare(CLONE_NEWNS) == 0 ? 0 : 1);
	if (pid < 0 || waitpid(pid, &status, 0) != pid || status != 0) {
		(void)printf("skipped: needs root and mount namespaces\n");
		return SKIPPED;
	}
	if (!prepare())
		return EXIT_FAILURE;
	tcase_add_loop_test(c, conversation, 0, ARRAY_SIZE(cases));
	tcase_add_test(c, words);
	tcase_add_test(c, silence);
	tcase_add_test(c, late_call);
	tcase_add_test(c, deafness);
	rc = unit_run("table", c);
	clean();
	return rc;
}
