/* SPDX-License-Identifier: BSD-3-Clause */
/* check_cell.c - a process that can reach nothing (libimage/build/cell.h). */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include "libimage/base/cleanup.h"
#include "libimage/base/err.h"
#include "libimage/base/fd.h"
#include "libimage/base/filter.h"
#include "libimage/build/cell.h"
#include "tests/unit/unit.h"

struct reply {
	uint64_t number;
	int fds;
};

static int run(cell_work work, void *arg, const int *keep, size_t n, struct reply *r, struct berth_err *err)
{
	cleanup(cell_done) struct cell c = CELL_INIT;

	if (cell_start(&c, work, arg, keep, n, sizeof(*r), err) < 0)
		return -1;
	return cell_wait(&c, -1, r, sizeof(*r), err);
}

static void *thread(void *arg)
{
	*(uint64_t *)arg += 1;
	return NULL;
}

/* All that a converter does. */
static int honest(void *arg, void *reply, struct berth_err *err)
{
	struct reply *r = reply;
	int fd = *(int *)arg, mem;
	char text[5];
	pthread_t t;
	void *p;

	if (fd_pread_full(fd, text, sizeof(text), 0) < 0 || memcmp(text, "bytes", 5) != 0 ||
	    fd_pwrite_full(fd, "BYTES", 5, 0) < 0 || ftruncate(fd, 100) < 0)
		return berth_fail(err, BERTH_ESYS, errno, "file");
	mem = memfd_create("kept", MFD_CLOEXEC);
	if (mem < 0 || fd_write_full(mem, text, 5) < 0 || fcntl(mem, F_DUPFD_CLOEXEC, 0) < 0)
		return berth_fail(err, BERTH_ESYS, errno, "memory file");
	p = mmap(NULL, 5, PROT_READ, MAP_PRIVATE, mem, 0);
	if (p == MAP_FAILED || pthread_create(&t, NULL, thread, &r->number) != 0 || pthread_join(t, NULL) != 0)
		return berth_fail(err, BERTH_ESYS, errno, "thread");
	p = malloc(64 << 20);
	if (!p)
		return berth_fail(err, BERTH_ESYS, ENOMEM, "memory");
	memset(p, 1, 64 << 20);
	free(p);
	r->number += 41;
	return 0;
}

START_TEST(works)
{
	cleanup_close int fd = memfd_create("file", MFD_CLOEXEC);
	struct berth_err err = BERTH_ERR_INIT;
	struct reply r = { 0 };
	char text[5];
	int before = unit_count_fds();

	ck_assert_int_eq(fd_write_full(fd, "bytes", 5), 0);
	ck_assert_msg(run(honest, &fd, &fd, 1, &r, &err) == 0, "%s", err.text);
	ck_assert_uint_eq(r.number, 42);
	ck_assert_int_eq(fd_pread_full(fd, text, 5, 0), 0);
	ck_assert_int_eq(memcmp(text, "BYTES", 5), 0);
	ck_assert_int_eq(unit_count_fds(), before);
}
END_TEST

static int says_no(void *arg, void *reply, struct berth_err *err)
{
	(void)arg, (void)reply;
	berth_fail(err, BERTH_EIMAGE, 0, "layer 2 is no tar");
	return berth_hint(err, "try another");
}

static int lies(void *arg, void *reply, struct berth_err *err)
{
	(void)arg, (void)reply;
	memset(err, 'x', sizeof(*err));
	return -1;
}

static int leaves(void *arg, void *reply, struct berth_err *err)
{
	(void)arg, (void)reply, (void)err;
	_exit(0);
}

START_TEST(failures)
{
	static const struct { cell_work work; enum berth_code code; const char *text; } rows[] = {
		{ says_no, BERTH_EIMAGE, "layer 2 is no tar" },
		{ lies, BERTH_EBUG, "xxx" },
		{ leaves, BERTH_EBUG, "without an answer" },
	};
	struct reply r;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct berth_err err = BERTH_ERR_INIT;

		ck_assert_int_eq(run(rows[i].work, NULL, NULL, 0, &r, &err), -1);
		ck_assert_int_eq(err.code, rows[i].code);
		ck_assert_msg(strstr(err.text, rows[i].text) != NULL, "%s", err.text);
		ck_assert_uint_lt(strlen(err.hint), sizeof(err.hint));
	}
}
END_TEST

/* What it holds is what it was given, and the first three, which lead nowhere. */
static int counts_fds(void *arg, void *reply, struct berth_err *err)
{
	struct reply *r = reply;
	struct stat st;

	(void)arg, (void)err;
	for (int fd = 0; fd <= (FILTER_SANITIZED ? 1 : 2); fd++)
		r->number += fstat(fd, &st) == 0 && S_ISCHR(st.st_mode) && st.st_rdev == makedev(1, 3);
	for (int fd = 3; fd < 1024; fd++)
		r->fds += fstat(fd, &st) == 0;
	return 0;
}

START_TEST(descriptors)
{
	struct berth_err err = BERTH_ERR_INIT;
	struct reply r = { 0 };
	int fd[40];

	for (size_t i = 0; i < ARRAY_SIZE(fd); i++)
		fd[i] = open("/dev/null", O_RDONLY); /* not even close-on-exec */
	ck_assert_int_eq(run(counts_fds, NULL, (int[]){ fd[30], fd[3], fd[3] }, 3, &r, &err), 0);
	ck_assert_int_eq(r.fds, 3); /* two, and the one for the answer */
	ck_assert_uint_eq(r.number, FILTER_SANITIZED ? 2 : 3);
	ck_assert_int_eq(run(counts_fds, NULL, NULL, 0, &r, &err), 0);
	ck_assert_int_eq(r.fds, 1);
	/* one that would be lost is not taken */
	ck_assert_int_eq(run(counts_fds, NULL, (int[]){ fd[0], 0 }, 2, &r, &err), -1);
	ck_assert_int_eq(err.code, BERTH_EBUG);
	for (size_t i = 0; i < ARRAY_SIZE(fd); i++)
		(void)close(fd[i]);
}
END_TEST

static int tries(void *arg, void *reply, struct berth_err *err)
{
	static char word[] = "/bin/true";
	char *argv[] = { word, NULL };

	(void)reply, (void)err;
	switch (*(int *)arg) {
	case 0:
		return open("/etc/passwd", O_RDONLY | O_CLOEXEC) < 0;
	case 1:
		return socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0) < 0;
	case 2:
		return execv(word, argv);
	case 3:
		return fork() < 0;
	case 4:
		return kill(getppid(), 0);
	case 5:
		return mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED;
	case 6:
		return unlink("/tmp/nothing");
	case 7:
		return (int)syscall(SYS_openat, AT_FDCWD, ".", O_RDONLY, 0);
	case 8:
		return (int)syscall(SYS_prlimit64, getppid(), RLIMIT_CORE, NULL, NULL);
	case 9:
		return ftruncate(1000, 0) == 0 || fcntl(2, F_SETFL, O_APPEND);
	default:
		return (int)syscall(SYS_process_vm_readv, getppid(), NULL, 0UL, NULL, 0UL, 0UL);
	}
}

START_TEST(shut_in)
{
	struct reply r;

	if (FILTER_SANITIZED)
		return; /* no filter there */
	for (int i = 0; i <= 10; i++) {
		struct berth_err err = BERTH_ERR_INIT;

		ck_assert_msg(run(tries, &i, NULL, 0, &r, &err) == -1, "%d", i);
		ck_assert_msg(err.code == BERTH_EIMAGE, "%d: %s", i, err.text);
		ck_assert_ptr_nonnull(strstr(err.text, "signal 31"));
	}
}
END_TEST

static int writes_much(void *arg, void *reply, struct berth_err *err)
{
	(void)reply;
	return fd_pwrite_full(*(int *)arg, "much", 4, 10) < 0 ? berth_fail(err, BERTH_ESYS, errno, "file") : 0;
}

static int makes_holes(void *arg, void *reply, struct berth_err *err)
{
	struct reply *r = reply;

	(void)err;
	r->number = ftruncate(*(int *)arg, INT64_MAX / 2) < 0 ? (uint64_t)errno : 0;
	return 0;
}

/* A limit is an error, not a death that looks as if the image had caused it. */
START_TEST(file_size)
{
	struct rlimit was, few = { .rlim_cur = 10 };
	cleanup_close int fd = memfd_create("file", MFD_CLOEXEC);
	struct berth_err err = BERTH_ERR_INIT;
	struct reply r = { 0 };
	int rc;

	ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &was), 0);
	few.rlim_max = was.rlim_max;
	/* no assertion within: Check writes files, too */
	rc = setrlimit(RLIMIT_FSIZE, &few);
	if (rc == 0)
		rc = run(writes_much, &fd, &fd, 1, &r, &err);
	(void)setrlimit(RLIMIT_FSIZE, &was);
	ck_assert_int_eq(rc, -1);
	ck_assert_msg(err.code == BERTH_ESYS && err.sys == EFBIG, "%s", err.text);
	ck_assert_int_eq(run(makes_holes, &fd, &fd, 1, &r, &err), 0);
	ck_assert_uint_eq(r.number, EFBIG);
}
END_TEST

static int sleeps(void *arg, void *reply, struct berth_err *err)
{
	struct timespec t = { .tv_sec = 1000 };

	(void)arg, (void)reply, (void)err;
	(void)clock_nanosleep(CLOCK_MONOTONIC, 0, &t, NULL);
	return 0;
}

START_TEST(cancelled)
{
	cleanup(cell_done) struct cell c = CELL_INIT;
	struct berth_err err = BERTH_ERR_INIT;
	struct reply r;
	pid_t pid;
	int p[2];

	ck_assert_int_eq(pipe2(p, O_CLOEXEC), 0);
	ck_assert_int_eq(cell_start(&c, sleeps, NULL, NULL, 0, sizeof(r), &err), 0);
	pid = c.pid;
	ck_assert(!cell_ended(&c));
	(void)kill(pid, SIGINT); /* is for the one who waits */
	(void)kill(pid, SIGTERM);
	ck_assert_int_eq((int)write(p[1], "x", 1), 1);
	ck_assert_int_eq(cell_wait(&c, p[0], &r, sizeof(r), &err), -1);
	ck_assert_int_eq(err.sys, EINTR);
	ck_assert_int_eq(kill(pid, 0), -1);
	(void)close(p[0]);
	(void)close(p[1]);
}
END_TEST

/* One that was taken over sends what it likes, and stays: so many bytes; none: it closes its end. */
static int stays(void *arg, void *reply, struct berth_err *err)
{
	static const char bytes[4096];
	struct stat st;
	int fd = 3;

	while (fstat(fd, &st) < 0)
		fd++;
	if (*(size_t *)arg > 0)
		(void)!write(fd, bytes, *(size_t *)arg);
	else
		(void)close(fd);
	return sleeps(NULL, reply, err);
}

START_TEST(stayed)
{
	static const struct { size_t n; const char *text; } rows[] = {
		{ 100, "was ended" },
		{ 0, "was killed" },
		{ 4096, NULL },
	};
	int p[2];

	ck_assert_int_eq(pipe2(p, O_CLOEXEC), 0);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		cleanup(cell_done) struct cell c = CELL_INIT;
		struct berth_err err = BERTH_ERR_INIT;
		struct reply r = { .number = 1 };
		size_t n = rows[i].n;
		pid_t pid, waker = 0;

		ck_assert_int_eq(cell_start(&c, stays, &n, NULL, 0, sizeof(r), &err), 0);
		pid = c.pid;
		if (i == 0) {
			/* after the first bytes were read */
			waker = fork();
			if (waker == 0) {
				(void)usleep(200000);
				(void)!write(p[1], "x", 1);
				_exit(0);
			}
		}
		ck_assert_int_eq(cell_wait(&c, i == 0 ? p[0] : -1, &r, sizeof(r), &err), rows[i].text ? -1 : 0);
		ck_assert_msg(!rows[i].text || strstr(err.text, rows[i].text), "%zu: %s", i, err.text);
		ck_assert_int_eq(kill(pid, 0), -1);
		if (waker > 0)
			ck_assert_int_eq(waitpid(waker, NULL, 0), waker);
	}
	(void)close(p[0]);
	(void)close(p[1]);
}
END_TEST

/* It does not outlive who started it. */
START_TEST(orphan)
{
	pid_t starter, pid = 0;
	int p[2], status;

	ck_assert_int_eq(prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), 0);
	ck_assert_int_eq(pipe2(p, O_CLOEXEC), 0);
	starter = fork();
	if (starter == 0) {
		struct cell c = CELL_INIT;
		struct berth_err err = BERTH_ERR_INIT;

		if (cell_start(&c, sleeps, NULL, NULL, 0, sizeof(struct reply), &err) < 0)
			_exit(1);
		(void)!write(p[1], &c.pid, sizeof(c.pid));
		(void)usleep(50000); /* else it may not have asked for the signal yet, and looks for us itself */
		_exit(0);
	}
	ck_assert_int_eq((int)read(p[0], &pid, sizeof(pid)), (int)sizeof(pid));
	ck_assert_int_eq(waitpid(starter, &status, 0), starter);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	(void)close(p[0]);
	(void)close(p[1]);
}
END_TEST

int main(void)
{
	TCase *c = tcase_create("cell");

	tcase_set_timeout(c, 60);
	tcase_add_test(c, works);
	tcase_add_test(c, failures);
	tcase_add_test(c, descriptors);
	tcase_add_test(c, shut_in);
	tcase_add_test(c, file_size);
	tcase_add_test(c, cancelled);
	tcase_add_test(c, stayed);
	tcase_add_test(c, orphan);
	return unit_run("cell", c);
}
