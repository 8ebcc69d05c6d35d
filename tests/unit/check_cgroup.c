/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * check_cgroup.c - launcher and server follow a task on a real cgroup v2 tree, laid out as
 * Slurm's cgroup/v2 plugin does. Needs root and a cgroup2 mount it may write to; else skipped.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "launcher/priv/cgroup.h"
#include "libimage/base/cleanup.h"
#include "tests/unit/unit.h"

enum { JOB = 4100000, STEP = 3 };

static char top[PATH_MAX / 2];
static pid_t task, server;

static char *below(const char *rest, char out[PATH_MAX])
{
	(void)snprintf(out, PATH_MAX, "%s%s", top, rest);
	return out;
}

static int put(pid_t pid, const char *rest)
{
	char path[PATH_MAX], text[16];
	int n = snprintf(text, sizeof(text), "%d", pid);
	cleanup_close int fd = open(strcat(below(rest, path), "/cgroup.procs"), O_WRONLY | O_CLOEXEC);

	return fd >= 0 && write(fd, text, (size_t)n) == n ? 0 : -1;
}

static pid_t sleeper(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		for (;;)
			(void)pause();
	}
	return pid;
}

/* Is 'pid' in the cgroup below 'top' that 'rest' names? */
static bool is_in(pid_t pid, const char *rest)
{
	char path[64], line[PATH_MAX];
	cleanup_fclose FILE *f = NULL;

	(void)snprintf(path, sizeof(path), "/proc/%d/cgroup", pid);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f)) {
		line[strcspn(line, "\n")] = '\0';
		if (strncmp(line, "0::", 3) == 0 && strlen(line) > strlen(rest))
			return strcmp(line + strlen(line) - strlen(rest), rest) == 0;
	}
	return false;
}

static const char *const dirs[] = {
	"", "/job_4100000", "/job_4100000/step_3", "/job_4100000/step_3/slurm", "/job_4100000/step_3/user",
};

static void tree_remove(void)
{
	char path[PATH_MAX];

	for (int i = 0; i < 2; i++) {
		pid_t pid = i ? server : task;

		if (pid > 0) {
			(void)kill(pid, SIGKILL);
			(void)waitpid(pid, NULL, 0);
		}
	}
	(void)rmdir(below("/job_4100000/step_3/user/task_special", path));
	for (size_t i = ARRAY_SIZE(dirs); i-- > 0;)
		(void)rmdir(below(dirs[i], path));
}

/* Returns whether this machine lets us make it. */
static bool tree_make(void)
{
	static const char *const mounts[] = { "/sys/fs/cgroup/unified", "/sys/fs/cgroup" };
	char path[PATH_MAX];

	for (size_t i = 0; i < ARRAY_SIZE(mounts); i++) {
		(void)snprintf(path, sizeof(path), "%s/cgroup.controllers", mounts[i]);
		if (access(path, F_OK) < 0)
			continue;
		(void)snprintf(top, sizeof(top), "%s/berth-check-%d", mounts[i], getpid());
		for (size_t d = 0; d < ARRAY_SIZE(dirs); d++)
			if (mkdir(below(dirs[d], path), 0755) < 0)
				return false;
		task = sleeper();
		server = sleeper();
		return put(task, "/job_4100000/step_3/slurm") == 0 &&
		       put(server, "/job_4100000/step_3/slurm") == 0;
	}
	return false;
}

START_TEST(follow_when_it_is_there)
{
	const pid_t us[] = { server, 0 };
	char path[PATH_MAX];

	/* Slurm has not added the first task yet: nobody moves, and we are told to come again. */
	ck_assert_int_eq(cgroup_follow(task, JOB, STEP, us, 2), 1);
	ck_assert(is_in(server, "/step_3/slurm"));

	ck_assert_int_eq(mkdir(below("/job_4100000/step_3/user/task_special", path), 0755), 0);
	ck_assert_int_eq(cgroup_follow(task, JOB, STEP, us, 2), 0);
	ck_assert(is_in(server, "/step_3/user/task_special"));
	ck_assert(is_in(task, "/step_3/slurm"));

	/* another step's, another job's: not ours to enter */
	ck_assert_int_eq(cgroup_follow(task, JOB + 1, STEP, us, 2), 0);
	ck_assert(is_in(server, "/step_3/user/task_special"));
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("cgroup");
	int status = 77;

	/* LIMIT: 77 is automake's status for a test that was left out */
	if (tree_make()) {
		tcase_add_test(tc, follow_when_it_is_there);
		status = unit_run("cgroup", tc);
	} else {
		(void)puts("skipped: needs root and a cgroup2 mount to make directories in");
	}
	tree_remove();
	return status;
}
