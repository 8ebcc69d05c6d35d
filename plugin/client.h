/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * client.h - the plugin in srun, sbatch and salloc: from what the user typed to SLURM_BERTH_*.
 *
 * Runs as:  the user, with one thread, before the request to Slurm is built.
 * Uses:     base, view's option table.
 * Promise:  whatever goes wrong, the environment says so (SLURM_BERTH_REFUSE), so that no task
 *           runs on the host even where plugstack.conf says 'optional' and Slurm goes on.
 */
#ifndef BERTH_CLIENT_H
#define BERTH_CLIENT_H

#include <slurm/spank.h>

/* Register the options, in every context. In slurmstepd their callbacks do nothing. */
int client_register(spank_t sp);

/* All options of this command, or of this component of a heterogeneous one, are parsed. */
int client_post_opt(spank_t sp);

void client_done(void);

#endif
