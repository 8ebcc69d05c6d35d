/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * linger.h - slurmstepd waits for the last of Berth's own processes before it ends a step.
 *
 * SLURM: the cgroup plugin removes the step's cgroup when the tasks have ended; while a process is
 * in it, it kills, and sleeps a whole second before it looks again. Launcher and image server are
 * there, and end within a millisecond of the last task: that is what is waited for.
 *
 * Runs as: root in slurmstepd (open, wait, close), root in its tasks (note).
 */
#ifndef BERTH_LINGER_H
#define BERTH_LINGER_H

#include <sys/types.h>

void linger_open(void);
void linger_close(void);

/* A task was told who serves its room; 0: nobody. */
void linger_note(pid_t launcher, pid_t server);

/* Who serves the room; 0: nobody, or not known. */
pid_t linger_server(void);

/* After the last task: until both have ended, or for LINGER_MS. */
void linger_wait(void);

#endif
