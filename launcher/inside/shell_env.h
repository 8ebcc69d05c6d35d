/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * shell_env.h - have /bin/sh run a text, and learn which variables it exports then.
 *
 * Runs as:  the user; inside the room for the image's scripts, outside for --env-file.
 * Promise:  ends by the deadline, with every process that stayed in the shell's group. The text
 *           reads /dev/null, writes to standard error and has no other descriptor of the caller.
 */
#ifndef BERTH_SHELL_ENV_H
#define BERTH_SHELL_ENV_H

#include "libimage/base/str.h"

struct berth_err;

enum { SHELL_ENV_S = 60 }; /* LIMIT: seconds, as other runtimes give the scripts */

/*
 * Run 'text' with the variables 'env' and put the exported ones, NAME=VALUE with a shell's name,
 * in 'ret', without PWD, OLDPWD, SHLVL and "_". 'seconds' 0: SHELL_ENV_S.
 * Returns 1; 0: the text ended the shell before its end, which *err describes; or
 * -1: BERTH_ENOTFOUND there is no /bin/sh, BERTH_EIMAGE the deadline passed, BERTH_ESYS.
 */
int shell_env_run(const char *text, char *const *env, unsigned int seconds, struct strlist *ret,
		  struct berth_err *err);

#endif
