/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * takeover.h - Slurm's own --container option: read it, and take it away from Slurm.
 *
 * Since 21.08 srun, sbatch and salloc have an option of that name and a plugin cannot register
 * it. The commands export their parsed options as 'opt' and libslurm has accessors that do not
 * depend on its layout; between the end of parsing and the building of the request (that is in
 * slurm_spank_init_post_opt) the value can be read and removed. It must be removed: with it
 * set, Slurm 23.02 and later break --mpi=pmix, and a site's oci.conf takes an image for a bundle.
 *
 * Runs as: the user, in srun, sbatch and salloc only.
 */
#ifndef BERTH_TAKEOVER_H
#define BERTH_TAKEOVER_H

#include <slurm/spank.h>
#include <stdbool.h>

/* Does this Slurm have its own --container (21.08 and later)? Unknown counts as yes. */
bool takeover_native(spank_t sp);

/* Note what the environment says before options are parsed; from slurm_spank_init. */
void takeover_init(void);

/* The value given to --container of this command (or component), or NULL. */
const char *takeover_value(void);

/* Make Slurm forget the value. */
void takeover_clear(void);

/* A site that uses Slurm's OCI support has this file beside slurm.conf, on every node. */
bool takeover_site_has_oci(void);

/* Any option's value as Slurm prints it, or NULL where it cannot be had. */
const char *takeover_option(const char *name);

#endif
