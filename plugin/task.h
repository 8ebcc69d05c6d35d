/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * task.h - the plugin in a task: enter the room as root, settle in as the user.
 *
 * Runs as:  a process that slurmstepd forked, with one thread: first root, then the user.
 * Promise:  a task that asked for an image and is not inside never gets to its program.
 */
#ifndef BERTH_TASK_H
#define BERTH_TASK_H

#include <slurm/spank.h>

#include "plugin/stepd.h"

/* LIMIT: ms until a task stops waiting for its answer: ROOM_WAIT_MS, and some more for a
 * launcher that is itself slow to start and to report. The tests' build waits less. */
#ifndef PLUGIN_WAIT_MS
#define PLUGIN_WAIT_MS 135000
#endif

enum {
	STATUS_BERTH = 125,	/* Berth could not */
	STATUS_NOT_RUN = 126,	/* the program is there but cannot be run */
	STATUS_NOT_FOUND = 127, /* the image has no such program */
};

/* From task_init_privileged. A failure is kept in the step for task_settle(). */
void task_join(spank_t sp, struct step *s);

/* From task_init. Returns 0, or the status to exit with. */
int task_settle(spank_t sp, struct step *s);

#endif
