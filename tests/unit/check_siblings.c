/* SPDX-License-Identifier: BSD-3-Clause */
/* check_siblings.c - what launchers' variables say: are there other ranks here, and of which job? */
#include "config.h"

#include <string.h>

#include "launcher/view/siblings.h"
#include "libimage/base/cleanup.h"
#include "tests/unit/unit.h"

enum { VARS = 8 };

static const struct {
	const char *env[VARS];
	bool want;
} here[] = {
	{ { NULL }, false },
	/* as mpirun sets them */
	{ { "OMPI_COMM_WORLD_LOCAL_SIZE=8" }, true },
	{ { "OMPI_COMM_WORLD_LOCAL_SIZE=1", "OMPI_COMM_WORLD_SIZE=8", "PMIX_NAMESPACE=7", "PMIX_RANK=0" }, false },
	{ { "MPI_LOCALNRANKS=2", "PMI_FD=8", "PMI_RANK=0", "PMI_SIZE=4" }, true },
	{ { "MPI_LOCALNRANKS=1", "PMI_FD=8", "PMI_RANK=0", "PMI_SIZE=4" }, false },
	{ { "PMI_LOCAL_SIZE=16" }, true },
	{ { "MV2_COMM_WORLD_LOCAL_SIZE=3" }, true },
	/* only that there are ranks */
	{ { "PMI_FD=8", "PMI_RANK=0", "PMI_SIZE=4" }, true },
	{ { "PMI_PORT=h:1", "PMI_SIZE=4" }, true },
	{ { "PMI_FD=8", "PMI_RANK=0", "PMI_SIZE=1" }, false },
	{ { "PMI_RANK=0", "PMI_SIZE=4" }, false },
	{ { "PMIX_NAMESPACE=7", "PMIX_RANK=0" }, true },
	{ { "PMIX_NAMESPACE=7" }, false },
	{ { "PMIX_RANK=0" }, false },
	/* a step of Slurm's */
	{ { "SLURM_STEP_TASKS_PER_NODE=4", "SLURM_NODEID=0" }, true },
	{ { "SLURM_STEP_TASKS_PER_NODE=1", "SLURM_NODEID=0" }, false },
	{ { "SLURM_STEP_TASKS_PER_NODE=4(x2),1", "SLURM_NODEID=1" }, true },
	{ { "SLURM_STEP_TASKS_PER_NODE=4(x2),1", "SLURM_NODEID=2" }, false },
	{ { "SLURM_STEP_TASKS_PER_NODE=1(x3),2", "SLURM_NODEID=2" }, false },
	{ { "SLURM_STEP_TASKS_PER_NODE=1(x3),2", "SLURM_NODEID=3" }, true },
	{ { "SLURM_STEP_TASKS_PER_NODE=1,2,1", "SLURM_NODEID=1" }, true },
	/* of which this node's task has seven brothers elsewhere */
	{ { "SLURM_STEP_TASKS_PER_NODE=1(x8)", "SLURM_NODEID=3", "PMI_FD=5", "PMI_SIZE=8" }, false },
	/* and mpirun's daemon is its one task */
	{ { "SLURM_STEP_TASKS_PER_NODE=1", "SLURM_NODEID=0", "MPI_LOCALNRANKS=8" }, true },
	/* a batch script, whose tasks are not started yet */
	{ { "SLURM_JOB_ID=7", "SLURM_TASKS_PER_NODE=8", "SLURM_NTASKS=8", "SLURM_NODEID=0" }, false },
	/* what no launcher writes says nothing */
	{ { "SLURM_STEP_TASKS_PER_NODE=4", "SLURM_NODEID=1" }, false },
	{ { "SLURM_STEP_TASKS_PER_NODE=4" }, false },
	{ { "SLURM_STEP_TASKS_PER_NODE=4(x", "SLURM_NODEID=0" }, false },
	{ { "SLURM_STEP_TASKS_PER_NODE=4(x2", "SLURM_NODEID=0" }, false },
	{ { "SLURM_STEP_TASKS_PER_NODE=4(x2)3", "SLURM_NODEID=0" }, false },
	{ { "SLURM_STEP_TASKS_PER_NODE=4(x-1)", "SLURM_NODEID=0" }, false },
	{ { "SLURM_STEP_TASKS_PER_NODE=,4", "SLURM_NODEID=0" }, false },
	{ { "SLURM_STEP_TASKS_PER_NODE=4444444444444444444444444444444444", "SLURM_NODEID=0" }, false },
	{ { "SLURM_STEP_TASKS_PER_NODE=4(x18446744073709551615),1", "SLURM_NODEID=1" }, false },
	{ { "OMPI_COMM_WORLD_LOCAL_SIZE=" }, false },
	{ { "OMPI_COMM_WORLD_LOCAL_SIZE=two" }, false },
	{ { "OMPI_COMM_WORLD_LOCAL_SIZE=-2" }, false },
	{ { "OMPI_COMM_WORLD_LOCAL_SIZE=99999999999999999999" }, false },
	{ { "OMPI_COMM_WORLD_LOCAL_SIZE_X=2", "XMPI_LOCALNRANKS=2", "MPI_LOCALNRANK=2" }, false },
};

START_TEST(is_here)
{
	ck_assert_int_eq(siblings_here(here[_i].env), here[_i].want);
}
END_TEST

static const struct {
	const char *env[VARS];
	bool enough;
	const char *want; /* NUL shown as ';' */
} jobs[] = {
	{ { NULL }, false, "" },
	{ { "HOME=/x", "PMIX_RANK=1" }, false, "" },
	{ { "PMIX_NAMESPACE=a@1" }, true, "PMIX_NAMESPACE=a@1;" },
	/* in one order, whatever the environment's */
	{ { "PMIX_SERVER_URI2=u", "PMIX_NAMESPACE=a" }, true, "PMIX_NAMESPACE=a;PMIX_SERVER_URI2=u;" },
	{ { "PMIX_NAMESPACE=a", "PMIX_SERVER_URI2=u" }, true, "PMIX_NAMESPACE=a;PMIX_SERVER_URI2=u;" },
	/* an address is no job's, and a batch job may have many launchers */
	{ { "PMIX_SERVER_URI2=u" }, false, "PMIX_SERVER_URI2=u;" },
	{ { "SLURM_JOB_ID=7" }, false, "SLURM_JOB_ID=7;" },
	{ { "SLURM_JOB_ID=7", "SLURM_STEP_ID=0" }, true, "SLURM_STEP_ID=0;SLURM_JOB_ID=7;" },
	{ { "SLURM_JOB_ID=7", "SLURM_STEP_ID=" }, false, "SLURM_JOB_ID=7;" },
	{ { "OMPI_MCA_ess_base_jobid=1" }, true, "OMPI_MCA_ess_base_jobid=1;" },
	{ { "PMI_PORT=h:1", "PMI_ID=3" }, true, "PMI_PORT=h:1;" },
	/* a rank's own is not in it */
	{ { "PMI_FD=8", "PMI_RANK=0", "PMI_SIZE=4", "MPI_LOCALNRANKS=4", "MPI_LOCALRANKID=0" }, false, "" },
};

START_TEST(job)
{
	cleanup(strbuf_done) struct strbuf out = STRBUF_INIT;

	strbuf_puts(&out, "");
	ck_assert_int_eq(siblings_job(jobs[_i].env, &out), jobs[_i].enough);
	ck_assert(strbuf_ok(&out));
	for (size_t i = 0; i < out.len; i++)
		if (out.text[i] == '\0')
			out.text[i] = ';';
	ck_assert_str_eq(out.text, jobs[_i].want);
}
END_TEST

static const struct {
	const char *env[VARS];
	int want;
} fds[] = {
	{ { NULL }, -1 },		   { { "PMI_FD=8" }, 8 },
	{ { "PMI_FD=0" }, 0 },		   { { "PMI_FD=" }, -1 },
	{ { "PMI_FD=-1" }, -1 },	   { { "PMI_FD=08" }, -1 },
	{ { "PMI_FD=2147483648" }, -1 },   { { "PMI_FDX=8", "XPMI_FD=8" }, -1 },
	{ { "PMI_FD=8 9" }, -1 },
};

START_TEST(launcher_fd)
{
	ck_assert_int_eq(siblings_launcher_fd(fds[_i].env), fds[_i].want);
}
END_TEST

int main(void)
{
	TCase *c = tcase_create("siblings");

	tcase_add_loop_test(c, is_here, 0, ARRAY_SIZE(here));
	tcase_add_loop_test(c, job, 0, ARRAY_SIZE(jobs));
	tcase_add_loop_test(c, launcher_fd, 0, ARRAY_SIZE(fds));
	return unit_run("siblings", c);
}
