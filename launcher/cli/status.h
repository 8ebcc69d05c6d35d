/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * status.h - from an error to the exit status of berth, in one table.
 *
 * As users' scripts expect from Apptainer: 1 where the command line is off, 255 for every
 * other error of berth itself. Any other status is the program's own, 128 + N of a program
 * that a signal N ended being the shell's way to say so: berth has become the program by then.
 */
#ifndef BERTH_STATUS_H
#define BERTH_STATUS_H

#include "libimage/base/err.h"

enum { STATUS_OK = 0, STATUS_USAGE = 1, STATUS_FAILED = 255 };

struct status_row {
	const char *name; /* "EUSAGE" */
	int status;
	const char *what; /* as the manual has it */
};

extern const struct status_row status_rows[BERTH_ECODES];

int status_of(enum berth_code code);

#endif
