/* SPDX-License-Identifier: BSD-3-Clause */
/* script_vars.c - the variables of a script; see script.h. */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "launcher/view/script_i.h"
#include "libimage/base/cleanup.h"
#include "libimage/base/err.h"

/* Names that shells give a meaning or a value of their own; one that ends with '*' is a prefix. */
static const char *const own[] = {
	"_", "BASH*", "COMP_*", "DIRSTACK", "EPOCH*", "EUID", "FUNCNAME", "GROUPS", "HISTCMD", "HOSTNAME",
	"HOSTTYPE", "IFS", "LINENO", "MACHTYPE", "MAILCHECK", "OLDPWD", "OPTARG", "OPTERR", "OPTIND", "OSTYPE",
	"PIPESTATUS", "PPID", "PS2", "PS4", "PWD", "RANDOM", "SECONDS", "SHELLOPTS", "SHLVL", "SRANDOM", "UID",
};

/* Those that a shell sets where they are not set, but that a script may set as any other. */
static const char *const given[] = { "PATH", "SHELL", "TERM" };

static bool is_in(const char *const *list, size_t count, const char *name, size_t n)
{
	for (size_t i = 0; i < count; i++) {
		size_t len = strlen(list[i]);

		if (list[i][len - 1] == '*' ? n >= len - 1 && memcmp(name, list[i], len - 1) == 0
					    : n == len && memcmp(name, list[i], n) == 0)
			return true;
	}
	return false;
}

void script_vars_done(struct script_vars *vars)
{
	for (size_t i = 0; i < vars->n; i++) {
		free(vars->v[i].name);
		free(vars->v[i].value);
	}
	free(vars->v);
	memset(vars, 0, sizeof(*vars));
}

static struct script_var *find(const struct script_vars *vars, const char *name, size_t n)
{
	for (size_t i = 0; i < vars->n; i++)
		if (strncmp(vars->v[i].name, name, n) == 0 && vars->v[i].name[n] == '\0')
			return &vars->v[i];
	return NULL;
}

/* The variable 'name', made if need be; NULL without memory. */
static struct script_var *make(struct script_vars *vars, const char *name, size_t n)
{
	struct script_var *var = find(vars, name, n), *v;

	if (var)
		return var;
	v = reallocarray(vars->v, vars->n + 1, sizeof(*v));
	if (!v)
		return NULL;
	vars->v = v;
	v[vars->n] = (struct script_var){ .name = strndup(name, n) };
	if (!v[vars->n].name)
		return NULL;
	return &v[vars->n++];
}

static bool give(struct script_var *var, const char *value)
{
	char *copy = strdup(value);

	if (!copy)
		return false;
	free(var->value);
	var->value = copy;
	return true;
}

const char *script_vars_get(const struct script_vars *vars, const char *name)
{
	const struct script_var *var = find(vars, name, strlen(name));

	return var ? var->value : NULL;
}

int script_vars_set(struct script_vars *vars, const char *name, const char *value, bool exported,
		    struct berth_err *err)
{
	struct script_var *var = make(vars, name, strlen(name));

	if (!var || !give(var, value))
		return berth_fail(err, BERTH_ESYS, ENOMEM, "cannot keep a variable");
	var->exported = exported;
	return 0;
}

bool script_read(struct script *s, const char *name, size_t n, const char **ret)
{
	const struct script_var *var = find(s->vars, name, n);

	*ret = var ? var->value : NULL;
	if (is_in(own, ARRAY_SIZE(own), name, n) ||
	    (!*ret && is_in(given, ARRAY_SIZE(given), name, n)))
		return script_odd(s, "a variable of the shell's own");
	return true;
}

static struct script_var *variable(struct script *s, const char *name, size_t n)
{
	struct script_var *var;

	if (is_in(own, ARRAY_SIZE(own), name, n)) {
		(void)script_odd(s, "a variable of the shell's own");
		return NULL;
	}
	if (s->vars->n >= SCRIPT_VARS_MAX && !find(s->vars, name, n)) {
		(void)script_odd(s, "too many variables");
		return NULL;
	}
	var = make(s->vars, name, n);
	s->no_memory = !var;
	return var;
}

bool script_assign(struct script *s, const char *name, size_t n, const char *value)
{
	struct script_var *var = variable(s, name, n);

	if (!var)
		return false;
	if (strlen(value) >= SCRIPT_VALUE_MAX)
		return script_odd(s, "a value that is too long");
	var->assigned = true;
	s->no_memory = !give(var, value);
	return !s->no_memory;
}

bool script_export(struct script *s, const char *name, size_t n)
{
	struct script_var *var = variable(s, name, n);

	if (var)
		var->exported = true;
	return var != NULL;
}

bool script_unset(struct script *s, const char *name, size_t n)
{
	struct script_var *var = variable(s, name, n);

	if (!var)
		return false;
	free(var->value);
	var->value = NULL;
	var->exported = false;
	return true;
}
