/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * cmd_enter.c - berth enter PID [PROGRAM [ARG...]]: a second program where a running one is.
 *
 * For debuggers, profilers and a look around. This process becomes the program, as with exec; only
 * where the container has a pid namespace of its own it stays and waits, because who is to be in
 * one must be born there.
 */
#include "config.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "launcher/cli/absent.h"
#include "launcher/cli/cli.h"
#include "launcher/cli/persona.h"
#include "launcher/cli/status.h"
#include "launcher/room/attach.h"
#include "launcher/room/pidns.h"
#include "launcher/room/terminal.h"
#include "libimage/base/cleanup.h"
#include "libimage/base/err.h"
#include "libimage/base/num.h"
#include "libimage/base/program.h"

/* The value of the variable 'name' in 'env', or NULL. */
static const char *value_of(const struct strlist *env, const char *name)
{
	size_t n = strlen(name);

	for (size_t i = 0; i < env->n; i++)
		if (strncmp(env->v[i], name, n) == 0 && env->v[i][n] == '=')
			return env->v[i] + n + 1;
	return NULL;
}

/* The environment of the process, but the terminal and, for a shell, the prompt are ours. */
static int make_env(const struct strlist *from, bool shell, struct strlist *ret, struct berth_err *err)
{
	const char *term = getenv("TERM");
	char line[128];

	for (size_t i = 0; i < from->n; i++)
		if (!(term && str_after(from->v[i], "TERM=")) && !(shell && str_after(from->v[i], "PS1=")))
			strlist_add(ret, from->v[i]);
	if (term) {
		(void)snprintf(line, sizeof(line), "TERM=%s", term);
		strlist_add(ret, line);
	}
	if (shell) {
		(void)snprintf(line, sizeof(line), "PS1=%s", persona()->prompt);
		strlist_add(ret, line);
	}
	return strlist_ok(ret) ? 0 : berth_fail(err, BERTH_ESYS, ENOMEM, "cannot keep the environment");
}

static int become(char **words, const struct strlist *env, struct berth_err *err)
{
	char file[PATH_MAX];

	if (terminal_guard(err) < 0 || program_find(words[0], value_of(env, "PATH"), file, err) < 0)
		return -1;
	(void)execve(file, words, env->v);
	return berth_fail(err, errno == ENOENT ? BERTH_ENOTFOUND : errno == EACCES ? BERTH_EDENIED : BERTH_ESYS,
			  errno, "cannot run '%s'", file);
}

/* Returns only on failure. */
static int enter(pid_t pid, char **words, struct berth_err *err)
{
	cleanup(attach_target_done) struct attach_target t = ATTACH_TARGET_INIT;
	static char bash[] = "/bin/bash", norc[] = "--norc", sh[] = "/bin/sh";
	char *with_bash[] = { bash, norc, NULL }, *with_sh[] = { sh, NULL };
	cleanup(strlist_done) struct strlist env = STRLIST_INIT;
	const bool shell = !words[0];
	cleanup_close int report = -1;
	bool must_fork = false;

	if (attach_open(pid, &t, err) < 0 || make_env(&t.env, shell, &env, err) < 0 ||
	    attach_enter(&t, &must_fork, err) < 0)
		return -1;
	if (shell)
		words = access(bash, X_OK) == 0 ? with_bash : with_sh;
	/* Who is to be in a pid namespace must be born there; this process then ends as the program does. */
	if (must_fork && pidns_fork(&report, err) < 0)
		return -1;
	return become(words, &env, err);
}

int cmd_enter(int argc, char **argv)
{
	struct berth_err err = BERTH_ERR_INIT;
	uint64_t pid = 0;
	int at = 1;

	if (argc > 1 && strcmp(argv[1], "--") == 0)
		at++;
	else if (argc > 1 && argv[1][0] == '-' && argv[1][1] != '\0') {
		(void)absent_option("enter", argv[1], &err);
		return cli_fail("enter", &err);
	}
	if (at >= argc) {
		berth_fail(&err, BERTH_EUSAGE, 0, "enter: no process given");
		return cli_fail("enter", &err);
	}
	if (num_parse_u64(argv[at], INT_MAX, &pid) < 0 || pid == 0) {
		berth_fail(&err, BERTH_EUSAGE, 0, "enter: '%.100s' is not the number of a process", argv[at]);
		return cli_fail("enter", &err);
	}
	at++;
	if (at < argc && strcmp(argv[at], "--") == 0)
		at++;
	(void)enter((pid_t)pid, argv + at, &err);
	return cli_fail("enter", &err);
}
