/* SPDX-License-Identifier: BSD-3-Clause */
/* pidns.c - the two processes around a program with a PID namespace; see pidns.h. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "launcher/room/fds.h"
#include "launcher/room/pidns.h"
#include "libimage/base/cleanup.h"
#include "libimage/base/err.h"

enum { EXIT_SIGNAL = 128, EXIT_LOST = 255 };

/* The child and what is known of the program's end. */
struct watch {
	pid_t child;
	int signals, report; /* descriptors */
	bool ended;
	int status; /* as wait(2) has it, once 'ended' */
};

/* All signals, for who waits for them; 'before' gets the mask that the program shall have. */
static int block_all(sigset_t *before)
{
	sigset_t all;

	(void)sigfillset(&all);
	return sigprocmask(SIG_SETMASK, &all, before);
}

/* End as the program did: by the same signal, or with the same status. */
static _Noreturn void end_as(int status)
{
	static const struct rlimit no_core;
	sigset_t none;

	if (WIFEXITED(status))
		_exit(WEXITSTATUS(status));
	/* The program has dumped core, if anything has. */
	(void)setrlimit(RLIMIT_CORE, &no_core);
	(void)signal(WTERMSIG(status), SIG_DFL);
	(void)raise(WTERMSIG(status));
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	_exit(EXIT_SIGNAL + WTERMSIG(status));
}

/* The program stopped: so do we, for the shell to see. Whoever lets us go on means the program. */
static void stop_too(const struct watch *w)
{
	(void)raise(SIGSTOP);
	(void)kill(w->child, SIGCONT);
}

/* What pid 1 has said of the program, which is not our child. */
static void hear(struct watch *w)
{
	int status;
	ssize_t n;

	while ((n = read(w->report, &status, sizeof(status))) == sizeof(status)) {
		w->ended = !WIFSTOPPED(status);
		w->status = status;
		if (!w->ended)
			stop_too(w);
	}
	if (n == 0)
		cleanup_close_fn(&w->report);
}

static void look_at_children(struct watch *w)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG | WUNTRACED | __WALL)) > 0) {
		if (pid != w->child)
			continue; /* the image server's guard */
		if (WIFSTOPPED(status)) {
			stop_too(w);
			continue;
		}
		/* Said before it ended, and more exact: pid 1 cannot end by a signal of its own. */
		hear(w);
		end_as(w->ended ? w->status : status);
	}
}

/*
 * KERNEL: what the terminal sends (SI_KERNEL) reaches the whole process group, the program in it,
 * which would get it twice; what kill(2) sends to us alone is meant for the program.
 */
static void pass_on(struct watch *w)
{
	struct signalfd_siginfo info;

	if (read(w->signals, &info, sizeof(info)) != sizeof(info))
		return;
	if (info.ssi_signo == SIGCHLD)
		look_at_children(w);
	else if (info.ssi_code != SI_KERNEL || info.ssi_signo == SIGCONT)
		(void)kill(w->child, (int)info.ssi_signo);
}

static _Noreturn void supervise(pid_t child, int report)
{
	struct watch w = { .child = child, .report = report };
	sigset_t all;

	(void)sigfillset(&all);
	w.signals = signalfd(-1, &all, SFD_CLOEXEC | SFD_NONBLOCK);
	if (w.signals < 0 || fds_keep((const int[]){ w.signals, w.report }, 2) < 0) {
		(void)kill(child, SIGKILL);
		_exit(EXIT_LOST);
	}
	for (;;) {
		struct pollfd p[2] = { { .fd = w.signals, .events = POLLIN },
				       { .fd = w.report, .events = POLLIN } };

		if (poll(p, 2, -1) < 0)
			continue;
		if (p[1].revents)
			hear(&w);
		if (p[0].revents)
			pass_on(&w);
	}
}

/* In the child: die with the caller's process, even if that is dead by now. */
static int bind_life(int report)
{
	struct pollfd p = { .fd = report };

	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
		return -1;
	return poll(&p, 1, 0) == 0 ? 0 : -1;
}

int pidns_fork(int *ret_report, struct berth_err *err)
{
	cleanup_close int hears = -1, tells = -1;
	sigset_t before;
	int report[2];
	pid_t child;

	if (pipe2(report, O_CLOEXEC) < 0)
		return berth_fail(err, BERTH_ESYS, errno, "cannot make a pipe");
	hears = report[0];
	tells = report[1];
	(void)fcntl(hears, F_SETFL, O_NONBLOCK);
	if (block_all(&before) < 0)
		return berth_fail(err, BERTH_ESYS, errno, "cannot block signals");
	child = fork();
	if (child < 0)
		return berth_fail(err, BERTH_ESYS, errno, "cannot fork");
	if (child > 0)
		supervise(child, take_fd(&hears));
	if (bind_life(tells) < 0)
		_exit(EXIT_LOST);
	(void)sigprocmask(SIG_SETMASK, &before, NULL);
	*ret_report = take_fd(&tells);
	return 0;
}

/* PRIV: in the user's own user namespace, or root for itself; only children are in the new one. */
int pidns_split(int *ret_report, struct berth_err *err)
{
	if (unshare(CLONE_NEWPID) < 0)
		return berth_fail(err, BERTH_ESYS, errno, "cannot make a PID namespace");
	return pidns_fork(ret_report, err);
}

/* Pid 1. KERNEL: signals that it has not blocked are lost where it handles none. */
static _Noreturn void reap(pid_t program, int report)
{
	sigset_t all;
	int status;
	pid_t pid;

	(void)sigfillset(&all);
	if (fds_keep(&report, 1) < 0)
		_exit(EXIT_LOST);
	for (;;) {
		siginfo_t info;
		int sig = sigwaitinfo(&all, &info);

		if (sig > 0 && sig != SIGCHLD && info.si_code != SI_KERNEL)
			(void)kill(program, sig);
		while ((pid = waitpid(-1, &status, WNOHANG | WUNTRACED)) > 0) {
			if (pid != program)
				continue;
			(void)!write(report, &status, sizeof(status));
			if (WIFEXITED(status))
				_exit(WEXITSTATUS(status));
			if (WIFSIGNALED(status))
				_exit(EXIT_SIGNAL + WTERMSIG(status));
		}
	}
}

int pidns_init(int report, struct berth_err *err)
{
	sigset_t before;
	pid_t program;

	if (block_all(&before) < 0)
		return berth_fail(err, BERTH_ESYS, errno, "cannot block signals");
	program = fork();
	if (program < 0)
		return berth_fail(err, BERTH_ESYS, errno, "cannot fork");
	if (program > 0)
		reap(program, report);
	(void)close(report);
	if (sigprocmask(SIG_SETMASK, &before, NULL) < 0)
		return berth_fail(err, BERTH_ESYS, errno, "cannot restore the signals");
	return 0;
}
