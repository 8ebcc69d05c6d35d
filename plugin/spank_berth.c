/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * spank_berth.c - the hooks that Slurm calls, and nothing else.
 *
 * Runs as:  the user in srun, sbatch and salloc (client.c); root in slurmstepd (stepd.c) and
 *           in the tasks that it forks (task.c), there until task_init_privileged has run and
 *           as the user from then on. In slurmd and for prolog and epilog: nothing.
 * Promise:  in slurmstepd no hook ever returns an error. Slurm drains a node when init,
 *           init_post_opt or user_init fail, and with 'optional' it ignores failures and runs
 *           the program on the host. What went wrong stops the task itself, in task_init.
 */
#include "config.h"

#include <slurm/spank.h>
#include <unistd.h>

#include "plugin/client.h"
#include "plugin/stepd.h"
#include "plugin/task.h"

#define HOOK __attribute__((visibility("default")))

extern const char plugin_name[] HOOK;
extern const char plugin_type[] HOOK;
extern const unsigned int plugin_version HOOK;
extern const unsigned int spank_plugin_version HOOK;

SPANK_PLUGIN(berth, 1);

static struct step step = STEP_INIT;

static bool is_client(void)
{
	return spank_context() == S_CTX_LOCAL || spank_context() == S_CTX_ALLOCATOR;
}

static bool is_stepd(void)
{
	return spank_context() == S_CTX_REMOTE;
}

HOOK int slurm_spank_init(spank_t sp, int ac, char *argv[])
{
	(void)argv;
	if (!is_client() && !is_stepd())
		return 0;
	if (is_client() && ac > 0)
		slurm_error("berth: plugstack.conf: spank_berth.so takes no arguments");
	if (client_register(sp) < 0 && is_client())
		slurm_error("berth: some --container-* options are not available");
	return 0;
}

HOOK int slurm_spank_init_post_opt(spank_t sp, int ac, char *argv[])
{
	(void)ac;
	(void)argv;
	if (is_client())
		return client_post_opt(sp);
	if (is_stepd())
		step_start(sp, &step);
	return 0;
}

HOOK int slurm_spank_task_init_privileged(spank_t sp, int ac, char *argv[])
{
	(void)ac;
	(void)argv;
	if (is_stepd())
		task_join(sp, &step);
	return 0;
}

HOOK int slurm_spank_task_init(spank_t sp, int ac, char *argv[])
{
	int status;

	(void)ac;
	(void)argv;
	if (!is_stepd())
		return 0;
	status = task_settle(sp, &step);
	if (status != 0)
		_exit(status); /* this process is the task, not slurmstepd */
	return 0;
}

/* Once for each task, after all are forked and before they are waited for. */
HOOK int slurm_spank_task_post_fork(spank_t sp, int ac, char *argv[])
{
	(void)sp;
	(void)ac;
	(void)argv;
	if (is_stepd())
		step_forked(&step);
	return 0;
}

HOOK int slurm_spank_task_exit(spank_t sp, int ac, char *argv[])
{
	(void)ac;
	(void)argv;
	if (is_stepd())
		step_task_ended(sp, &step);
	return 0;
}

HOOK int slurm_spank_exit(spank_t sp, int ac, char *argv[])
{
	(void)sp;
	(void)ac;
	(void)argv;
	if (is_stepd())
		step_done(&step);
	client_done();
	return 0;
}
