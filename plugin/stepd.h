/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * stepd.h - the plugin in slurmstepd: does this step want an image, and start its launcher.
 *
 * Runs as:  root, in a process of several threads that must survive whatever happens here.
 * Uses:     base, view's spec and option table (text only).
 * Promise:  blocks only in step_forked and step_task_ended, for a moment that is bounded; never
 *           fails outwards (that drains nodes): errors are kept in the step and each task meets
 *           them in task_init. Opens no path that a user named, asks no NSS, parses no image.
 *           Leaves no descriptor but one socket, changes no umask, signal, directory or
 *           identity.
 */
#ifndef BERTH_STEPD_H
#define BERTH_STEPD_H

#include <slurm/spank.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "launcher/view/spec.h"
#include "libimage/base/err.h"
#include "libimage/base/step_wire.h"

struct step {
	bool wanted;	     /* an image was asked for: without it no task may run */
	bool joined;	     /* this process is inside (only ever true in a task) */
	bool multi;	     /* --multi-prog: argv[0] is no program */
	uint32_t job, step;
	uint32_t ntasks, ended; /* of this node */
	int sock;	     /* to the launcher, or -1 */
	pid_t launcher;	     /* or -1 */
	struct room_spec spec;
	struct berth_err err; /* code other than BERTH_OK: refuse, and say this */
	char pmix_dir[STEP_DIR_MAX];
};

#define STEP_INIT { .sock = -1, .launcher = -1 }

/* From init_post_opt. */
void step_start(spank_t sp, struct step *s);

/* From task_post_fork: reap the child that the launcher left. */
void step_forked(struct step *s);

/* From task_exit, in slurmstepd. */
void step_task_ended(spank_t sp, struct step *s);

/* From exit. */
void step_done(struct step *s);

/* The value of 'name' in a job's environment, or NULL. */
const char *job_env_get(char *const *env, const char *name);

#endif
