/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * death.h - say that the image server died, where that is why tasks failed.
 *
 * A server that is killed leaves its readers with ENOTCONN or SIGBUS and no word of explanation.
 * Nobody waits for it; so slurmstepd looks when a task has ended. Until the last one has, the
 * launcher's step_hold in slurmstepd's socket keeps the room, and a server whose room lives does
 * not end by itself.
 *
 * Runs as: root in slurmstepd (open, close, look), root in its tasks (note).
 * Promise: silent when Slurm or somebody else kills the step's processes, the server among them:
 *          then tasks end by SIGKILL, and none of them runs on.
 */
#ifndef BERTH_DEATH_H
#define BERTH_DEATH_H

#include <stdbool.h>
#include <sys/types.h>

/* A task that has ended and was reaped. */
struct death_task {
	pid_t pid;
	int status; /* as wait() has it */
	bool last;  /* of this node */
};

void death_open(void);
void death_close(void);

/* In a task that is in the room. */
void death_note(void);

/*
 * Is 'server' (0: none) dead, and was it not Slurm? Says so once. 'sock' is where step_hold lies.
 * Blocks only then, and for DEATH_SURE_MS.
 */
void death_look(const struct death_task *task, int sock, pid_t server);

#endif
