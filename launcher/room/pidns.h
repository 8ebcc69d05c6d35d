/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * pidns.h - a room whose processes have numbers of their own (--pid).
 *
 * A process cannot enter a new PID namespace, only its children can, so here, and only here, a
 * process stays between caller and program:
 *
 *   caller's process (waits, passes signals on, ends as the program ended)
 *     '- pid 1 of the namespace: builds the room, then reaps        (--no-init: is the program)
 *          '- pid 2: the program
 *
 * All three stay in the caller's session and process group, so the terminal reaches the program
 * without help. When pid 1 ends, the kernel kills whatever is left in the namespace; when the
 * caller's process dies, pid 1 dies.
 */
#ifndef BERTH_PIDNS_H
#define BERTH_PIDNS_H

struct berth_err;

/*
 * Go on in a child that is pid 1 of a new namespace. The caller's process does not return: it ends
 * with the program. *ret_report is where pidns_init() says what becomes of the program. A child of the
 * caller's, as the image server's guard, is the caller's process's to reap.
 */
int pidns_split(int *ret_report, struct berth_err *err);

/*
 * The same without a new namespace: for who has entered one with setns(), where its children are. The
 * child may become the program; *ret_report shuts with that, and ends the talk.
 */
int pidns_fork(int *ret_report, struct berth_err *err);

/*
 * Last, in pid 1, inside the room: go on in a child, which becomes the program. Pid 1 does not return:
 * it reaps what is orphaned in the namespace and ends after the program. 'report' is closed.
 */
int pidns_init(int report, struct berth_err *err);

#endif
