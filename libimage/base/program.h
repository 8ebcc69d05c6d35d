/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * program.h - find a program as execvp() would, and say why not where it cannot.
 *
 * Runs as: the user, inside the room; looks only, runs nothing.
 */
#ifndef BERTH_PROGRAM_H
#define BERTH_PROGRAM_H

#include <limits.h>

struct berth_err;

/*
 * Look 'name' up in 'path' (a PATH value; NULL: execvp's default), or take it as it is if it
 * has a slash. Puts what to execute in 'out'.
 * Fails: BERTH_ENOTFOUND no such program, or its interpreter is missing (status 127);
 *        BERTH_EDENIED found, but not executable (126);
 *        BERTH_EIMAGE an ELF program for another machine (126): names both.
 */
int program_find(const char *name, const char *path, char out[PATH_MAX], struct berth_err *err);

#endif
