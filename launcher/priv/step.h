/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * step.h - one Slurm step on one node: build its room once, hand it to every task.
 */
#ifndef BERTH_STEP_H
#define BERTH_STEP_H

/*
 * Serve the plugin on 'sock' (step_wire.h) until every local task has joined or been refused, or
 * slurmstepd is gone. Returns the process's exit status.
 */
int step_serve(int sock);

#endif
