/* SPDX-License-Identifier: BSD-3-Clause */
/* helper.c - docker-credential-NAME; see helper.h. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "libimage/base/cleanup.h"
#include "libimage/base/program.h"
#include "libimage/base/str.h"
#include "libimage/oci/json.h"
#include "libimage/registry/helper.h"
#include "libimage/registry/place.h"

enum {
	HELPER_MAX_MS = 60 * 1000,     /* LIMIT: it may ask the user to unlock something */
	HELPER_STAY_MS = 5 * 1000,     /* LIMIT: after its answer there is nothing left for it to do */
	HELPER_ANSWER_MAX = 64 * 1024, /* LIMIT: bytes; a token has a few KiB */
};

struct talk {
	pid_t pid;
	int fd; /* its standard input and output */
	char answer[HELPER_ANSWER_MAX];
	size_t n;
};

/* The user's variables but those with passwords of registries. Strings are the environment's. */
static char **variables(void)
{
	size_t n = 0, keep = 0;
	char **v;

	while (environ[n])
		n++;
	v = calloc(n + 1, sizeof(*v));
	for (size_t i = 0; v && i < n; i++)
		if (!strstr(environ[i], "DOCKER_PASSWORD=") && !strstr(environ[i], "DOCKER_USERNAME="))
			v[keep++] = environ[i];
	return v;
}

static int start(const char *name, const char *verb, struct talk *t, struct berth_err *err)
{
	cleanup_free char *program = NULL, **env = variables();
	char path[PATH_MAX];
	char *const argv[] = { path, (char *)(uintptr_t)verb, NULL };
	int pair[2];

	if (asprintf(&program, "docker-credential-%s", name) < 0)
		program = NULL;
	if (!program || !env)
		return berth_fail(err, BERTH_ESYS, ENOMEM, "cannot start a credential helper");
	if (program_find(program, getenv("PATH"), path, err) < 0)
		return berth_hint(err, "the file of logins names it; install it, or log in with another --authfile");
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return berth_fail(err, BERTH_ESYS, errno, "cannot start '%s'", program);
	t->pid = fork();
	if (t->pid == 0) {
		int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
		sigset_t none;

		(void)sigemptyset(&none);
		(void)sigprocmask(SIG_SETMASK, &none, NULL);
		(void)signal(SIGXFSZ, SIG_DFL);
		if (dup2(pair[1], 0) == 0 && dup2(pair[1], 1) == 1 && null >= 0 && dup2(null, 2) == 2)
			(void)execve(path, argv, env);
		_exit(127);
	}
	(void)close(pair[1]);
	t->fd = pair[0];
	if (t->pid < 0) {
		(void)close(pair[0]);
		return berth_fail(err, BERTH_ESYS, errno, "cannot start '%s'", program);
	}
	return 0;
}

/* Tell it 'text', and hear until it closes its end or the time is over. Returns 0 or -1 and errno. */
static int converse(struct talk *t, const char *text)
{
	int64_t end = clock_ms() + HELPER_MAX_MS;
	size_t left = strlen(text);

	for (;;) {
		struct pollfd p = { .fd = t->fd, .events = POLLIN | (left > 0 ? POLLOUT : 0) };
		int64_t wait = end - clock_ms();
		ssize_t n;

		if (wait <= 0 || poll(&p, 1, (int)wait) == 0) {
			errno = ETIMEDOUT;
			return -1;
		}
		if (left > 0 && (p.revents & POLLOUT)) {
			n = send(t->fd, text, left, MSG_NOSIGNAL | MSG_DONTWAIT);
			if (n < 0 && errno != EAGAIN && errno != EINTR)
				left = 0; /* it does not want to know; what it says counts */
			else if (n > 0)
				left -= (size_t)n, text += n;
			if (left == 0)
				(void)shutdown(t->fd, SHUT_WR);
		}
		if (!(p.revents & (POLLIN | POLLHUP | POLLERR)))
			continue;
		n = recv(t->fd, t->answer + t->n, sizeof(t->answer) - 1 - t->n, MSG_DONTWAIT);
		if (n == 0 || (n < 0 && errno == ECONNRESET))
			return 0;
		if (n > 0)
			t->n += (size_t)n;
		if (t->n == sizeof(t->answer) - 1) {
			errno = EMSGSIZE;
			return -1;
		}
	}
}

/* Its exit status, when it has closed its output; one that stays, or that nobody waits for, is killed. */
static int reap(struct talk *t, bool kill_it)
{
	cleanup_close int pidfd = (int)syscall(SYS_pidfd_open, t->pid, 0);
	struct pollfd p = { .fd = pidfd, .events = POLLIN };
	int status = 0;

	if (kill_it || poll(&p, 1, HELPER_STAY_MS) <= 0)
		(void)kill(t->pid, SIGKILL);
	while (waitpid(t->pid, &status, 0) < 0 && errno == EINTR)
		;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* One question. Returns 1; 0: it has nothing; or -1 and *err. The answer is in 't' until wiped. */
static int ask(const char *name, const char *verb, const char *text, struct talk *t, struct berth_err *err)
{
	char shown[200];
	int rc, status, sys;

	*t = (struct talk){ .fd = -1 };
	if (start(name, verb, t, err) < 0)
		return -1;
	rc = converse(t, text);
	sys = errno;
	(void)close(t->fd);
	status = reap(t, rc < 0);
	t->answer[t->n] = '\0';
	if (rc < 0)
		return berth_fail(err, BERTH_ENET, sys, "docker-credential-%s %s", name, verb);
	if (status == 0)
		return 1;
	if (strstr(t->answer, "credentials not found"))
		return 0;
	/* What it printed in place of a secret is its reason. */
	str_escape(t->answer, shown, sizeof(shown));
	return berth_fail(err, BERTH_EDENIED, 0, "docker-credential-%s %s failed%s%s", name, verb,
			  shown[0] ? ": " : "", shown);
}

int helper_get(const char *name, const char *key, struct credential *ret, struct berth_err *err)
{
	struct talk *t = calloc(1, sizeof(*t));
	int rc;

	if (!t)
		return berth_fail(err, BERTH_ESYS, ENOMEM, "cannot start a credential helper");
	rc = ask(name, "get", key, t, err);
	if (rc == 1 && credential_parse(t->answer, t->n, ret, err) < 0)
		rc = berth_context(err, "docker-credential-%s", name);
	explicit_bzero(t, sizeof(*t));
	free(t);
	return rc;
}

static int tell(const char *name, const char *verb, const char *text, struct berth_err *err)
{
	struct talk *t = calloc(1, sizeof(*t));
	int rc;

	if (!t)
		return berth_fail(err, BERTH_ESYS, ENOMEM, "cannot start a credential helper");
	rc = ask(name, verb, text, t, err);
	explicit_bzero(t, sizeof(*t));
	free(t);
	return rc;
}

int helper_store(const char *name, const char *key, const char *user, const char *password, struct berth_err *err)
{
	cleanup(strbuf_done) struct strbuf b = STRBUF_INIT;
	struct json_out o = { .text = &b };
	int rc;

	json_open(&o, '{');
	json_member(&o, "ServerURL", key);
	json_member(&o, "Username", user);
	json_member(&o, "Secret", password);
	json_close(&o, '}');
	rc = strbuf_ok(&b) ? tell(name, "store", b.text, err)
			   : berth_fail(err, BERTH_ESYS, ENOMEM, "cannot start a credential helper");
	if (b.text)
		explicit_bzero(b.text, b.len);
	return rc < 0 ? -1 : 0;
}

int helper_erase(const char *name, const char *key, struct berth_err *err)
{
	return tell(name, "erase", key, err) < 0 ? -1 : 0;
}
