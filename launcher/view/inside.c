/* SPDX-License-Identifier: BSD-3-Clause */
/* inside.c - the environment of a program, image and user included; see inside.h. */
#include "config.h"

#include <errno.h>
#include <string.h>

#include "launcher/view/inside.h"
#include "libimage/base/cleanup.h"
#include "libimage/base/err.h"
#include "libimage/base/path.h"

/* Programs look for the other runtimes' names; those of Berth are for who wants to know. */
static const char *const prefix[] = { "BERTH_", "APPTAINER_", "SINGULARITY_" };

static int no_memory(struct berth_err *err)
{
	return berth_fail(err, BERTH_ESYS, ENOMEM, "cannot prepare the environment");
}

static int set_named(struct script_vars *vars, const char *name, const char *value, struct berth_err *err)
{
	for (size_t i = 0; i < ARRAY_SIZE(prefix); i++) {
		cleanup_free char *whole = NULL;

		if (asprintf(&whole, "%s%s", prefix[i], name) < 0) {
			whole = NULL;
			return no_memory(err);
		}
		if (script_vars_set(vars, whole, value, true, err) < 0)
			return -1;
	}
	return 0;
}

int inside_vars(const struct room_spec *spec, struct script_vars *ret, struct berth_err *err)
{
	if (script_vars_set(ret, "PATH", ENV_DEFAULT_PATH, true, err) < 0 ||
	    (spec->home && script_vars_set(ret, "HOME", spec->home, true, err) < 0) ||
	    script_vars_set(ret, "PS1", spec->prompt ? spec->prompt : INSIDE_PROMPT, false, err) < 0 ||
	    set_named(ret, "CONTAINER", spec->image, err) < 0 ||
	    set_named(ret, "NAME", path_base(spec->image), err) < 0)
		return -1;
	return spec->app ? set_named(ret, "APPNAME", spec->app, err) : 0;
}

/* Is 'dir' of 'n' bytes a member of the list 'path'? */
static bool has_dir(const char *path, const char *dir, size_t n)
{
	for (const char *p = path; p; p = strchr(p, ':') ? strchr(p, ':') + 1 : NULL)
		if (strncmp(p, dir, n) == 0 && (p[n] == ':' || p[n] == '\0'))
			return true;
	return false;
}

int inside_fix_path(struct script_vars *vars, struct berth_err *err)
{
	cleanup(strbuf_done) struct strbuf path = STRBUF_INIT;
	const char *old = script_vars_get(vars, "PATH");

	strbuf_puts(&path, old ? old : "");
	for (const char *d = ENV_DEFAULT_PATH; *d;) {
		size_t n = strcspn(d, ":");

		if (!has_dir(old ? old : "", d, n)) {
			strbuf_puts(&path, path.len > 0 ? ":" : "");
			strbuf_add(&path, d, n);
		}
		d += n + (d[n] == ':');
	}
	return strbuf_ok(&path) ? script_vars_set(vars, "PATH", path.text, true, err) : no_memory(err);
}

/* Says Berth itself what 'name' is, whatever a script makes of it? */
static bool is_ours(const char *name)
{
	if (strcmp(name, "USER_PATH") == 0)
		return true;
	for (size_t i = 0; i < ARRAY_SIZE(prefix); i++) {
		const char *rest = str_after(name, prefix[i]);

		if (rest && (strcmp(rest, "CONTAINER") == 0 || strcmp(rest, "NAME") == 0))
			return true;
	}
	return false;
}

/* The value that 'name' will have, or NULL. */
static const char *current(const char *const *host, const struct env_edits *e, const char *name)
{
	for (size_t i = e->n; i > 0; i--)
		if (strcmp(e->v[i - 1].name, name) == 0)
			return e->v[i - 1].value;
	return env_host_value(host, name);
}

/* What the scripts set; the user's come after it. */
static int add_scripts(const char *const *host, const struct script_vars *vars, struct env_edits *e,
		       struct berth_err *err)
{
	for (size_t i = 0; i < vars->n; i++) {
		const struct script_var *v = &vars->v[i];
		bool empty = v->value && v->value[0] == '\0';

		/* PS1: scripts that set it where there is none find one, and export that. */
		if (!v->exported || (!v->assigned && strcmp(v->name, "PS1") != 0) || !v->value || is_ours(v->name))
			continue;
		/* As others do: what is left empty hides the host's, and is not there. */
		if (env_edits_add(e, v->name, empty && current(host, e, v->name) ? NULL : v->value, err) < 0)
			return -1;
	}
	return 0;
}

/* The lists that the user can add to; each is put together once. */
struct lists {
	char *path, *before, *after, *libs, *libs_before, *libs_after;
};

static char **list_of(struct lists *l, const char *name)
{
	const struct {
		const char *name;
		char **field;
	} known[] = {
		{ "PATH", &l->path }, { "PREPEND_PATH", &l->before }, { "APPEND_PATH", &l->after },
		{ "LD_LIBRARY_PATH", &l->libs }, { "PREPEND_LD_LIBRARY_PATH", &l->libs_before },
		{ "APPEND_LD_LIBRARY_PATH", &l->libs_after },
	};

	for (size_t i = 0; i < ARRAY_SIZE(known); i++)
		if (strcmp(known[i].name, name) == 0)
			return known[i].field;
	return NULL;
}

static void lists_done(struct lists *l)
{
	free(l->path);
	free(l->before);
	free(l->after);
	free(l->libs);
	free(l->libs_before);
	free(l->libs_after);
}

/* One NAME=VALUE of the user's, expanded unless he said not to. */
static int add_user(const struct room_spec *spec, const char *pair, struct script_vars *vars,
		    struct env_edits *e, struct lists *lists, struct strlist *literal, struct berth_err *err)
{
	cleanup(strbuf_done) struct strbuf value = STRBUF_INIT;
	size_t n = strcspn(pair, "=");
	cleanup_free char *name = strndup(pair, n);
	const char *raw = pair + n + 1;
	char **list;

	if (!name)
		return no_memory(err);
	if (strcmp(name, "HOME") == 0)
		return 0;
	if (!spec->no_eval && strpbrk(raw, "\\$`")) {
		int rc = script_expand(raw, vars, &value, err);

		if (rc < 0)
			return -1;
		if (rc == 0)
			strlist_add(literal, name);
		else
			raw = value.text ? value.text : "";
	}
	list = list_of(lists, name);
	if (list) {
		free(*list);
		*list = strdup(raw);
		return *list ? 0 : no_memory(err);
	}
	if (script_vars_set(vars, name, raw, true, err) < 0)
		return -1;
	return env_edits_add(e, name, raw, err);
}

static int add_lists(const struct script_vars *vars, bool scripts, const struct lists *l, struct env_edits *e,
		     struct berth_err *err)
{
	cleanup(strbuf_done) struct strbuf path = STRBUF_INIT, own = STRBUF_INIT, libs = STRBUF_INIT;
	const char *whole = l->path ? l->path : script_vars_get(vars, "PATH"), *libs_whole = l->libs;

	if (env_join(l->before, whole && whole[0] ? whole : ENV_DEFAULT_PATH, l->after, &path, err) < 0 ||
	    env_edits_add(e, "PATH", path.text, err) < 0)
		return -1;
	if (!libs_whole) {
		libs_whole = script_vars_get(vars, "LD_LIBRARY_PATH");
	} else if (scripts && libs_whole[0] != '\0') {
		if (env_join(NULL, libs_whole, INSIDE_LIBS, &own, err) < 0)
			return -1;
		libs_whole = own.text;
	}
	if (!l->libs && !l->libs_before && !l->libs_after)
		return 0;
	if (env_join(l->libs_before, libs_whole, l->libs_after, &libs, err) < 0)
		return -1;
	return env_edits_add(e, "LD_LIBRARY_PATH", libs.text ? libs.text : "", err);
}

static int say(struct env_edits *e, const char *name, const char *value, size_t from, struct berth_err *err)
{
	for (size_t i = from; i < ARRAY_SIZE(prefix); i++) {
		cleanup_free char *whole = NULL;

		if (asprintf(&whole, "%s%s", prefix[i], name) < 0) {
			whole = NULL;
			return no_memory(err);
		}
		if (env_edits_add(e, whole, value, err) < 0)
			return -1;
	}
	return 0;
}

/* What was asked for, for programs that want to know. */
static int add_facts(const struct room_spec *spec, const char *command, struct env_edits *e, struct berth_err *err)
{
	cleanup(strbuf_done) struct strbuf binds = STRBUF_INIT;

	for (size_t i = 0; i < spec->binds.n; i++)
		strbuf_printf(&binds, "%s%s", i > 0 ? "," : "", spec->binds.v[i].target);
	if (binds.failed)
		return no_memory(err);
	/* Always there, and by what it is called inside, as Apptainer has it: who starts another within
	 * binds the same again. Not BERTH_BIND, which is for who wants Berth to bind something. */
	if (say(e, "BIND", binds.text ? binds.text : "", 1, err) < 0 ||
	    (!spec->app && env_edits_add(e, "APPTAINER_APPNAME", "", err) < 0))
		return -1;
	if (say(e, "COMMAND", command, 0, err) < 0 ||
	    say(e, "ENVIRONMENT", INSIDE_ENV_DIR "/91-environment.sh", 0, err) < 0 ||
	    (spec->app && say(e, "APPNAME", spec->app, 0, err) < 0))
		return -1;
	return spec->no_eval ? say(e, "NO_EVAL", "1", 0, err) : 0;
}

/*
 * The prompt, and PROMPT_COMMAND that sets it: a bash inside reads start-up files of the image or
 * the home, which would set the host's prompt again.
 */
static int add_prompt(const char *const *host, const char *prompt, const char *command, struct env_edits *e,
		      struct berth_err *err)
{
	cleanup(strbuf_done) struct strbuf text = STRBUF_INIT;
	const char *ps1 = current(host, e, "PS1"), *old = current(host, e, "PROMPT_COMMAND"), *quote;

	if (!ps1 || ps1[0] == '\0' || (strcmp(command, "shell") == 0 && !env_edits_set_by(e, "PS1"))) {
		ps1 = prompt ? prompt : INSIDE_PROMPT;
		if (env_edits_add(e, "PS1", ps1, err) < 0)
			return -1;
	}
	if (old && old[0] != '\0')
		strbuf_printf(&text, "%s; PROMPT_COMMAND=\"${PROMPT_COMMAND%%%%; PROMPT_COMMAND=*}\"; ", old);
	/* Quoted as Apptainer does it, but where that would change or run something. */
	quote = strpbrk(ps1, "\"\\$`") ? "'" : "\"";
	strbuf_printf(&text, "PS1=%s", quote);
	for (const char *p = ps1; *p; p++)
		strbuf_add(&text, *p == *quote ? "'\\''" : p, *p == *quote ? 4 : 1);
	strbuf_printf(&text, "%s%s", quote, old && old[0] != '\0' ? "" : "; unset PROMPT_COMMAND");
	if (!strbuf_ok(&text))
		return no_memory(err);
	return env_edits_add(e, "PROMPT_COMMAND", text.text, err);
}

static int edits_of(const char *const *host, const struct room_spec *spec, const char *command,
		    struct script_vars *vars, bool scripts, struct env_edits *e, struct strlist *literal,
		    struct berth_err *err)
{
	cleanup(strlist_done) struct strlist pairs = STRLIST_INIT;
	cleanup(lists_done) struct lists lists = { 0 };

	if (env_plan(host, spec, e, err) < 0 || env_injected(host, spec, &pairs, err) < 0)
		return -1;
	if (scripts && add_scripts(host, vars, e, err) < 0)
		return -1;
	for (size_t i = 0; i < pairs.n; i++)
		if (add_user(spec, pairs.v[i], vars, e, &lists, literal, err) < 0)
			return -1;
	if (add_lists(vars, scripts, &lists, e, err) < 0 || add_facts(spec, command, e, err) < 0 ||
	    add_prompt(host, spec->prompt, command, e, err) < 0)
		return -1;
	return strlist_ok(literal) ? 0 : no_memory(err);
}

int inside_env(const char *const *host, const struct room_spec *spec, const char *command,
	       struct script_vars *vars, bool scripts, struct strlist *ret, struct strlist *literal,
	       struct berth_err *err)
{
	cleanup(env_edits_done) struct env_edits edits = { 0 };

	if (edits_of(host, spec, command, vars, scripts, &edits, literal, err) < 0)
		return -1;
	return env_apply(host, &edits, ret, err);
}
