/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * spool.h - where Slurm's PMIx server keeps a step's files.
 *
 * Runs as: root in slurmstepd. Looks at its own descriptors only.
 */
#ifndef BERTH_SPOOL_H
#define BERTH_SPOOL_H

#include <stdint.h>

#include "libimage/base/step_wire.h"

/*
 * "<SlurmdSpoolDir>/pmix.<job>.<step>" in 'out', or "" where the spool directory is not known.
 * The directory itself is made later, and only with --mpi=pmix.
 * SLURM: no hook tells SlurmdSpoolDir, but slurmstepd listens on "<spool>/<node>_<job>.<step>".
 */
void spool_pmix_dir(uint32_t job, uint32_t step, char out[STEP_DIR_MAX]);

#endif
