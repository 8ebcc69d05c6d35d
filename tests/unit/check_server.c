/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * check_server.c - the guard and a server that is not what it should be (launcher/room/server.h).
 *
 * What would be executed is replaced: execve() and setsid(), which come last and last but one, are
 * this file's. Needs root, for the capability that the server keeps.
 */
#include "config.h"

#include <check.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "launcher/room/server.h"
#include "libimage/base/cleanup.h"
#include "libimage/base/err.h"
#include "libimage/base/imgfs_wire.h"
#include "tests/unit/unit.h"

enum { WAIT_MS = 100, SHORT_MS = 50, TRIES = 200 };

/* Shared with guard and server. */
static struct {
	void (*run)(char *const argv[], char *const envp[]);
	volatile pid_t server;
	volatile int sockets; /* that are open shortly before the execution */
} *page;

int execve(const char *path, char *const argv[], char *const envp[])
{
	(void)path;
	page->server = getpid();
	page->run(argv, envp);
	_exit(0);
}

pid_t setsid(void)
{
	struct stat st;
	int n = 0;

	for (int fd = 0; fd < 256; fd++)
		n += fstat(fd, &st) == 0 && S_ISSOCK(st.st_mode);
	page->sockets = n;
	return (pid_t)syscall(SYS_setsid);
}

/* No case waits for long. */
int poll(struct pollfd *fds, nfds_t n, int ms)
{
	struct timespec ts = { 0, (ms < WAIT_MS ? ms : WAIT_MS) * 1000000L };

	return (int)syscall(SYS_ppoll, fds, n, ms < 0 ? NULL : &ts, NULL, 0);
}

static void hang(char *const argv[], char *const envp[])
{
	(void)argv;
	(void)envp;
	for (;;)
		(void)pause();
}

static void end(char *const argv[], char *const envp[])
{
	(void)syscall(SYS_execve, "/bin/true", argv, envp);
}

static void stay(char *const argv[], char *const envp[])
{
	static char sleep[] = "sleep", seconds[] = "60";
	char *const words[] = { sleep, seconds, NULL };

	(void)argv;
	(void)syscall(SYS_execve, "/bin/sleep", words, envp);
}

static void say(void)
{
	struct imgfs_reply reply = { .magic = IMGFS_MAGIC };

	(void)berth_fail(&reply.err, BERTH_EDENIED, 0, "the server's own words");
	(void)send(IMGFS_CONTROL_FD, &reply, sizeof(reply), MSG_NOSIGNAL);
}

static void refuse(char *const argv[], char *const envp[])
{
	(void)argv;
	(void)envp;
	say();
}

/* Once it has been given its work, which it leaves there. */
static void refuse_late(char *const argv[], char *const envp[])
{
	struct pollfd p = { .fd = IMGFS_CONTROL_FD, .events = POLLIN };

	(void)argv;
	(void)envp;
	(void)poll(&p, 1, -1);
	say();
}

static struct server server;
static struct berth_err err;

static void spawn(void (*run)(char *const argv[], char *const envp[]))
{
	static const struct server_ids ids = { .uid = (uid_t)-1 };

	server = (struct server)SERVER_NONE;
	page = mmap(NULL, sizeof(*page), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ck_assert_ptr_ne(page, MAP_FAILED);
	page->run = run;
	ck_assert_int_eq(prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), 0);
	ck_assert_int_eq(server_spawn(&server, &ids, &err), 0);
	for (int i = 0; i < TRIES && page->server == 0; i++)
		(void)poll(NULL, 0, SHORT_MS);
	ck_assert_int_gt(page->server, 0);
}

static int start(void)
{
	cleanup_close int fd = memfd_create("image", MFD_CLOEXEC);

	return server_start(&server, fd, fd, NULL, 0, 0, WAIT_MS, &err);
}

/* Guard (0: not looked at) and server are gone, the latter by SIGKILL. */
static void gone(pid_t guard)
{
	int status = 0;

	if (guard > 0)
		ck_assert_int_eq(kill(guard, 0), -1);
	ck_assert_int_eq(waitpid(page->server, &status, __WALL), page->server);
	ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

/* Its directory's file system does not answer, say. */
START_TEST(never_executed)
{
	pid_t guard;

	spawn(hang);
	guard = server.guard;
	ck_assert_int_eq(server_watch(&server, SHORT_MS, &err), 0);
	ck_assert_int_eq(start(), -1);
	ck_assert_int_eq(err.sys, ETIMEDOUT);
	server_done(&server);
	gone(guard);
}
END_TEST

START_TEST(stopped)
{
	pid_t guard;

	spawn(hang);
	guard = server.guard;
	ck_assert_int_eq(kill(page->server, SIGSTOP), 0);
	ck_assert_int_eq(start(), -1);
	server_done(&server);
	gone(guard);
}
END_TEST

/* A guard that does not answer: it sleeps until its server's execution. */
START_TEST(guard_stopped)
{
	pid_t number = 0;

	spawn(hang);
	/* The server's own message is not the guard's answer. */
	ck_assert_int_eq(recv(server.settle, &number, sizeof(number), 0), sizeof(number));
	ck_assert_int_eq(number, page->server);
	ck_assert_int_eq(server_pid(&server, &err), -1);
	ck_assert_int_eq(server.guard, 0);
	ck_assert_int_eq(kill(number, SIGKILL), 0);
}
END_TEST

START_TEST(only_its_socket)
{
	spawn(hang);
	ck_assert_int_eq(page->sockets, 1);
	server_done(&server);
}
END_TEST

/* What nobody asked about lies unread in the caller's end, and does not kill the server. */
START_TEST(lives_on)
{
	for (int i = 0; i < 5; i++) {
		spawn(stay);
		ck_assert_int_eq(server_watch(&server, WAIT_MS * 100, &err), 0);
		ck_assert_int_eq(server_release(&server, &err), 0);
		server_settle(&server);
		(void)poll(NULL, 0, SHORT_MS);
		ck_assert_int_eq(waitpid(page->server, NULL, WNOHANG), 0);
		ck_assert_int_eq(kill(page->server, SIGKILL), 0);
		gone(0);
	}
}
END_TEST

/* Who ignores SIGCHLD has an heir who does. */
START_TEST(number_is_kept)
{
	char path[32], text[64] = "";
	FILE *f;

	ck_assert(signal(SIGCHLD, SIG_IGN) != SIG_ERR);
	spawn(end);
	(void)snprintf(path, sizeof(path), "/proc/%d/stat", page->server);
	for (int i = 0; i < TRIES && !strstr(text, ") Z"); i++) {
		f = fopen(path, "re");
		ck_assert_msg(f != NULL, "the server was reaped");
		ck_assert_ptr_nonnull(fgets(text, sizeof(text), f));
		(void)fclose(f);
		(void)poll(NULL, 0, SHORT_MS);
	}
	ck_assert_ptr_nonnull(strstr(text, ") Z"));
	/* And no other one later. */
	f = fopen(path, "re");
	ck_assert_msg(f != NULL, "the server was reaped");
	(void)fclose(f);
	server_done(&server);
}
END_TEST

static void (*const refusals[])(char *const argv[], char *const envp[]) = { refuse, refuse_late };

START_TEST(own_words)
{
	struct pollfd p;

	spawn(refusals[_i]);
	p = (struct pollfd){ .fd = server.control };
	if (refusals[_i] == refuse)
		while (poll(&p, 1, SHORT_MS) == 0)
			;
	ck_assert_int_eq(start(), -1);
	ck_assert_str_eq(err.text, "the server's own words");
	ck_assert_int_eq(err.code, BERTH_EDENIED);
	server_done(&server);
}
END_TEST

START_TEST(no_words)
{
	spawn(end);
	ck_assert_int_eq(start(), -1);
	ck_assert_str_eq(err.text, "the image server died at its start");
	ck_assert_int_eq(server.guard, 0);
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("server");

	if (geteuid() != 0)
		return 77;
	tcase_add_test(tc, never_executed);
	tcase_add_test(tc, stopped);
	tcase_add_test(tc, guard_stopped);
	tcase_add_test(tc, only_its_socket);
	tcase_add_test(tc, lives_on);
	tcase_add_test(tc, number_is_kept);
	tcase_add_loop_test(tc, own_words, 0, ARRAY_SIZE(refusals));
	tcase_add_test(tc, no_words);
	return unit_run("server", tc);
}
