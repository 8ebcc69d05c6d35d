/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * runscript.h - the script of an image that run and test start.
 *
 * Runs as:  the user, inside the room.
 */
#ifndef BERTH_RUNSCRIPT_H
#define BERTH_RUNSCRIPT_H

#include <limits.h>

#include "launcher/view/spec.h"

struct berth_err;

/*
 * Put the path of what 'command', "run" or "test", starts into 'out': the app's script, if one was
 * asked for, else the image's. Returns 1; 0 if the image has none; or -1: BERTH_ENOTFOUND the app
 * has none.
 */
int runscript_find(const struct room_spec *spec, const char *command, char out[PATH_MAX],
		   struct berth_err *err);

#endif
