/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * siblings.h - what the environment of a process says of its job: are other ranks on this host,
 * and what do all of them, and no other job's, have in common?
 *
 * A pure decision by the variables that mpirun, srun and their like set.
 * Uses:     libimage/base.     Used by: launcher/room (join).
 */
#ifndef BERTH_SIBLINGS_H
#define BERTH_SIBLINGS_H

#include <stdbool.h>

#include "libimage/base/str.h"

/*
 * Are there other ranks of this job on this host? A launcher that tells how many is believed; of
 * one that tells only that there are ranks, yes.
 */
bool siblings_here(const char *const *env);

/*
 * Append what identifies the job, "NAME=VALUE" with a NUL each, the same for all of its ranks on
 * this host. Returns whether that is enough: a batch job's number alone is not, for it may start
 * several launchers.
 */
bool siblings_job(const char *const *env, struct strbuf *out);

/* The descriptor by which a rank talks to its launcher (PMI_FD), or -1. */
int siblings_launcher_fd(const char *const *env);

#endif
