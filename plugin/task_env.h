/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * task_env.h - the environment of a task, as `berth exec` makes it.
 *
 * Runs as:  the user, inside the room, in the process that is about to be the program.
 * Uses:     launcher/inside: reads the image's environment scripts, and runs its shell where one
 *           of them needs it, in the task's own cgroup, which bounds what a script can do.
 */
#ifndef BERTH_TASK_ENV_H
#define BERTH_TASK_ENV_H

#include <slurm/spank.h>

#include "launcher/view/spec.h"

struct berth_err;

/*
 * Change Slurm's copy of the task's environment to the one inside; '*path' becomes a copy of its
 * PATH, to be freed. Fails as image_env() does, or BERTH_ESYS.
 */
int task_env(spank_t sp, const struct room_spec *spec, char **path, struct berth_err *err);

#endif
