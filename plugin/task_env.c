/* SPDX-License-Identifier: BSD-3-Clause */
/* task_env.c - the environment of a task; see task_env.h. */
#include "config.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "launcher/inside/fit_locale.h"
#include "launcher/inside/image_env.h"
#include "launcher/view/env.h"
#include "libimage/base/cleanup.h"
#include "libimage/base/err.h"
#include "libimage/base/log.h"
#include "libimage/base/str.h"
#include "plugin/report.h"
#include "plugin/stepd.h"
#include "plugin/task_env.h"

static int no_memory(struct berth_err *err)
{
	return berth_fail(err, BERTH_ESYS, ENOMEM, "cannot prepare the environment");
}

/* Has 'env' a variable of the name that 'entry' begins with? */
static bool names(char *const *env, const char *entry)
{
	size_t n = strcspn(entry, "=");

	for (; env && *env; env++)
		if (strncmp(*env, entry, n) == 0 && (*env)[n] == '=')
			return true;
	return false;
}

static bool has(char *const *env, const char *entry)
{
	for (; env && *env; env++)
		if (strcmp(*env, entry) == 0)
			return true;
	return false;
}

/* What differs, and no more: Slurm looks each name up, and copies. */
static int publish(spank_t sp, const struct strlist *before, const struct strlist *after, struct berth_err *err)
{
	for (size_t i = 0; i < before->n; i++) {
		cleanup_free char *name = strndup(before->v[i], strcspn(before->v[i], "="));

		if (!name)
			return no_memory(err);
		/* SLURM: what is to be unset may be gone already, and that is an error to some. */
		if (!names(after->v, before->v[i]))
			(void)spank_unsetenv(sp, name);
	}
	for (size_t i = 0; i < after->n; i++) {
		size_t n = strcspn(after->v[i], "=");
		cleanup_free char *name = strndup(after->v[i], n);

		if (!name)
			return no_memory(err);
		if (!has(before->v, after->v[i]) &&
		    spank_setenv(sp, name, after->v[i] + n + 1, 1) != ESPANK_SUCCESS)
			return berth_fail(err, BERTH_ESYS, 0, "Slurm does not set %.64s", name);
	}
	return 0;
}

/* Slurm's own is moved by each change to it. */
static int copy_env(spank_t sp, struct strlist *ret, struct berth_err *err)
{
	char **env = NULL;

	if (spank_get_item(sp, S_JOB_ENV, &env) != ESPANK_SUCCESS || !env)
		return berth_fail(err, BERTH_ESYS, 0, "Slurm does not tell the task's environment");
	for (; *env; env++)
		if (strchr(*env, '='))
			strlist_add(ret, *env);
	return strlist_ok(ret) ? 0 : no_memory(err);
}

int task_env(spank_t sp, const struct room_spec *spec, char **path, struct berth_err *err)
{
	cleanup(strlist_done) struct strlist before = STRLIST_INIT, after = STRLIST_INIT;
	static const char *const nothing[] = { NULL };
	const char *const *host;
	const char *value;

	/* What there is to say about an image is the same for all tasks of the node. */
	log_init("berth", !report_first() || spec->quiet ? LOG_ERROR : spec->verbose ? LOG_DETAIL : LOG_WARN);
	if (copy_env(sp, &before, err) < 0)
		return -1;
	host = before.v ? (const char *const *)before.v : nothing;
	if (image_env_without(host, spec, "exec", &after, err) < 0 ||
	    image_env(host, spec, "exec", &after, err) < 0)
		return -1;
	if (!spec->keep_locale)
		fit_locale(host, spec, &after);
	if (publish(sp, &before, &after, err) < 0)
		return -1;
	value = job_env_get(after.v, "PATH");
	*path = strdup(value ? value : ENV_DEFAULT_PATH);
	return *path ? 0 : no_memory(err);
}
