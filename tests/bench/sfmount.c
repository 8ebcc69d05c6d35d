/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * sfmount.c - mount an image through squashfuse_ll as imgfs-mount does through berth-imgfs.
 *
 *   sfmount N SERVER ARG... DIR CMD...        as root; SERVER and its N - 1 words mount at DIR
 *
 * The server runs in the foreground (-f) and dies with the command. The command has the mount in
 * a namespace of its own and the server's process id in IMGFS_PID.
 */
#define _GNU_SOURCE
#include <linux/magic.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { POLL_NS = 100 * 1000 }; /* a twentieth of what squashfuse_ll takes to start */

static _Noreturn void die(const char *what)
{
	perror(what);
	exit(99);
}

static pid_t start_server(char **words, int n, const char *dir)
{
	char **argv = calloc((size_t)n + 2, sizeof(*argv));
	pid_t pid = fork();

	if (pid < 0 || !argv)
		die("fork");
	if (pid > 0) {
		free(argv);
		return pid;
	}
	for (int i = 0; i < n; i++)
		argv[i] = words[i];
	argv[n] = (char *)dir;
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
		die("prctl");
	(void)execvp(argv[0], argv);
	die(argv[0]);
}

int main(int argc, char **argv)
{
	int n = argc > 1 ? atoi(argv[1]) : 0;
	const char *dir;
	char text[16];
	pid_t pid;

	if (n < 1 || argc < n + 4)
		return 2;
	dir = argv[2 + n];
	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_PRIVATE | MS_REC, NULL) < 0)
		die("unshare");
	pid = start_server(argv + 2, n, dir);
	for (;;) {
		struct timespec rest = { 0, POLL_NS };
		struct statfs fs;

		if (statfs(dir, &fs) == 0 && fs.f_type == FUSE_SUPER_MAGIC)
			break;
		if (waitpid(pid, NULL, WNOHANG) != 0)
			return 98;
		(void)nanosleep(&rest, NULL);
	}
	(void)snprintf(text, sizeof(text), "%d", (int)pid);
	(void)setenv("IMGFS_PID", text, 1);
	(void)execvp(argv[3 + n], argv + 3 + n);
	die(argv[3 + n]);
}
