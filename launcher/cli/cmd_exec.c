/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * cmd_exec.c - berth exec, run, shell and test: ask, enter, become the program.
 *
 * This process enters the room and then is the program: same pid, session, limits,
 * descriptors, umask and signals. Nothing stays between the caller and the program.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "launcher/cli/cli.h"
#include "launcher/cli/env_file.h"
#include "launcher/cli/flags.h"
#include "launcher/cli/image.h"
#include "launcher/cli/names.h"
#include "launcher/cli/persona.h"
#include "launcher/cli/resolve.h"
#include "launcher/cli/runscript.h"
#include "launcher/cli/status.h"
#include "launcher/inside/fit_locale.h"
#include "launcher/inside/image_env.h"
#include "launcher/room/pidns.h"
#include "launcher/room/room.h"
#include "launcher/room/terminal.h"
#include "launcher/view/options.h"
#include "launcher/view/reference.h"
#include "libimage/base/capture.h"
#include "libimage/base/cleanup.h"
#include "libimage/base/err.h"
#include "libimage/base/log.h"
#include "libimage/base/path.h"
#include "libimage/base/program.h"

enum { STAMPS_MAX = 512 }; /* LIMIT: eight phases of 40 characters fit */

struct job {
	const char *command; /* "exec" */
	struct room_spec spec;
	struct flags flags;
	struct room_stamps stamps;
	int report;  /* of room_begin() */
	bool told;   /* the error is another's, who prints it: a rank, or berth-image */
	struct capture got; /* what keeps the image of a registry there until the room has it open */
	int argc;    /* of the words after the flags: image and the program's */
	char **argv;
};

static void job_done(struct job *j)
{
	room_spec_done(&j->spec);
	capture_end(&j->got);
}

static int no_memory(struct berth_err *err)
{
	return berth_fail(err, BERTH_ESYS, ENOMEM, "cannot read the command line");
}

/* Where the caller is, and by which numbers the system knows him. */
static void fill_place(struct room_spec *spec)
{
	spec->uid = getuid();
	spec->gid = getgid();
	spec->cwd = getcwd(NULL, 0);
	/* The directory was removed, or lies outside of this root: there is nothing to bind. */
	if (spec->cwd && spec->cwd[0] != '/') {
		free(spec->cwd);
		spec->cwd = NULL;
	}
}

static int set_image(struct job *j, const char *text, struct berth_err *err)
{
	if (reference_is_fetched(text))
		return resolve_image(text, &j->spec, &j->got, &j->told, err);
	return image_path(text, j->spec.cwd, &j->spec.image, err);
}

/* Parse everything that was said. Returns 1 when --help was asked for, 0, or -1. */
static int job_parse(struct job *j, int argc, char **argv, int words, struct berth_err *err)
{
	const char *const *env = (const char *const *)environ;
	cleanup(bind_list_done) struct bind_list from_env = { 0 };
	const char *image;

	fill_place(&j->spec);
	if (options_from_env(env, &j->spec, err) < 0)
		return -1;
	from_env = j->spec.binds;
	j->spec.binds = (struct bind_list){ 0 };
	if (cli_global.verbose || cli_global.quiet) {
		j->spec.verbose = cli_global.verbose;
		j->spec.quiet = cli_global.quiet;
	}
	if (flags_parse(argc, argv, &j->spec, &j->flags, err) < 0)
		return -1;
	if (j->flags.help)
		return 1;
	if (bind_list_append(&j->spec.binds, &from_env, err) < 0)
		return -1;
	cli_log_level(j->spec.verbose, j->spec.quiet);
	if (j->spec.gpu)
		log_line(LOG_WARN, "the devices are there; the host's driver libraries are not added by this version: "
				   "bind them, or have them in the image");
	j->argc = argc - j->flags.first;
	j->argv = argv + j->flags.first;
	if (j->argc < 1)
		return berth_fail(err, BERTH_EUSAGE, 0, "%s: no image given", argv[0]);
	image = j->argv[0];
	/* "IMAGE -- PROGRAM" is what careful scripts write. */
	j->argc--;
	j->argv++;
	if (j->argc > 0 && strcmp(j->argv[0], "--") == 0) {
		j->argc--;
		j->argv++;
	}
	if (j->argc < words)
		return berth_fail(err, BERTH_EUSAGE, 0, "%s: no program given", argv[0]);
	return set_image(j, image, err);
}

/* The value of PATH in 'env'. */
static const char *path_of(const struct strlist *env)
{
	for (size_t i = 0; i < env->n; i++) {
		const char *value = str_after(env->v[i], "PATH=");

		if (value)
			return value;
	}
	return NULL;
}

/*
 * PWD in 'env': the caller's may name another directory than the one that programs start in, by a name
 * that is none inside, or not be there. What the user set for inside stays.
 */
static int set_pwd(struct strlist *env, const char *here, struct berth_err *err)
{
	const char *host = getenv("PWD");
	cleanup_free char *pair = NULL;

	if (asprintf(&pair, "PWD=%s", here) < 0) {
		pair = NULL;
		env->failed = true;
	}
	for (size_t i = 0; pair && i < env->n; i++) {
		const char *value = str_after(env->v[i], "PWD=");

		if (!value)
			continue;
		if (host && strcmp(value, host) == 0) {
			free(env->v[i]);
			env->v[i] = pair;
			pair = NULL;
		}
		return 0;
	}
	if (pair)
		strlist_add(env, pair);
	return strlist_ok(env) ? 0 : berth_fail(err, BERTH_ESYS, ENOMEM, "no memory for the environment");
}

/*
 * 'env' becomes the environment inside; 'program' is what will be executed, NULL: not known yet.
 */
static int enter(struct job *j, const char *program, struct strlist *env, struct berth_err *err)
{
	const struct room_spec *spec = &j->spec;
	cleanup(room_start_done) struct room_start start = ROOM_START_INIT;
	cleanup(site_done) struct site site = { 0 };
	char here[PATH_MAX];
	bool known;

	/* The site's file and the name service before the user namespace: in it nothing is root's, and
	 * winbind's module, for one, talks to no other's socket. Then what takes time in another process;
	 * the rest of what this one needs it finds out meanwhile. */
	if (env_files_load(&j->spec, err) < 0 || site_load(&site, err) < 0 || names_fill(&j->spec, err) < 0 ||
	    join_start(&start.join, spec, &site, err) < 0 || room_begin(spec, &start, &j->stamps, err) < 0)
		return -1;
	log_line(LOG_DETAIL, "image %s", spec->image);
	if (image_env_without((const char *const *)environ, spec, j->command, env, err) < 0)
		return -1;
	start.program = (struct prime_program){ program, path_of(env) };
	if (room_enter(spec, &site, &start, &j->stamps, err) < 0) {
		j->told = start.join.told;
		return -1;
	}
	capture_end(&j->got);
	j->report = start.report;
	if (spec->no_umask)
		(void)umask(022);
	if (room_chdir(spec, err) < 0)
		return -1;
	known = getcwd(here, sizeof(here)) && here[0] == '/';
	if (known && !spec->pwd && spec->cwd && !spec->contain && strcmp(here, spec->cwd) != 0)
		log_line(LOG_WARN, "'%s' is not in the image: starting in '%s'", spec->cwd, here);
	if (image_env((const char *const *)environ, spec, j->command, env, err) < 0 ||
	    (known && set_pwd(env, here, err) < 0))
		return -1;
	if (!spec->keep_locale)
		fit_locale((const char *const *)environ, spec, env);
	return 0;
}

/* A file that the kernel knows no way to start is a script without "#!", as execvp() has it. */
static void exec_script(const char *file, char **argv, char **env)
{
	static char shell[] = "/bin/sh";
	cleanup(strlist_done) struct strlist words = STRLIST_INIT;

	strlist_add(&words, shell);
	strlist_add(&words, file);
	for (char **a = argv + 1; *a; a++)
		strlist_add(&words, *a);
	if (!strlist_ok(&words)) {
		errno = ENOMEM;
		return;
	}
	(void)execve(shell, words.v, env);
}

/* Become the program; returns only on failure. argv is NULL-terminated. */
static int become(struct job *j, char **argv, struct strlist *env, struct berth_err *err)
{
	char file[PATH_MAX], text[STAMPS_MAX];

	if (program_find(argv[0], path_of(env), file, err) < 0)
		return -1;
	room_stamp(&j->stamps, PHASE_FOUND);
	if (j->spec.verbose) {
		room_stamps_format(&j->stamps, text, sizeof(text));
		log_line(LOG_DETAIL, "%s", text);
	}
	if (terminal_guard(err) < 0)
		return -1;
	if (j->spec.pid && !j->spec.no_init && pidns_init(j->report, err) < 0)
		return -1;
	(void)execve(file, argv, env->v);
	if (errno == ENOEXEC)
		exec_script(file, argv, env->v);
	berth_fail(err, errno == ENOENT ? BERTH_ENOTFOUND : errno == EACCES ? BERTH_EDENIED : BERTH_ESYS, errno,
		   "cannot run '%s'", file);
	if (errno == E2BIG)
		berth_hint(err, "arguments and environment together are too long; ulimit -s raises the limit");
	return -1;
}

static int executable(const char *path)
{
	return faccessat(AT_FDCWD, path, X_OK, AT_EACCESS) == 0;
}

static int exec_job(struct job *j, struct berth_err *err)
{
	cleanup(strlist_done) struct strlist env = STRLIST_INIT;

	if (enter(j, j->argv[0], &env, err) < 0)
		return -1;
	return become(j, j->argv, &env, err);
}

static int run_job(struct job *j, struct berth_err *err)
{
	cleanup(strlist_done) struct strlist env = STRLIST_INIT;
	cleanup_free char **words = calloc((size_t)j->argc + 2, sizeof(*words));
	static char shell[] = "/bin/sh";
	char script[PATH_MAX];
	int rc;

	if (!words)
		return no_memory(err);
	if (enter(j, NULL, &env, err) < 0)
		return -1;
	rc = runscript_find(&j->spec, j->command, script, err);
	if (rc < 0)
		return -1;
	words[0] = script;
	if (rc == 0 && strcmp(j->command, "test") == 0) {
		log_line(LOG_NOTE, "the image has no test");
		return 0;
	}
	if (rc == 0) {
		log_line(LOG_NOTE, "the image has no runscript: running %s", shell);
		words[0] = shell;
	}
	memcpy(words + 1, j->argv, (size_t)j->argc * sizeof(*words));
	return become(j, words, &env, err);
}

static int shell_job(struct job *j, struct berth_err *err)
{
	cleanup(strlist_done) struct strlist env = STRLIST_INIT;
	cleanup_free char *own = NULL, **words = calloc((size_t)j->argc + 3, sizeof(*words));
	static char bash[] = "/bin/bash", norc[] = "--norc", sh[] = "/bin/sh";
	size_t n = 0;

	if (!words)
		return no_memory(err);
	if (enter(j, NULL, &env, err) < 0)
		return -1;
	if (j->flags.shell) {
		own = strdup(j->flags.shell);
		if (!own)
			return no_memory(err);
		words[n++] = own;
	} else if (executable(bash)) {
		/* The host's ~/.bashrc speaks of the host's programs and would replace the prompt. */
		words[n++] = bash;
		words[n++] = norc;
	} else {
		words[n++] = sh;
	}
	memcpy(words + n, j->argv, (size_t)j->argc * sizeof(*words));
	return become(j, words, &env, err);
}

static int act(int argc, char **argv, int words, int (*run)(struct job *j, struct berth_err *err))
{
	cleanup(job_done) struct job j = { .spec = ROOM_SPEC_INIT, .got = CAPTURE_INIT };
	struct berth_err err = BERTH_ERR_INIT;
	int rc;

	room_stamp(&j.stamps, PHASE_START);
	j.command = argv[0];
	j.spec.prompt = persona()->prompt;
	rc = job_parse(&j, argc, argv, words, &err);

	if (rc > 0) {
		char help[] = "help", *ask[] = { help, argv[0], NULL };

		return cmd_help(2, ask);
	}
	if (rc < 0 || run(&j, &err) < 0) {
		if (j.told && !j.spec.verbose)
			return status_of(err.code);
		return cli_fail(argv[0], &err);
	}
	return STATUS_OK; /* no test to run; any program has taken this process */
}

int cmd_exec(int argc, char **argv)
{
	return act(argc, argv, 1, exec_job);
}

int cmd_run(int argc, char **argv)
{
	return act(argc, argv, 0, run_job);
}

int cmd_shell(int argc, char **argv)
{
	return act(argc, argv, 0, shell_job);
}

int cmd_test(int argc, char **argv)
{
	return act(argc, argv, 0, run_job);
}
