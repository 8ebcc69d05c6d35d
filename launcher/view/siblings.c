/* SPDX-License-Identifier: BSD-3-Clause */
/* siblings.c - what the environment says of a job; see siblings.h. */
#include "config.h"

#include <limits.h>
#include <string.h>

#include "launcher/view/siblings.h"
#include "libimage/base/cleanup.h"
#include "libimage/base/num.h"

enum { RANKS_MAX = 1 << 20 }; /* LIMIT: more ranks than a host has ever run, or nodes a job */

/* Launchers that tell how many ranks are on this host. */
static const char *const local_size[] = {
	"OMPI_COMM_WORLD_LOCAL_SIZE", /* Open MPI, PRRTE */
	"MPI_LOCALNRANKS",	      /* Hydra: MPICH, Intel MPI, MVAPICH */
	"PMI_LOCAL_SIZE",	      /* Cray PALS */
	"MV2_COMM_WORLD_LOCAL_SIZE",  /* MVAPICH's mpirun_rsh */
};

/*
 * What names a job. By one of the first it is known; the others are too common alone, but differ
 * where it matters. The servers' addresses are there because a name may be a hash of 16 bits.
 */
static const struct {
	const char *name;
	bool enough;
} job_name[] = {
	{ "PMIX_NAMESPACE", true },	     { "OMPI_MCA_ess_base_jobid", true },
	{ "OMPI_MCA_orte_ess_jobid", true }, { "PMI_JOBID", true },
	{ "PMI_PORT", true },		     { "PALS_APID", true },
	{ "FLUX_JOB_ID", true },	     { "SLURM_STEP_ID", true },
	{ "SLURM_JOB_ID", false },	     { "SLURM_RESTART_COUNT", false },
	{ "PMIX_SERVER_URI2", false },	     { "PMIX_SERVER_URI21", false },
	{ "PMIX_SERVER_URI3", false },	     { "PMIX_SERVER_URI4", false },
	{ "PMIX_SERVER_URI41", false },	     { "OMPI_MCA_orte_local_daemon_uri", false },
};

/* The value of 'name', or NULL where it is not set or empty. */
static const char *value_of(const char *const *env, const char *name)
{
	for (size_t i = 0; env[i]; i++) {
		const char *rest = str_after(env[i], name);

		if (rest && rest[0] == '=')
			return rest[1] != '\0' ? rest + 1 : NULL;
	}
	return NULL;
}

/* The number that 'name' has; 0: none. */
static uint64_t number_of(const char *const *env, const char *name)
{
	const char *value = value_of(env, name);
	uint64_t n = 0;

	return value && num_parse_u64(value, RANKS_MAX, &n) == 0 ? n : 0;
}

/*
 * How many tasks Slurm's step has on this node; 0: not known. SLURM_STEP_TASKS_PER_NODE is
 * "4(x2),3": four on each of the first two nodes, three on the next; SLURM_NODEID counts from 0.
 */
static uint64_t slurm_tasks(const char *const *env)
{
	const char *list = value_of(env, "SLURM_STEP_TASKS_PER_NODE"), *node_id = value_of(env, "SLURM_NODEID");
	uint64_t node = 0, first = 0;

	if (!list || !node_id || num_parse_u64(node_id, RANKS_MAX, &node) < 0)
		return 0;
	while (*list) {
		size_t len = strcspn(list, ",");
		char item[32];
		char *times, *end;
		uint64_t tasks = 0, repeat = 1;

		if (len >= sizeof(item))
			return 0;
		memcpy(item, list, len);
		item[len] = '\0';
		times = strstr(item, "(x");
		if (times) {
			*times = '\0';
			times += 2;
			end = strchr(times, ')');
			if (!end || end[1] != '\0')
				return 0;
			*end = '\0';
			if (num_parse_u64(times, RANKS_MAX, &repeat) < 0)
				return 0;
		}
		if (num_parse_u64(item, RANKS_MAX, &tasks) < 0)
			return 0;
		if (node < first + repeat)
			return tasks;
		first += repeat;
		list += len + (list[len] == ',');
	}
	return 0;
}

bool siblings_here(const char *const *env)
{
	uint64_t most = slurm_tasks(env);
	bool pmi;

	for (size_t i = 0; i < ARRAY_SIZE(local_size); i++) {
		uint64_t n = number_of(env, local_size[i]);

		/* The largest: mpirun's daemon may itself be the one task of a step. */
		if (n > most)
			most = n;
	}
	if (most > 0)
		return most > 1;
	/* How many are here is not told. */
	pmi = value_of(env, "PMI_FD") || value_of(env, "PMI_PORT");
	return (pmi && number_of(env, "PMI_SIZE") > 1) ||
	       (value_of(env, "PMIX_NAMESPACE") && value_of(env, "PMIX_RANK"));
}

bool siblings_job(const char *const *env, struct strbuf *out)
{
	bool enough = false;

	for (size_t i = 0; i < ARRAY_SIZE(job_name); i++) {
		const char *value = value_of(env, job_name[i].name);

		if (!value)
			continue;
		strbuf_printf(out, "%s=%s", job_name[i].name, value);
		strbuf_add(out, "", 1);
		enough = enough || job_name[i].enough;
	}
	return enough;
}

int siblings_launcher_fd(const char *const *env)
{
	const char *value = value_of(env, "PMI_FD");
	uint64_t fd = 0;

	return value && num_parse_u64(value, INT_MAX, &fd) == 0 ? (int)fd : -1;
}
