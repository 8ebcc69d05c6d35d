/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * env_file.h - the files of --env-file.
 *
 * Runs as:  the user, outside: before the room is begun.
 */
#ifndef BERTH_ENV_FILE_H
#define BERTH_ENV_FILE_H

#include "launcher/view/spec.h"

struct berth_err;

/*
 * Run each file of spec->env_files as a shell script that sees this process's environment, and put
 * the variables it sets before those of spec->env. A plain one (script.h) needs no shell, else the
 * host's /bin/sh runs it. HOME is left out.
 * Fails: BERTH_ENOTFOUND, BERTH_EDENIED, BERTH_EUSAGE too long or not run to its end, BERTH_ESYS.
 */
int env_files_load(struct room_spec *spec, struct berth_err *err);

#endif
