/* SPDX-License-Identifier: BSD-3-Clause */
/* api.c - the functions that Slurm offers to plugins; see host.h. */
#include "config.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/spank/host.h"

#define API __attribute__((visibility("default")))

struct host host;

/* What srun exports: the plugin must find this one, by name, and nobody else's. */
API int opt[4];
char *slurm_option_get(void *o, const char *name);
bool slurm_option_reset(void *o, const char *name);

API char *slurm_option_get(void *o, const char *name)
{
	if (o != opt)
		abort();
	if (strcmp(name, "container") == 0)
		return host.native;
	if (strcmp(name, "multi-prog") == 0)
		return host.multi_prog;
	return NULL;
}

API bool slurm_option_reset(void *o, const char *name)
{
	if (o != opt || strcmp(name, "container") != 0)
		abort();
	host.native = NULL;
	return true;
}

__attribute__((format(printf, 3, 0)))
static void say(volatile int *count, const char *prefix, const char *fmt, va_list ap)
{
	char line[4096];
	int n;

	n = snprintf(line, sizeof(line), "%s", prefix);
	n += vsnprintf(line + n, sizeof(line) - (size_t)n, fmt, ap);
	(void)n;
	__atomic_add_fetch(count, 1, __ATOMIC_SEQ_CST);
	if (strlen(host.log->text) + strlen(line) + 2 < LOG_BYTES) {
		strcat(host.log->text, line);
		strcat(host.log->text, "\n");
	}
}

API void slurm_error(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(&host.log->errors, "error: ", fmt, ap);
	host.log->said_at = host.log->ends;
	va_end(ap);
}

API void slurm_info(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(&host.log->infos, "", fmt, ap);
	va_end(ap);
}

API void slurm_spank_log(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(&host.log->infos, "", fmt, ap);
	va_end(ap);
}

API spank_context_t spank_context(void)
{
	return host.context;
}

struct registered {
	char *name;
	int has_arg, val;
	spank_opt_cb_f cb;
};
struct registered *host_option(const char *name);
static struct registered options[OPTIONS_MAX];
static size_t option_n;

struct registered *host_option(const char *name)
{
	for (size_t i = 0; i < option_n; i++)
		if (strcmp(options[i].name, name) == 0)
			return &options[i];
	return NULL;
}

API spank_err_t spank_option_register(spank_t sp, struct spank_option *o)
{
	(void)sp;
	if (!o->name || !o->cb || !o->usage || (o->has_arg && !o->arginfo) || host_option(o->name) ||
	    option_n == OPTIONS_MAX)
		return ESPANK_BAD_ARG;
	options[option_n++] = (struct registered){ strdup(o->name), o->has_arg, o->val, o->cb };
	return ESPANK_SUCCESS;
}

static bool remote_only(spank_item_t item)
{
	return item != S_SLURM_VERSION_MAJOR && item != S_SLURM_VERSION_MINOR;
}

API spank_err_t spank_get_item(spank_t sp, spank_item_t item, ...)
{
	static gid_t groups[] = { 2001, 2002 };
	spank_err_t rc = ESPANK_SUCCESS;
	va_list ap;

	(void)sp;
	if (item < 32 && (host.fail_item & (1u << item)))
		return ESPANK_BAD_ARG;
	if (remote_only(item) && host.context != S_CTX_REMOTE)
		return ESPANK_NOT_REMOTE;
	va_start(ap, item);
	if (item == S_SLURM_VERSION_MAJOR)
		*va_arg(ap, const char **) = host.major;
	else if (item == S_SLURM_VERSION_MINOR)
		*va_arg(ap, const char **) = host.minor;
	else if (item == S_JOB_UID)
		*va_arg(ap, uid_t *) = host.uid;
	else if (item == S_JOB_GID)
		*va_arg(ap, gid_t *) = host.gid;
	else if (item == S_JOB_ID)
		*va_arg(ap, uint32_t *) = host.job;
	else if (item == S_JOB_STEPID)
		*va_arg(ap, uint32_t *) = host.step;
	else if (item == S_JOB_LOCAL_TASK_COUNT)
		*va_arg(ap, uint32_t *) = host.ntasks;
	else if (item == S_TASK_ID)
		*va_arg(ap, int *) = host.localid;
	else if (item == S_TASK_PID)
		*va_arg(ap, pid_t *) = host.ended;
	else if (item == S_TASK_EXIT_STATUS)
		*va_arg(ap, int *) = host.seem_killed ? SIGKILL : host.ended_status;
	else if (item == S_JOB_ENV)
		*va_arg(ap, char ***) = host.env;
	else if (item == S_JOB_ARGV) {
		*va_arg(ap, int *) = host.argc;
		*va_arg(ap, char ***) = host.argv;
	} else if (item == S_JOB_SUPPLEMENTARY_GIDS) {
		*va_arg(ap, gid_t **) = groups;
		*va_arg(ap, int *) = 2;
	} else {
		rc = ESPANK_BAD_ARG;
	}
	va_end(ap);
	return rc;
}

API spank_err_t spank_unsetenv(spank_t sp, const char *name)
{
	size_t n = strlen(name), out = 0;

	(void)sp;
	if (host.context != S_CTX_REMOTE)
		return ESPANK_NOT_REMOTE;
	for (size_t i = 0; host.env[i]; i++) {
		if (strncmp(host.env[i], name, n) == 0 && host.env[i][n] == '=')
			free(host.env[i]);
		else
			host.env[out++] = host.env[i];
	}
	host.env[out] = NULL;
	return ESPANK_SUCCESS;
}

API spank_err_t spank_setenv(spank_t sp, const char *name, const char *value, int overwrite)
{
	size_t n = 0;

	(void)overwrite;
	if (spank_unsetenv(sp, name) != ESPANK_SUCCESS)
		return ESPANK_NOT_REMOTE;
	while (host.env[n])
		n++;
	if (n + 1 >= ENV_MAX_VARS || asprintf(&host.env[n], "%s=%s", name, value) < 0)
		return ESPANK_ERROR;
	host.env[n + 1] = NULL;
	return ESPANK_SUCCESS;
}
