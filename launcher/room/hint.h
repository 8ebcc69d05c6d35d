/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * hint.h - what to do where the host refuses what a room is made of.
 *
 * Each adds a hint to 'err', which has been filled, by the errno 'sys', and returns -1. They look
 * at nothing: the causes that share an errno are told apart by 'berth doctor'.
 */
#ifndef BERTH_HINT_H
#define BERTH_HINT_H

struct berth_err;

int hint_userns(struct berth_err *err, int sys); /* unshare(CLONE_NEWUSER) */
int hint_map(struct berth_err *err, int sys);	 /* a write to uid_map or gid_map */
int hint_mntns(struct berth_err *err, int sys);	 /* unshare(CLONE_NEWNS) */
int hint_fuse(struct berth_err *err, int sys);	 /* open("/dev/fuse") */

#endif
