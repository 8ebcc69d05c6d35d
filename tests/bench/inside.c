/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * inside.c - the clock of imgfs: run commands where it stands, say what they cost.
 *
 *   LAUNCHER... inside UID         the launcher has mounted an image in a namespace of its own
 *
 * Standard input: a request a line, words separated by tabs: COPIES CMD ARG... A word "%" becomes
 * the copy's number, from 0. The copies run at the same time with that uid and gid, no groups,
 * standard output to nowhere. Standard output: "ready PID SERVER" once (SERVER: IMGFS_PID, or 0),
 * then for each request "WALL COPIES_CPU SERVER_CPU", nanoseconds; or "failed STATUS", and the end.
 *
 * The clock runs from before the first fork() until the last copy was waited for. It ends with its
 * standard input, and the namespace and the mount with it.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <grp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { WORDS_MAX = 64 }; /* LIMIT: a command of a table has some ten */

static uint64_t read_clock(clockid_t clock)
{
	struct timespec ts;

	if (clock_gettime(clock, &ts) < 0)
		return 0;
	return (uint64_t)ts.tv_sec * 1000000000ULL + (uint64_t)ts.tv_nsec;
}

/* CPU time of all threads of a process, of those that have ended too. */
static uint64_t server_cpu(pid_t server)
{
	clockid_t clock;

	if (server <= 0 || clock_getcpuclockid(server, &clock) != 0)
		return 0;
	return read_clock(clock);
}

static uint64_t cpu_of(const struct rusage *ru)
{
	return ((uint64_t)ru->ru_utime.tv_sec + (uint64_t)ru->ru_stime.tv_sec) * 1000000000ULL +
	       ((uint64_t)ru->ru_utime.tv_usec + (uint64_t)ru->ru_stime.tv_usec) * 1000ULL;
}

static _Noreturn void child(char **argv, unsigned int number, uid_t uid, int null_fd)
{
	char text[16];

	(void)snprintf(text, sizeof(text), "%u", number);
	for (char **word = argv; *word; word++)
		if (strcmp(*word, "%") == 0)
			*word = text;
	if (dup2(null_fd, STDIN_FILENO) < 0 || dup2(null_fd, STDOUT_FILENO) < 0)
		_exit(126);
	if (setgroups(0, NULL) < 0 || setresgid(uid, uid, uid) < 0 || setresuid(uid, uid, uid) < 0)
		_exit(126);
	(void)execvp(argv[0], argv);
	_exit(127);
}

/* One request: 0, or the status of a copy that failed. */
static int sample(char **argv, unsigned int copies, uid_t uid, pid_t server, int null_fd)
{
	uint64_t cpu = 0, before = server_cpu(server), start = read_clock(CLOCK_MONOTONIC), end;
	unsigned int left = copies;
	int failed = 0;

	for (unsigned int i = 0; i < copies; i++) {
		pid_t pid = fork();

		if (pid < 0)
			exit(1);
		if (pid == 0)
			child(argv, i, uid, null_fd);
	}
	while (left > 0) {
		struct rusage ru;
		int status;
		pid_t pid = wait4(-1, &status, 0, &ru);

		if (pid < 0)
			exit(1);
		/* a server that the launcher has forked is a child too, and must not end */
		if (status != 0)
			failed = status;
		if (pid == server)
			return failed ? failed : 1;
		cpu += cpu_of(&ru);
		left--;
	}
	end = read_clock(CLOCK_MONOTONIC);
	if (failed)
		return failed;
	printf("%llu %llu %llu\n", (unsigned long long)(end - start), (unsigned long long)cpu,
	       (unsigned long long)(server_cpu(server) - before));
	return 0;
}

static int split(char *line, char **words)
{
	int n = 0;

	line[strcspn(line, "\n")] = '\0';
	for (char *word = strtok(line, "\t"); word && n < WORDS_MAX; word = strtok(NULL, "\t"))
		words[n++] = word;
	words[n] = NULL;
	return n;
}

int main(int argc, char **argv)
{
	const char *text = getenv("IMGFS_PID");
	pid_t server = text ? (pid_t)atol(text) : 0;
	int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	char *line = NULL, *words[WORDS_MAX + 1];
	size_t room = 0;

	if (argc != 2 || null_fd < 0)
		return 2;
	(void)setvbuf(stdout, NULL, _IOLBF, 0);
	printf("ready %d %d\n", (int)getpid(), (int)server);
	while (getline(&line, &room, stdin) > 0) {
		int failed;

		if (split(line, words) < 2)
			return 2;
		failed = sample(words + 1, (unsigned int)atoi(words[0]), (uid_t)atol(argv[1]), server, null_fd);
		if (failed) {
			printf("failed %d\n", failed);
			return 1;
		}
	}
	return 0;
}
