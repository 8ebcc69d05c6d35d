/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * values.h - rules about what users type, and the settings' way to the node.
 *
 * Runs as:  the user (srun, sbatch, salloc), and root in slurmstepd: text only, bounded, no
 *           system call.
 * Uses:     base, view's option table.
 *
 * A setting given several times travels as one variable with a line for each, which is safe
 * because a value may hold no control character.
 */
#ifndef BERTH_VALUES_H
#define BERTH_VALUES_H

#include <stdbool.h>

struct berth_err;
struct option_row;
struct room_spec;

/* 1 to VALUE_MAX bytes, none of them a control character. BERTH_EUSAGE, 'what' named. */
int value_check(const char *what, const char *text, struct berth_err *err);

/* Apply each line of 'lines' to 'spec' by 'row'. BERTH_EUSAGE names the option. */
int setting_apply(const struct option_row *row, const char *lines, struct room_spec *spec,
		  struct berth_err *err);

/* Does 'lines' have the line 'text'? */
bool setting_has(const char *lines, const char *text);

#endif
