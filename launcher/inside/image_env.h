/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * image_env.h - the scripts in an image's /.singularity.d/env, run for the program to come.
 *
 * Runs as:  the user, inside the room.
 */
#ifndef BERTH_IMAGE_ENV_H
#define BERTH_IMAGE_ENV_H

#include "launcher/view/spec.h"

struct berth_err;

/*
 * The environment of a program that 'command' runs, without what an image has to say. 'host' is the
 * caller's, outside. 'ret' is empty before.
 */
int image_env_without(const char *const *host, const struct room_spec *spec, const char *command,
		      struct strlist *ret, struct berth_err *err);

/*
 * Replace 'env' by what the image's scripts make of it; without scripts it stays, at the cost of
 * one file that is not found, two where the image has no /.singularity.d. Plain scripts
 * (script.h) are evaluated here, else all of them by the image's shell; where it has none, or the
 * scripts end it, a warning says so and the plain ones count.
 * Fails: BERTH_EIMAGE too many scripts, or they do not end in time; BERTH_ENOTFOUND no such app.
 */
int image_env(const char *const *host, const struct room_spec *spec, const char *command, struct strlist *env,
	      struct berth_err *err);

#endif
