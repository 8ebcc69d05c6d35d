/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * capture.h - start a program, take the line that it prints, and let it end.
 *
 * Promise:  nothing else changes in the process that asks, which may be srun: no handler, no signal mask,
 *           no descriptor; the child is reaped. It has our standard error, no other descriptor of ours,
 *           and no signal blocked.
 */
#ifndef BERTH_CAPTURE_H
#define BERTH_CAPTURE_H

#include <limits.h>
#include <sys/types.h>

struct berth_err;

struct capture {
	pid_t pid;
	int hold;	     /* the child's standard input, which ends with it */
	int status;	     /* of the child that is over, as wait() has it; -1: somebody else reaped it */
	char line[PATH_MAX]; /* without its newline */
};

#define CAPTURE_INIT { .pid = -1, .hold = -1, .status = -1 }

/*
 * Start 'program' and wait, as long as it takes, for a line on its standard output. It goes on until it
 * sees the end of its standard input, or as it likes.
 * Returns 1: ret->line is there. 0: it ended without one, and has said why. Or -1 and *err: it did not
 * start, or printed something else than one line with something on it.
 */
int capture_begin(const char *program, char *const argv[], struct capture *ret, struct berth_err *err);

/* Its standard input ends; wait for its end. May be called twice, and by a child of who began it. */
void capture_end(struct capture *c);

#endif
