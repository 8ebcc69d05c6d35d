/* SPDX-License-Identifier: BSD-3-Clause */
/* main.c - run every case in a process of its own and speak TAP. */
#include "config.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/spank/host.h"

static void remove_dir(const char *dir)
{
	static const char *const names[] = { "libexec/berth-launcher", "libexec/berth-image", "image.sqfs", "fifo", "bad" };
	char path[256];
	DIR *d;
	const struct dirent *e;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
		(void)unlink(path);
	}
	d = opendir(dir);
	while (d && (e = readdir(d)))
		if (e->d_name[0] != '.' && unlinkat(dirfd(d), e->d_name, 0) < 0)
			(void)unlinkat(dirfd(d), e->d_name, AT_REMOVEDIR);
	if (d)
		(void)closedir(d);
	(void)rmdir(dir);
}

static void set_up(void)
{
	char path[256];

	if (chmod(host.dir, 0755) < 0 || chdir(host.dir) < 0 ||
	    mkdir("libexec", 0755) < 0)
		fail_case("cannot make %s", host.dir);
	(void)snprintf(path, sizeof(path), "libexec/berth-launcher");
	if (symlink(TEST_LAUNCHER, path) < 0)
		fail_case("cannot link the launcher");
}

/* In no state to go on anyway; what it started must not stay behind. */
static void on_alarm(int sig)
{
	(void)sig;
	fail_case("took longer than 30 s");
}

static void run_case(const struct test_case *c)
{
	(void)clearenv();
	(void)setenv("PATH", "/usr/bin:/bin", 1);
	(void)setenv("HOME", "/root", 1);
	set_up();
	(void)signal(SIGALRM, on_alarm);
	(void)alarm(30);
	host_load();
	host_setenv("PATH", "/host/bin");
	host_setenv("LD_PRELOAD", "/host/lib/evil.so");
	c->run();
	host_end_children();
	exit(0); /* not _exit(): the leak checker has its say */
}

static bool passes(const struct test_case *c)
{
	int status;
	bool ok;
	pid_t pid;

	(void)strcpy(host.dir, "/tmp/berth-spank.XXXXXX");
	if (!mkdtemp(host.dir))
		return false;
	memset(host.log, 0, sizeof(*host.log));
	(void)fflush(stdout);
	pid = fork();
	if (pid == 0)
		run_case(c);
	ok = pid > 0 && waitpid(pid, &status, 0) == pid && status == 0;
	host_end_children(); /* a detached launcher that was stopped is ours by now */
	remove_dir(host.dir);
	return ok;
}

static int run_all(const struct test_case *cases, const char *group, bool skip, int *number)
{
	int failed = 0;

	for (; cases->name; cases++) {
		bool ok = skip || passes(cases);

		printf("%sok %d - %s: %s%s\n", ok ? "" : "not ", ++*number, group, cases->name,
		       skip ? " # SKIP needs root" : "");
		failed += !ok;
	}
	return failed;
}

int main(void)
{
	int number = 0, failed;

	host.major = "22";
	host.minor = "05";
	host.job = 7;
	host.ntasks = 1;
	host.uid = host.gid = 2001;
	host.leave_fds = -1;
	host.argv[0] = (char *)(size_t)"true";
	host.argc = 1;
	host.multi_prog = (char *)(size_t)"unset";
	host.log = mmap(NULL, sizeof(*host.log), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (host.log == MAP_FAILED)
		return 1;
	/* What a case leaves behind comes to us, and not to init: see passes(). */
	if (prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) < 0)
		return 1;
	failed = run_all(client_cases, "client", false, &number);
	failed += run_all(step_cases, "step", geteuid() != 0, &number);
	printf("1..%d\n", number);
	return failed != 0;
}
