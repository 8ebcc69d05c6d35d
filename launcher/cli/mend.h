/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * mend.h - what to do about errors that any system call can have: a limit was reached.
 *
 * Pure. Where it is known, the remedy replaces what the failing place had guessed: a file that
 * cannot be opened for want of descriptors is not unreadable.
 */
#ifndef BERTH_MEND_H
#define BERTH_MEND_H

struct berth_err;

void mend_limits(struct berth_err *err);

#endif
