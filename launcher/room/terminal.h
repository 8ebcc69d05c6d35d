/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * terminal.h - a program of an image must not type for its user.
 *
 * KERNEL: TIOCSTI puts characters into a terminal's input as if they had been typed, TIOCLINUX does on
 * a console; the shell that the user comes back to would run them. Linux 6.2 and newer refuse the first
 * where dev.tty.legacy_tiocsti is 0.
 */
#ifndef BERTH_TERMINAL_H
#define BERTH_TERMINAL_H

struct berth_err;

/*
 * Inside the room, once there is no way to new privileges: where the process has a controlling
 * terminal and the kernel would allow it, these calls fail with EPERM from now on. Nothing is done,
 * and no program made slower, where there is none.
 */
int terminal_guard(struct berth_err *err);

#endif
