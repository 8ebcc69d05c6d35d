/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * keeper.h - the process that keeps a shared room for those who come late, and for no longer than
 * anybody is in it.
 *
 *   rank 0 (builder) --fork, fork-- keeper      nobody's child, own session, the caller's cgroup
 *      |    pair: the room, or why not  |
 *      '--------------------------------'
 *   rank 1..n ---- abstract socket -----'       each brings its pidfd, gets the namespaces
 *
 * It stands in the namespaces that the builder was called in, holds the room's namespaces and the
 * members' pidfds, and ends when the last member has, when there will be no room, or when the
 * builder died before there was one. It has no capability and ignores signals, so that a job's
 * SIGTERM, which is for the program, does not end it first.
 */
#ifndef BERTH_KEEPER_H
#define BERTH_KEEPER_H

struct berth_err;

/*
 * Fork it. 'listen_fd' is bound and listens, and stays the caller's to close.
 * Owns: on success *ret_pair is the caller's end of the pair, where it says what became of the room.
 * Fails: BERTH_ESYS.
 */
int keeper_start(int listen_fd, int *ret_pair, struct berth_err *err);

#endif
