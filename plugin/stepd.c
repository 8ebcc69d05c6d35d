/* SPDX-License-Identifier: BSD-3-Clause */
/* stepd.c - the plugin in slurmstepd; see stepd.h. */
#include "config.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "launcher/view/options.h"
#include "libimage/base/cleanup.h"
#include "libimage/base/path.h"
#include "libimage/base/str.h"
#include "plugin/death.h"
#include "plugin/linger.h"
#include "plugin/names.h"
#include "plugin/order.h"
#include "plugin/report.h"
#include "plugin/spawn.h"
#include "plugin/spool.h"
#include "plugin/stepd.h"
#include "plugin/takeover.h"
#include "plugin/values.h"

enum { REAP_MS = 100 }; /* LIMIT: the nap that is to be avoided; waiting longer gains nothing */

const char *job_env_get(char *const *env, const char *name)
{
	size_t n = strlen(name);

	for (; env && *env; env++)
		if (strncmp(*env, name, n) == 0 && (*env)[n] == '=')
			return *env + n + 1;
	return NULL;
}

/*
 * mpirun starts its daemons with srun, within a job whose image they would inherit. They
 * belong on the host: what they start is for mpirun's user to place.
 */
static bool is_mpi_daemon(spank_t sp)
{
	static const char *const names[] = {
		"orted", "prted", "hydra_bstrap_proxy", "hydra_pmi_proxy", "pmi_proxy",
	};
	char **argv = NULL;
	int argc = 0;

	if (spank_get_item(sp, S_JOB_ARGV, &argc, &argv) != ESPANK_SUCCESS || argc < 1 || !argv ||
	    !argv[0])
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (strcmp(path_base(argv[0]), names[i]) == 0)
			return true;
	return false;
}

/* Slurm would have run it natively, without us, only where the site has an oci.conf. */
static int client_missing(struct berth_err *err)
{
	berth_fail(err, BERTH_ECONFIG, 0,
		   "--container was given, but Berth's plugin did not see it where the job was submitted");
	return berth_hint(err, "the administrator must list spank_berth.so in plugstack.conf on the "
			       "submitting host too; jobs from elsewhere set " VAR_IMAGE);
}

/*
 * Should this step's tasks run in an image? Returns 1 or 0; or -1 and *err: they should, but
 * cannot.
 */
static int wants_image(spank_t sp, char *const *env, uint32_t step, struct berth_err *err)
{
	const char *image = job_env_get(env, VAR_IMAGE), *refusal = job_env_get(env, VAR_REFUSE);
	const char *origin = job_env_get(env, VAR_ORIGIN);

	if (!image && refusal)
		return berth_fail(err, BERTH_EUSAGE, 0, "%s", refusal);
	if (!image && job_env_get(env, NATIVE_VAR) && !takeover_site_has_oci())
		return client_missing(err);
	if (!image || strcmp(image, IMAGE_NONE) == 0)
		return 0;
	/* The script and salloc's shell stay on the host, where srun, modules and munge are. */
	if (step == STEP_ID_BATCH || step == STEP_ID_INTERACTIVE)
		return 0;
	if (origin && strcmp(origin, "job") == 0 && is_mpi_daemon(sp))
		return 0;
	return 1;
}

/* Keep a copy of a value that must be plain text; an odd one is left out. */
static char *plain_copy(const char *value)
{
	struct berth_err ignored = BERTH_ERR_INIT;

	return value && value_check("", value, &ignored) == 0 ? strdup(value) : NULL;
}

static char *plain_path(const char *value)
{
	return value && value[0] == '/' ? plain_copy(value) : NULL;
}

static char *plain_name(const char *value)
{
	return value && !strchr(value, ':') ? plain_copy(value) : NULL;
}

static int read_image(char *const *env, struct room_spec *spec, struct berth_err *err)
{
	const char *image = job_env_get(env, VAR_IMAGE), *pin = job_env_get(env, VAR_PIN);

	if (value_check(VAR_IMAGE, image, err) < 0)
		return -1;
	if (image[0] != '/') {
		berth_fail(err, BERTH_EUSAGE, 0, "image '%.200s' is not an absolute path", image);
		return berth_hint(err, "name it with srun --container=IMAGE, or set " VAR_IMAGE
				       " to an absolute path");
	}
	if (pin && image_pin_parse(pin, &spec->pin, err) < 0)
		return berth_context(err, VAR_PIN);
	spec->image = strdup(image);
	return spec->image ? 0 : berth_fail(err, BERTH_ESYS, errno, "cannot keep the request");
}

static int read_settings(char *const *env, struct room_spec *spec, struct berth_err *err)
{
	for (size_t i = 0; i < option_count; i++) {
		const char *lines;
		char var[64];

		if (!option_rows[i].env || !(option_rows[i].faces & FACE_STEPS))
			continue;
		(void)snprintf(var, sizeof(var), VAR_PREFIX "%s", option_rows[i].env);
		lines = job_env_get(env, var);
		if (lines && setting_apply(&option_rows[i], lines, spec, err) < 0)
			return -1;
	}
	return 0;
}

static int read_spec(spank_t sp, char *const *env, struct room_spec *spec, struct berth_err *err)
{
	const char *home = job_env_get(env, VAR_HOME), *user = job_env_get(env, VAR_USER);

	if (spank_get_item(sp, S_JOB_UID, &spec->uid) != ESPANK_SUCCESS ||
	    spank_get_item(sp, S_JOB_GID, &spec->gid) != ESPANK_SUCCESS)
		return berth_fail(err, BERTH_ESYS, 0, "Slurm does not tell the job's user");
	if (read_image(env, spec, err) < 0 || read_settings(env, spec, err) < 0)
		return -1;
	/* Who came without our client (slurmrestd) has no such variables but the usual ones. */
	spec->home = plain_path(home ? home : job_env_get(env, "HOME"));
	spec->user = plain_name(user ? user : job_env_get(env, "USER"));
	spec->group = plain_name(job_env_get(env, VAR_GROUP));
	spec->cwd = plain_path(job_env_get(env, VAR_CWD));
	return 0;
}

static int start(spank_t sp, char *const *env, struct step *s)
{
	struct spawn_request rq = { .spec = &s->spec, .job = s->job, .step = s->step };

	if (order_check(&s->err) < 0 || read_spec(sp, env, &s->spec, &s->err) < 0)
		return -1;
	if (spank_get_item(sp, S_JOB_SUPPLEMENTARY_GIDS, &rq.groups, &rq.ngroups) != ESPANK_SUCCESS ||
	    spank_get_item(sp, S_JOB_LOCAL_TASK_COUNT, &rq.ntasks) != ESPANK_SUCCESS)
		return berth_fail(&s->err, BERTH_ESYS, 0, "Slurm does not tell the job's groups or tasks");
	s->ntasks = rq.ntasks;
	spool_pmix_dir(s->job, s->step, s->pmix_dir);
	return spawn_launcher(&rq, &s->sock, &s->launcher, &s->err);
}

static bool read_ids(spank_t sp, struct step *s, char ***env)
{
	return spank_get_item(sp, S_JOB_ID, &s->job) == ESPANK_SUCCESS &&
	       spank_get_item(sp, S_JOB_STEPID, &s->step) == ESPANK_SUCCESS &&
	       (s->step == STEP_ID_EXTERN ||
		(spank_get_item(sp, S_JOB_ENV, env) == ESPANK_SUCCESS && *env));
}

void step_start(spank_t sp, struct step *s)
{
	char **env = NULL;
	int wants;

	if (s->wanted)
		return;
	if (!read_ids(sp, s, &env)) {
		/* It cannot be known that no image was asked for. */
		(void)berth_fail(&s->err, BERTH_ESYS, 0, "Slurm does not tell the step's environment");
		wants = -1;
	} else {
		wants = s->step == STEP_ID_EXTERN ? 0 : wants_image(sp, env, s->step, &s->err);
	}
	if (wants == 0)
		return;
	s->wanted = true;
	s->multi = job_env_get(env, VAR_MULTI) != NULL;
	report_open();
	linger_open();
	death_open();
	if (wants > 0)
		(void)start(sp, env, s);
}

/*
 * SLURM: slurmstepd is about to wait for its children, and naps 100 ms when the first one that
 * ends is no task: so the child that became the launcher ended at once (--detach) and is reaped
 * here. It had the time in which the tasks were forked; one that is late yet is left to slurmstepd.
 */
void step_forked(struct step *s)
{
	struct pollfd p = { .events = POLLIN };

	if (s->launcher <= 0)
		return;
	p.fd = (int)syscall(SYS_pidfd_open, s->launcher, 0);
	if (p.fd >= 0)
		(void)poll(&p, 1, REAP_MS);
	cleanup_close_fn(&p.fd);
	(void)waitpid(s->launcher, NULL, WNOHANG);
	s->launcher = -1;
}

void step_task_ended(spank_t sp, struct step *s)
{
	struct death_task task = { .pid = -1 };

	if (!s->wanted)
		return;
	task.last = ++s->ended == s->ntasks;
	if (spank_get_item(sp, S_TASK_EXIT_STATUS, &task.status) == ESPANK_SUCCESS &&
	    spank_get_item(sp, S_TASK_PID, &task.pid) == ESPANK_SUCCESS)
		death_look(&task, s->sock, linger_server());
	if (!task.last)
		return;
	/* What the launcher left in its queue holds the room, and with it the server. */
	cleanup_close_fn(&s->sock);
	linger_wait();
}

void step_done(struct step *s)
{
	struct step none = STEP_INIT;

	cleanup_close_fn(&s->sock);
	/* SLURM: slurmstepd may have reaped it already; the launcher ends by itself anyway. */
	if (s->launcher > 0)
		(void)waitpid(s->launcher, NULL, WNOHANG);
	room_spec_done(&s->spec);
	death_close();
	linger_close();
	report_close();
	*s = none;
}
