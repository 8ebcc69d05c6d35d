/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * main.c - berth-launcher: the root half of Berth under Slurm.
 *
 * Runs as:  root, started by spank_berth.so in slurmstepd; nobody else can make it do anything.
 * Uses:     libimage/base, launcher/room, launcher/view; libc only.
 * Promise:  parses nothing of the user's and opens nothing he named. It becomes the user in a
 *           child (opener.c) for all of that, and works on the descriptors that come back.
 */
#include "config.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "launcher/priv/step.h"
#include "launcher/room/drop.h"
#include "launcher/room/sys.h"
#include "libimage/base/cleanup.h"
#include "libimage/base/fd.h"
#include "libimage/base/step_wire.h"

enum { EXIT_USAGE = 1, EXIT_BERTH = 125 };

static int usage(FILE *to, int status)
{
	(void)fprintf(to, "usage: berth-launcher --step [--detach]\n"
			  "       berth-launcher --version\n"
			  "Started by Slurm's plugin spank_berth.so, see berth-launcher(8).\n");
	return status;
}

static void limit(int what, rlim_t soft)
{
	struct rlimit r;

	if (getrlimit((__rlimit_resource_t)what, &r) < 0)
		return;
	r.rlim_cur = r.rlim_max == RLIM_INFINITY || soft < r.rlim_max ? soft : r.rlim_max;
	if (what == RLIMIT_CORE)
		r.rlim_max = 0;
	(void)setrlimit((__rlimit_resource_t)what, &r);
}

/* Whatever we were started with, this is what the rest of the program finds. */
static int normalise(void)
{
	cleanup_close int oom = -1;

	for (int fd = 0; fd < 3; fd++)
		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDWR) != fd)
			return -1;
	if (sys_close_range(STEP_FD + 1, ~0U, 0) < 0 || clearenv() != 0 || chdir("/") < 0 ||
	    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		return -1;
	(void)umask(077);
	limit(RLIMIT_CORE, 0);
	limit(RLIMIT_FSIZE, RLIM_INFINITY);
	limit(RLIMIT_NOFILE, 4096); /* LIMIT: one descriptor a bind source, in the opener */
	drop_signals();
	/* SLURM: slurmstepd is at -1000, and nothing of a job's may survive the job's OOM kill. */
	oom = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
	if (oom >= 0)
		(void)fd_write_full(oom, "0", 1);
	return fcntl(STEP_FD, F_SETFD, FD_CLOEXEC);
}

/*
 * SLURM: slurmstepd waits for any child; when one ends that is no task, it sleeps 100 ms before it
 * looks at the others, and the step ends later by that. So its child ends at once, to be reaped
 * before there are tasks, and the work is done by one that is not its own.
 */
static void detach(void)
{
	/* Where no process can be had, the delay is all that is lost. */
	if (sys_fork_silent() > 0)
		_exit(0);
}

int main(int argc, char **argv)
{
	bool apart = argc == 3 && strcmp(argv[2], "--detach") == 0;
	struct stat st;

	if (argc == 2 && strcmp(argv[1], "--version") == 0) {
		(void)printf("berth-launcher %s\n", PACKAGE_VERSION);
		return 0;
	}
	if (argc == 2 && strcmp(argv[1], "--help") == 0)
		return usage(stdout, 0);
	if ((argc != 2 && !apart) || strcmp(argv[1], "--step") != 0)
		return usage(stderr, EXIT_USAGE);
	/* PRIV: never with other rights than the caller's own: this program is not setuid. */
	if (getuid() != geteuid() || getgid() != getegid() || geteuid() != 0 ||
	    fstat(STEP_FD, &st) < 0 || !S_ISSOCK(st.st_mode)) {
		(void)fprintf(stderr, "berth-launcher: --step is for slurmstepd: root, with a socket as "
				      "descriptor %d\n", STEP_FD);
		return EXIT_BERTH;
	}
	if (apart)
		detach();
	if (normalise() < 0)
		return EXIT_BERTH;
	return step_serve(STEP_FD);
}
