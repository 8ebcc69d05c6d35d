/* SPDX-License-Identifier: BSD-3-Clause */
/* check_growth.c - files that grow while they are read (libimage/base/growth.h): threads, processes, ends. */
#include "config.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "libimage/base/cleanup.h"
#include "libimage/base/err.h"
#include "libimage/base/fd.h"
#include "libimage/base/growth.h"
#include "tests/unit/unit.h"

enum { STEPS = 20000, STEP_BYTES = 7, READERS = 4 };

static struct growth *g;
static int fd = -1;

static void setup(void)
{
	g = growth_new();
	ck_assert_ptr_nonnull(g);
	fd = memfd_create("check_growth", MFD_CLOEXEC);
	ck_assert_int_ge(fd, 0);
}

static void teardown(void)
{
	g = growth_free(g);
	g = growth_free(g);
	cleanup_close_fn(&fd);
}

/* Byte 'at' of what the writer writes. */
static unsigned char byte_at(uint64_t at)
{
	return (unsigned char)(at * 31 + at / 251);
}

static bool write_all(enum growth_state state)
{
	uint64_t at = 0;

	for (int i = 0; i < STEPS; i++) {
		unsigned char buf[STEP_BYTES];

		for (size_t k = 0; k < sizeof(buf); k++)
			buf[k] = byte_at(at + k);
		if (fd_pwrite_full(fd, buf, sizeof(buf), (off_t)at) < 0)
			return false;
		at += sizeof(buf);
		growth_set(g, at);
	}
	growth_end(g, state);
	return true;
}

/* Read all there is; how many bytes were as they must be, or -1 and *err. */
static int64_t read_all(struct berth_err *err)
{
	struct growth_reader r = { .g = g, .fd = fd };
	struct source s = growth_source(&r);
	unsigned char buf[1000];
	int64_t at = 0;
	ssize_t n;

	while ((n = source_read(&s, buf, sizeof(buf), err)) > 0)
		for (ssize_t i = 0; i < n; i++)
			if (buf[i] == byte_at((uint64_t)at))
				at++;
	return n < 0 ? -1 : at;
}

static void *reader(void *arg)
{
	struct berth_err err = BERTH_ERR_INIT;

	*(int64_t *)arg = read_all(&err);
	return NULL;
}

START_TEST(threads)
{
	int64_t got[READERS] = { 0 };
	pthread_t id[READERS];

	for (int i = 0; i < READERS; i++)
		ck_assert_int_eq(pthread_create(&id[i], NULL, reader, &got[i]), 0);
	ck_assert(write_all(GROWTH_DONE));
	for (int i = 0; i < READERS; i++) {
		ck_assert_int_eq(pthread_join(id[i], NULL), 0);
		ck_assert_int_eq(got[i], (int64_t)STEPS * STEP_BYTES);
	}
}
END_TEST

static int ended(pid_t pid)
{
	int status = -1;

	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	return status;
}

/* The writer in one process, readers in others. */
START_TEST(processes)
{
	struct berth_err err = BERTH_ERR_INIT;
	pid_t pid[READERS];

	for (int i = 0; i < READERS; i++) {
		pid[i] = fork();
		if (pid[i] == 0)
			_exit(read_all(&err) == (int64_t)STEPS * STEP_BYTES ? 0 : 1);
	}
	ck_assert(write_all(GROWTH_DONE));
	for (int i = 0; i < READERS; i++)
		ck_assert_int_eq(ended(pid[i]), 0);
}
END_TEST

START_TEST(writer_is_killed)
{
	struct berth_err err = BERTH_ERR_INIT;
	pid_t writer = fork(), sleeper;
	int status;

	if (writer == 0) {
		growth_set(g, 3);
		(void)raise(SIGKILL);
	}
	status = ended(writer);
	ck_assert(WIFSIGNALED(status));
	sleeper = fork();
	if (sleeper == 0)
		_exit(read_all(&err) < 0 && err.code == BERTH_ENET ? 0 : 1);
	growth_end(g, GROWTH_FAILED); /* by who reaped it */
	ck_assert_int_eq(ended(sleeper), 0);
	ck_assert_int_eq(read_all(&err), -1);
	ck_assert_int_eq(err.code, BERTH_ENET);
	ck_assert_ptr_nonnull(strstr(err.text, "ended early"));
}
END_TEST

START_TEST(counts_and_states)
{
	struct berth_err err = BERTH_ERR_INIT;
	enum growth_state state = GROWTH_FAILED;

	growth_set(g, 5);
	ck_assert_uint_eq(growth_wait(g, 0, &state), 5);
	ck_assert_int_eq(state, GROWTH_MORE);
	ck_assert_uint_eq(growth_wait(g, 4, &state), 5);
	growth_end(g, GROWTH_DONE);
	ck_assert_uint_eq(growth_wait(g, 5, &state), 5);
	ck_assert_int_eq(state, GROWTH_DONE);
	ck_assert_uint_eq(growth_wait(g, 900, &state), 5);
	/* The count says 5 and the file has none: an error, not an end. */
	ck_assert_int_eq(read_all(&err), -1);
	ck_assert_int_eq(err.code, BERTH_ESYS);
}
END_TEST

/* Bytes behind the count are nobody's, and the end is the count's. */
START_TEST(no_further_than_the_count)
{
	struct berth_err err = BERTH_ERR_INIT;
	struct growth_reader r = { .g = g, .fd = fd };
	struct source s = growth_source(&r);
	char buf[16];

	ck_assert_int_eq(fd_pwrite_full(fd, "rightWRONG", 10, 0), 0);
	growth_set(g, 5);
	ck_assert_int_eq(source_read(&s, buf, sizeof(buf), &err), 5);
	growth_end(g, GROWTH_DONE);
	ck_assert_int_eq(source_read(&s, buf, sizeof(buf), &err), 0);
	ck_assert_int_eq(source_read(&s, buf, sizeof(buf), &err), 0);
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("growth");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, threads);
	tcase_add_test(tc, processes);
	tcase_add_test(tc, writer_is_killed);
	tcase_add_test(tc, counts_and_states);
	tcase_add_test(tc, no_further_than_the_count);
	return unit_run("growth", tc);
}
