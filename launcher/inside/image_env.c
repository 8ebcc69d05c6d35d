/* SPDX-License-Identifier: BSD-3-Clause */
/* image_env.c - run an image's environment scripts; see image_env.h. */
#include "config.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "launcher/inside/image_env.h"
#include "launcher/inside/shell_env.h"
#include "launcher/view/inside.h"
#include "libimage/base/cleanup.h"
#include "libimage/base/err.h"
#include "libimage/base/fd.h"
#include "libimage/base/log.h"
#include "libimage/base/path.h"

#define OLD_SCRIPT "/environment" /* of images made before Singularity 2.3 */
#define APPS "/scif/apps"

enum { SCRIPTS_MAX = 256 }; /* LIMIT: an image of Apptainer's has 6; a mistake is not to cost minutes */

struct image_script {
	char *path;
	char *text; /* NULL: too long to be plain */
	size_t n;
};

struct image_scripts {
	struct image_script *v;
	size_t n;
};

static void scripts_done(struct image_scripts *s)
{
	for (size_t i = 0; i < s->n; i++) {
		free(s->v[i].path);
		free(s->v[i].text);
	}
	free(s->v);
}

static void dir_done(DIR **d)
{
	if (*d)
		(void)closedir(*d);
}

static int no_memory(struct berth_err *err)
{
	return berth_fail(err, BERTH_ESYS, ENOMEM, "cannot read the image's environment");
}

/* Add the file 'fd', which is 'path', if it is a regular one. */
static int add(struct image_scripts *s, int fd, const char *path, struct berth_err *err)
{
	struct image_script *v;
	struct stat st;
	ssize_t n;

	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return 0;
	if (s->n == SCRIPTS_MAX) {
		berth_fail(err, BERTH_EIMAGE, 0, "more than %d scripts in '%s'", SCRIPTS_MAX, INSIDE_ENV_DIR);
		return berth_hint(err, "ask the image's author to put them into one");
	}
	v = reallocarray(s->v, s->n + 1, sizeof(*v));
	if (!v)
		return no_memory(err);
	s->v = v;
	v = &v[s->n++];
	*v = (struct image_script){ .path = strdup(path) };
	if (!v->path)
		return no_memory(err);
	if (st.st_size > SCRIPT_TEXT_MAX)
		return 0;
	v->text = malloc(SCRIPT_TEXT_MAX + 1);
	if (!v->text)
		return no_memory(err);
	/* As far as it goes: the file may be one of /proc, whose size says nothing. */
	n = fd_read_full(fd, v->text, SCRIPT_TEXT_MAX + 1);
	if (n < 0)
		return berth_fail(err, BERTH_EIMAGE, errno, "cannot read '%s'", path);
	v->n = (size_t)n;
	if (n > SCRIPT_TEXT_MAX) {
		free(v->text);
		v->text = NULL;
	}
	return 0;
}

static int by_path(const void *a, const void *b)
{
	return strcmp(((const struct image_script *)a)->path, ((const struct image_script *)b)->path);
}

static bool is_script(const char *name)
{
	size_t n = strlen(name);

	return name[0] != '.' && n > strlen(".sh") && strcmp(name + n - strlen(".sh"), ".sh") == 0;
}

/* A fifo must not be waited for, and what cannot be read is as if it were not there. */
static int open_script(int dir, const char *name)
{
	return openat(dir, name, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
}

static int load_dir(int fd, struct image_scripts *ret, struct berth_err *err)
{
	cleanup(dir_done) DIR *dir = fdopendir(fd);
	struct dirent *de;

	if (!dir) {
		(void)close(fd);
		return no_memory(err);
	}
	while ((de = readdir(dir))) {
		cleanup_free char *path = NULL;
		cleanup_close int file = -1;

		if (!is_script(de->d_name))
			continue;
		path = path_join(INSIDE_ENV_DIR, de->d_name);
		if (!path)
			return no_memory(err);
		file = open_script(dirfd(dir), de->d_name);
		if (file < 0)
			log_line(LOG_WARN, "cannot read '%s' of the image", path);
		else if (add(ret, file, path, err) < 0)
			return -1;
	}
	if (ret->n > 1)
		qsort(ret->v, ret->n, sizeof(*ret->v), by_path);
	return 0;
}

/* Returns 1, or 0: the image has no scripts. */
static int load(struct image_scripts *ret, struct berth_err *err)
{
	int fd = open(INSIDE_ENV_DIR, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	cleanup_close int old = -1;

	if (fd >= 0)
		return load_dir(fd, ret, err) < 0 ? -1 : 1;
	/* Any other reason says that there is something. */
	if (errno != ENOENT)
		return 0;
	old = open_script(AT_FDCWD, OLD_SCRIPT);
	return old < 0 ? 0 : add(ret, old, OLD_SCRIPT, err) < 0 ? -1 : 1;
}

/* After it PATH is completed: the script of an OCI image sets it as it was there. */
static bool sets_path(const char *path)
{
	return str_after(path, INSIDE_ENV_DIR "/10-docker") || strcmp(path, OLD_SCRIPT) == 0;
}

/* Returns 1, or 0 where not all are plain: 'vars' has what the plain ones do. */
static int run_plain(const struct image_scripts *s, struct script_vars *vars, struct berth_err *err)
{
	int all = 1;

	for (size_t i = 0; i < s->n; i++) {
		const struct image_script *v = &s->v[i];
		struct script_odd odd = { 1, "a text that is too long" };
		int rc = v->text ? script_run(v->text, v->n, vars, &odd, err) : 0;

		if (rc < 0 || (sets_path(v->path) && inside_fix_path(vars, err) < 0))
			return -1;
		if (rc == 0) {
			log_line(LOG_DETAIL, "'%s' is run by a shell: line %u: %s", v->path, odd.line, odd.what);
			all = 0;
		}
	}
	return all;
}

/* What a shell does as inside_fix_path() does. */
static void put_fix_path(struct strbuf *text)
{
	strbuf_puts(text, "for berth_dir in");
	for (const char *d = ENV_DEFAULT_PATH; *d; d += strspn(d, ":")) {
		size_t n = strcspn(d, ":");

		strbuf_puts(text, " ");
		strbuf_add(text, d, n);
		d += n;
	}
	strbuf_puts(text, "; do case :$PATH: in *:$berth_dir:*) ;; *) PATH=${PATH:+$PATH:}$berth_dir ;; esac; done\n"
			  "export PATH; unset berth_dir\n");
}

/* A name between single quotes. */
static void put_name(struct strbuf *text, const char *name)
{
	strbuf_puts(text, "'");
	for (const char *p = name; *p; p++)
		strbuf_add(text, *p == '\'' ? "'\\''" : p, *p == '\'' ? 4 : 1);
	strbuf_puts(text, "'");
}

/* The variables that 'env' has and 'before' had not, or with another value. */
static int take(const struct strlist *env, struct script_vars *vars, struct berth_err *err)
{
	for (size_t i = 0; i < env->n; i++) {
		size_t n = strcspn(env->v[i], "=");
		cleanup_free char *name = strndup(env->v[i], n);
		const char *value = env->v[i] + n + 1, *was;

		if (!name)
			return no_memory(err);
		was = script_vars_get(vars, name);
		if (was && strcmp(was, value) == 0 && strcmp(name, "PS1") != 0)
			continue;
		if (script_vars_set(vars, name, value, true, err) < 0)
			return -1;
		for (size_t k = 0; k < vars->n; k++)
			vars->v[k].assigned |= strcmp(vars->v[k].name, name) == 0;
	}
	return 0;
}

/* All of them, by the image's shell. 'vars' has what they start with. */
static int run_shell(const struct room_spec *spec, const struct image_scripts *s, struct script_vars *vars,
		     struct berth_err *err)
{
	cleanup(strlist_done) struct strlist start = STRLIST_INIT, end = STRLIST_INIT;
	cleanup(strbuf_done) struct strbuf text = STRBUF_INIT;
	int rc;

	for (size_t i = 0; i < vars->n; i++) {
		cleanup_free char *pair = NULL;

		if (!vars->v[i].exported || !vars->v[i].value)
			continue;
		if (asprintf(&pair, "%s=%s", vars->v[i].name, vars->v[i].value) < 0)
			pair = NULL;
		if (!pair)
			return no_memory(err);
		strlist_add(&start, pair);
	}
	/* Not by its environment: bash takes no prompt from there where nobody is to see it. */
	strbuf_printf(&text, "PS1='%s'\n", spec->prompt ? spec->prompt : INSIDE_PROMPT);
	for (size_t i = 0; i < s->n; i++) {
		strbuf_puts(&text, ". ");
		put_name(&text, s->v[i].path);
		strbuf_puts(&text, "\n");
		if (sets_path(s->v[i].path))
			put_fix_path(&text);
	}
	if (!strlist_ok(&start) || !strbuf_ok(&text))
		return no_memory(err);
	rc = shell_env_run(text.text, start.v, spec->eval_s, &end, err);
	return rc <= 0 ? rc : take(&end, vars, err) < 0 ? -1 : 1;
}

/* Run the scripts on 'vars'. */
static int run(const struct room_spec *spec, const struct image_scripts *s, struct script_vars *vars,
	       struct berth_err *err)
{
	cleanup(script_vars_done) struct script_vars plain = SCRIPT_VARS_INIT;
	struct berth_err why = BERTH_ERR_INIT;
	int rc;

	if (inside_vars(spec, vars, err) < 0 || inside_vars(spec, &plain, err) < 0)
		return -1;
	rc = run_plain(s, &plain, err);
	if (rc < 0)
		return -1;
	if (rc == 0) {
		rc = run_shell(spec, s, vars, &why);
		if (rc == 1)
			return 0;
		if (rc < 0 && why.code != BERTH_ENOTFOUND) {
			*err = why;
			return -1;
		}
		log_line(LOG_WARN, "some environment scripts of the image were not run: %s", why.text);
	}
	script_vars_done(vars);
	*vars = plain;
	plain = (struct script_vars)SCRIPT_VARS_INIT;
	return 0;
}

static int make(const char *const *host, const struct room_spec *spec, const char *command,
		struct script_vars *vars, bool scripts, struct strlist *ret, struct berth_err *err)
{
	cleanup(strlist_done) struct strlist literal = STRLIST_INIT;

	if (inside_env(host, spec, command, vars, scripts, ret, &literal, err) < 0)
		return -1;
	for (size_t i = 0; i < literal.n; i++)
		log_line(LOG_WARN, "%s is set as it stands: no command is run for a value (--no-eval: never "
			 "look)", literal.v[i]);
	return 0;
}

int image_env_without(const char *const *host, const struct room_spec *spec, const char *command,
		      struct strlist *ret, struct berth_err *err)
{
	cleanup(script_vars_done) struct script_vars vars = SCRIPT_VARS_INIT;

	if (inside_vars(spec, &vars, err) < 0)
		return -1;
	return make(host, spec, command, &vars, false, ret, err);
}

static int check_app(const char *app, struct berth_err *err)
{
	cleanup_free char *path = path_join(APPS, app);

	if (!path)
		return no_memory(err);
	if (access(path, F_OK) == 0)
		return 0;
	berth_fail(err, BERTH_ENOTFOUND, 0, "the image has no app '%s'", app);
	return berth_hint(err, "'berth inspect --list-apps' says which it has");
}

int image_env(const char *const *host, const struct room_spec *spec, const char *command, struct strlist *env,
	      struct berth_err *err)
{
	cleanup(script_vars_done) struct script_vars vars = SCRIPT_VARS_INIT;
	cleanup(scripts_done) struct image_scripts scripts = { 0 };
	int rc;

	if (spec->app && check_app(spec->app, err) < 0)
		return -1;
	rc = load(&scripts, err);
	if (rc <= 0)
		return rc;
	if (run(spec, &scripts, &vars, err) < 0)
		return -1;
	strlist_done(env);
	return make(host, spec, command, &vars, true, env, err);
}
