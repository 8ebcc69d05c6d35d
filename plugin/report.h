/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * report.h - say it once per node, however many tasks have the same trouble.
 *
 * The page is shared by slurmstepd and the tasks it forks; whoever first exchanges a flag
 * prints. Without the page everyone prints: too much is better than nothing.
 *
 * Runs as: root in slurmstepd (open, close), root or the user in its tasks (the rest).
 */
#ifndef BERTH_REPORT_H
#define BERTH_REPORT_H

#include <stdbool.h>

struct berth_err;

void report_open(void);
void report_close(void);

/* The error and its hint on one line, escaped, on the user's terminal and in slurmd's log. */
void report_error(const struct berth_err *err);

/* Is this the first task of the node that asks? It alone says what there is to say about the image. */
bool report_first(void);

/* For -v: phase stamps. Same places, not called an error. */
void report_note(const char *text);

#endif
