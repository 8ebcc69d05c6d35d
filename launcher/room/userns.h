/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * userns.h - the user namespace that lets a user build a room.
 *
 * KERNEL: who makes one is root in it, whatever numbers are mapped; outside nothing changes.
 */
#ifndef BERTH_USERNS_H
#define BERTH_USERNS_H

#include <stdbool.h>
#include <sys/types.h>

struct berth_err;

/* The caller stays who he is: his uid and gid map to themselves, his groups keep their access. */
int userns_self(uid_t uid, gid_t gid, struct berth_err *err);

/*
 * The caller is root inside. Where newuidmap and newgidmap are installed and /etc/subuid and
 * /etc/subgid give 'user' (NULL: by number only) numbers of his own, those are 1, 2, ... inside;
 * otherwise root is all there is. *ret_ranges says which.
 */
int userns_root(uid_t uid, gid_t gid, const char *user, bool *ret_ranges, struct berth_err *err);

#endif
