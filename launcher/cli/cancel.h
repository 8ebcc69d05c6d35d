/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * cancel.h - Ctrl-C while an image is made: what waits is told by a descriptor, so that all is put away
 * in order, and the process then ends by the signal, as the shell that started it expects.
 */
#ifndef BERTH_CANCEL_H
#define BERTH_CANCEL_H

struct berth_err;

/*
 * From now on SIGINT, SIGTERM and SIGHUP make the descriptor that is returned readable, and interrupt
 * system calls that wait; who was started with one of them ignored (nohup) goes on ignoring it. -1 and *err.
 */
int cancel_watch(struct berth_err *err);

/* If one of them came: end by it. Else nothing. */
void cancel_end(void);

#endif
