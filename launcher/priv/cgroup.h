/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * cgroup.h - put Berth's own processes where the step's processes are.
 *
 * slurmstepd kills, and waits for, what is in the step's cgroups. What stays in slurmstepd's
 * own would outlive the step (v1: in job_N) or hold it until UnkillableStepTimeout (v2: in
 * step_N/slurm) and drain the node.
 */
#ifndef BERTH_CGROUP_H
#define BERTH_CGROUP_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * Move 'pids' (0: none) to the cgroups of step 'step' of job 'job', found through process 'task'
 * of it. Nothing is done where Slurm uses no cgroups.
 * Returns 0, or 1 where Slurm has yet to make the cgroup for them (v2): call it again later.
 */
int cgroup_follow(pid_t task, uint32_t job, uint32_t step, const pid_t *pids, size_t npids);

/*
 * The directory below the hierarchy's mount point for a line of /proc/PID/cgroup, or -1 if it is
 * not a step's. For job 7, step 0:
 *   "4:freezer:/slurm/uid_1/job_7"               "/freezer/slurm/uid_1/job_7/step_0"
 *   "3:devices:/slurm/uid_1/job_7/step_0"         "/devices/slurm/uid_1/job_7/step_0"
 *   "0::/system.slice/slurmstepd.scope/job_7/step_0/slurm"
 *                                  "/system.slice/slurmstepd.scope/job_7/step_0/user/task_special"
 */
int cgroup_step_dir(const char *line, uint32_t job, uint32_t step, char *out, size_t size);

#endif
