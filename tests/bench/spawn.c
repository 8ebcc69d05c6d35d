/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * spawn.c - the clock of the benchmarks: fork + exec + wait of several commands, interleaved.
 *
 *   spawn ROUNDS WARMUP GAP_MS SEED [--before CMD...] --row UID CMD... --row UID CMD...
 *
 * Every round runs each row once, in an order drawn anew, GAP_MS after the one before, so that
 * drift of the machine and what a command leaves behind hit all rows alike. WARMUP rounds are run
 * and not printed. UID -1: as who called; else with that uid and gid and no groups. CMD of
 * --before runs untimed before every sample. Standard output: "ROUND ROW NANOSECONDS" lines.
 *
 * The clock runs from before fork() to after waitpid(), CLOCK_MONOTONIC; no shell and no
 * interpreter are in between. A command that does not exit with 0 ends the run: a benchmark of
 * failures looks good.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { ROWS_MAX = 64 }; /* LIMIT: far more than a table has lines */

struct row {
	long id;
	char **argv;
};

static uint64_t state;

/* xorshift64: the order must be repeatable from SEED, on every libc. */
static uint64_t draw(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state;
}

static void shuffle(int *v, int n)
{
	for (int i = n - 1; i > 0; i--) {
		int j = (int)(draw() % (uint64_t)(i + 1)), t = v[i];

		v[i] = v[j];
		v[j] = t;
	}
}

static uint64_t now(void)
{
	struct timespec ts;

	if (clock_gettime(CLOCK_MONOTONIC, &ts) < 0)
		abort();
	return (uint64_t)ts.tv_sec * 1000000000ULL + (uint64_t)ts.tv_nsec;
}

static _Noreturn void child(const struct row *r, int null_fd)
{
	if (dup2(null_fd, STDIN_FILENO) < 0 || dup2(null_fd, STDOUT_FILENO) < 0)
		_exit(126);
	if (r->id >= 0 && (setgroups(0, NULL) < 0 || setresgid((gid_t)r->id, (gid_t)r->id, (gid_t)r->id) < 0 ||
			   setresuid((uid_t)r->id, (uid_t)r->id, (uid_t)r->id) < 0))
		_exit(126);
	(void)execvp(r->argv[0], r->argv);
	_exit(127);
}

/* One sample in nanoseconds; a failure is the end. */
static uint64_t sample(const struct row *r, int null_fd)
{
	uint64_t start = now(), end;
	int status;
	pid_t pid = fork();

	if (pid == 0)
		child(r, null_fd);
	if (pid < 0) {
		perror("spawn: fork");
		exit(1);
	}
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			abort();
	end = now();
	if (status != 0) {
		(void)fprintf(stderr, "spawn: '%s' ended with wait status 0x%x\n", r->argv[0], (unsigned int)status);
		exit(1);
	}
	return end - start;
}

static void rest(long ms)
{
	struct timespec ts = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L };

	while (nanosleep(&ts, &ts) < 0 && errno == EINTR)
		;
}

/* Cut argv at every --row and --before; returns the number of rows. */
static int rows_parse(int argc, char **argv, struct row *rows, struct row *before)
{
	int n = 0;

	for (int i = 5; i < argc; i++) {
		if (strcmp(argv[i], "--before") == 0 && i + 1 < argc) {
			*before = (struct row){ .id = -1, .argv = argv + i + 1 };
		} else if (strcmp(argv[i], "--row") == 0 && i + 2 < argc && n < ROWS_MAX) {
			rows[n++] = (struct row){ .id = atol(argv[i + 1]), .argv = argv + i + 2 };
		} else {
			continue;
		}
		argv[i] = NULL;
	}
	return n;
}

int main(int argc, char **argv)
{
	struct row rows[ROWS_MAX], before = { .argv = NULL };
	int order[ROWS_MAX], n, null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	long rounds, warmup, gap;

	if (argc < 8 || null_fd < 0 || (n = rows_parse(argc, argv, rows, &before)) == 0) {
		(void)fprintf(stderr, "usage: spawn ROUNDS WARMUP GAP_MS SEED [--before CMD...] --row UID CMD...\n");
		return 1;
	}
	rounds = atol(argv[1]);
	warmup = atol(argv[2]);
	gap = atol(argv[3]);
	state = strtoull(argv[4], NULL, 10) * 2654435761ULL + 1;
	for (int i = 0; i < n; i++)
		order[i] = i;
	for (long r = -warmup; r < rounds; r++) {
		shuffle(order, n);
		for (int i = 0; i < n; i++) {
			uint64_t ns;

			rest(gap);
			if (before.argv)
				(void)sample(&before, null_fd);
			ns = sample(&rows[order[i]], null_fd);
			if (r >= 0)
				(void)printf("%ld %d %llu\n", r, order[i], (unsigned long long)ns);
		}
	}
	return 0;
}
