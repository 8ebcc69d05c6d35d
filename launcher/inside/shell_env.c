/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * shell_env.c - the environment that a shell leaves; see shell_env.h.
 *
 * How a shell's variables come back: it becomes another shell, which waits, and the kernel shows
 * with which environment that was started (/proc/PID/environ). So nothing is needed but /bin/sh,
 * and no output is parsed that differs from shell to shell ("export -p").
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "launcher/inside/shell_env.h"
#include "libimage/base/cleanup.h"
#include "libimage/base/err.h"
#include "libimage/base/fd.h"
#include "libimage/base/proc.h"

#define SHELL "/bin/sh"

/* What the text ends with. Numbers of one digit: dash reads no others before "<" and ">". */
#define READY "\nexec " SHELL " -c 'echo >&8; read berth_end <&9'\n"

enum {
	READY_FD = 8,
	END_FD = 9,
	SPARE_FD = 10,
	ENVIRON_MAX = 2 * 1024 * 1024, /* LIMIT: a quarter of the stack's usual limit bounds what exec takes */
};

struct shell {
	pid_t pid;
	int ready, end, pidfd, signals;
	sigset_t before;
};

static int failed(struct berth_err *err, const char *what)
{
	return berth_fail(err, BERTH_ESYS, errno, "cannot run a shell for the environment: %s", what);
}

/* In the child, so only what is safe after a fork. */
static void become_shell(const struct shell *s, int ready, int end, pid_t parent, char **argv, char *const *env)
{
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	int high_ready = fcntl(ready, F_DUPFD_CLOEXEC, SPARE_FD), high_end = fcntl(end, F_DUPFD_CLOEXEC, SPARE_FD);

	if (null < 0 || high_ready < 0 || high_end < 0 || setpgid(0, 0) < 0 ||
	    prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != parent || dup2(null, STDIN_FILENO) < 0 ||
	    dup2(STDERR_FILENO, STDOUT_FILENO) < 0 || dup2(high_ready, READY_FD) < 0 ||
	    dup2(high_end, END_FD) < 0 || sys_close_range(STDERR_FILENO + 1, READY_FD - 1, 0) < 0 ||
	    sys_close_range(END_FD + 1, ~0U, 0) < 0 || sigprocmask(SIG_SETMASK, &s->before, NULL) < 0)
		_exit(126);
	(void)execve(SHELL, argv, env);
	_exit(126);
}

/*
 * Start the shell. What would end or stop this process waits until the shell is gone: it has a
 * group of its own, so that all of it can be ended, and the terminal's ^C would not reach it.
 */
static int start(const char *text, char *const *env, struct shell *s, struct berth_err *err)
{
	static char shell[] = SHELL, option[] = "-c", name[] = "sh";
	cleanup_free char *copy = strdup(text);
	char *argv[] = { name, option, copy, NULL };
	int ready[2] = { -1, -1 }, end[2] = { -1, -1 };
	pid_t parent = getpid();
	sigset_t ends;

	if (access(shell, X_OK) < 0)
		return berth_fail(err, BERTH_ENOTFOUND, errno, "cannot run '%s'", shell);
	(void)sigemptyset(&ends);
	(void)sigaddset(&ends, SIGHUP);
	(void)sigaddset(&ends, SIGINT);
	(void)sigaddset(&ends, SIGQUIT);
	(void)sigaddset(&ends, SIGTERM);
	if (!copy || pipe2(ready, O_CLOEXEC) < 0 || pipe2(end, O_CLOEXEC) < 0 ||
	    (s->signals = signalfd(-1, &ends, SFD_CLOEXEC)) < 0 || sigprocmask(SIG_BLOCK, &ends, &s->before) < 0) {
		(void)failed(err, "descriptors");
	} else {
		s->pid = sys_fork_silent();
		if (s->pid == 0)
			become_shell(s, ready[1], end[0], parent, argv, env);
		if (s->pid < 0 || (s->pidfd = sys_pidfd_open(s->pid)) < 0)
			(void)failed(err, "a process");
		/* Either may be first; the other fails then, or finds it done. */
		if (s->pid > 0)
			(void)setpgid(s->pid, s->pid);
	}
	cleanup_close_fn(&ready[1]);
	cleanup_close_fn(&end[0]);
	s->ready = ready[0];
	s->end = end[1];
	return err->code == BERTH_OK ? 0 : -1;
}

/* End all of it, wherever it is; its status, or -1 if it had to be ended. */
static int finish(struct shell *s)
{
	siginfo_t info = { 0 };
	int status = -1;

	if (s->pid > 0) {
		bool over = waitid(P_PID, (id_t)s->pid, &info, WEXITED | WNOHANG | WNOWAIT | __WALL) == 0 &&
			    info.si_pid == s->pid;

		/* Not reaped yet, so the number of the group is still its own. */
		(void)kill(-s->pid, SIGKILL);
		(void)kill(s->pid, SIGKILL);
		if (waitpid(s->pid, &status, __WALL) < 0 || !over)
			status = -1;
		(void)sigprocmask(SIG_SETMASK, &s->before, NULL);
	}
	cleanup_close_fn(&s->ready);
	cleanup_close_fn(&s->end);
	cleanup_close_fn(&s->pidfd);
	cleanup_close_fn(&s->signals);
	return status;
}

static int64_t now_ms(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Wait for the second shell. Returns 1, 0: the first one ended, -1. */
static int wait_ready(const struct shell *s, unsigned int seconds, struct berth_err *err)
{
	struct pollfd fds[] = { { s->ready, POLLIN, 0 }, { s->pidfd, POLLIN, 0 }, { s->signals, POLLIN, 0 } };
	int64_t end = now_ms() + (int64_t)seconds * 1000;
	char byte;

	for (;;) {
		int64_t left = end - now_ms();
		int n = left > 0 ? poll(fds, ARRAY_SIZE(fds), left < INT32_MAX ? (int)left : INT32_MAX) : 0;

		if (n < 0 && errno != EINTR)
			return failed(err, "poll");
		if (n == 0 && left <= 0) {
			berth_fail(err, BERTH_EIMAGE, 0, "the scripts did not end within %u s", seconds);
			return berth_hint(err, "--runscript-timeout, for srun --container-runscript-timeout, gives "
					       "them more time");
		}
		if (n <= 0)
			continue;
		if (fds[2].revents)
			return berth_fail(err, BERTH_ESYS, EINTR, "the scripts were interrupted");
		if (fds[0].revents) {
			if (read(s->ready, &byte, 1) == 1)
				return 1;
			fds[0].fd = -1; /* the text closed it; what it does then, its end or the deadline tells */
		} else if (fds[1].revents) {
			return 0;
		}
	}
}

static bool is_kept(const char *pair)
{
	static const char *const own[] = { "PWD=", "OLDPWD=", "SHLVL=", "_=" };
	size_t n = strspn(pair, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_");

	for (size_t i = 0; i < ARRAY_SIZE(own); i++)
		if (str_after(pair, own[i]))
			return false;
	return n > 0 && pair[n] == '=' && !(pair[0] >= '0' && pair[0] <= '9');
}

static int read_environ(pid_t pid, struct strlist *ret, struct berth_err *err)
{
	char path[64];
	cleanup_free char *bytes = malloc(ENVIRON_MAX + 1);
	cleanup_close int fd = -1;
	ssize_t n;

	(void)snprintf(path, sizeof(path), "/proc/%ld/environ", (long)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 || !bytes ? -1 : fd_read_full(fd, bytes, ENVIRON_MAX);
	if (n < 0)
		return failed(err, "its environment cannot be read");
	bytes[n] = '\0';
	for (const char *p = bytes; p < bytes + n; p += strlen(p) + 1)
		if (is_kept(p))
			strlist_add(ret, p);
	return strlist_ok(ret) ? 0 : failed(err, "no memory");
}

int shell_env_run(const char *text, char *const *env, unsigned int seconds, struct strlist *ret,
		  struct berth_err *err)
{
	struct shell s = { .pid = -1, .ready = -1, .end = -1, .pidfd = -1, .signals = -1 };
	cleanup(strbuf_done) struct strbuf whole = STRBUF_INIT;
	int rc, status;

	strbuf_puts(&whole, text);
	strbuf_puts(&whole, READY);
	if (!strbuf_ok(&whole)) {
		errno = ENOMEM;
		return failed(err, "no memory");
	}
	rc = start(whole.text, env, &s, err);
	if (rc == 0)
		rc = wait_ready(&s, seconds ? seconds : SHELL_ENV_S, err);
	if (rc == 1 && read_environ(s.pid, ret, err) < 0)
		rc = -1;
	status = finish(&s);
	if (rc == 0)
		berth_fail(err, BERTH_EIMAGE, 0, "the shell ended before the scripts' end, with %s %d",
			   WIFSIGNALED(status) ? "signal" : "status",
			   WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
	return rc;
}
