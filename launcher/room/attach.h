/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * attach.h - go where a running process is: into its room, by descriptor.
 *
 * Runs as:  the user whose process it is; or root, who becomes that user for good.
 * Used by:  launcher/cli, for `berth enter`.
 *
 * All that is needed of the process is opened before anything is changed, so it may end, and its
 * number may become another's, at any moment: either the room is entered or the call fails.
 */
#ifndef BERTH_ATTACH_H
#define BERTH_ATTACH_H

#include <stdbool.h>
#include <sys/types.h>

#include "libimage/base/str.h"

struct berth_err;

enum attach_space { SPACE_USER, SPACE_MNT, SPACE_PID, SPACE_IPC, SPACE_UTS, SPACE_NET, SPACE_CGROUP, SPACE_SPACES };

struct attach_target {
	pid_t pid;
	int proc, root, cwd; /* /proc/PID; its root; its directory, -1: not to be had */
	int ns[SPACE_SPACES]; /* -1: it is our own */
	uid_t uid;
	gid_t gid;
	gid_t *groups;
	size_t ngroups;
	struct strlist env; /* as its program was started with */
};

#define ATTACH_TARGET_INIT { .proc = -1, .root = -1, .cwd = -1, .ns = { -1, -1, -1, -1, -1, -1, -1 } }

/*
 * Open the process 'pid' and read what it is. Fails: BERTH_ENOTFOUND no such process;
 * BERTH_EDENIED another user's, or it may not be looked at; BERTH_EUSAGE not in a room of Berth's,
 * or in the one that we are in.
 */
int attach_open(pid_t pid, struct attach_target *ret, struct berth_err *err);

/*
 * Enter it: its user, namespaces, root and directory; no capability afterwards and no way to one.
 * Where *ret_fork is set the caller must fork, and its child is in the pid namespace.
 * Fails: BERTH_EDENIED, BERTH_ESYS; the process must then end.
 */
int attach_enter(struct attach_target *t, bool *ret_fork, struct berth_err *err);

void attach_target_done(struct attach_target *t);

/* The ids of a line "Uid:\t..." or "Gid:\t..." of /proc/PID/status, and the list of "Groups:". Pure. */
int attach_parse_status(const char *text, struct attach_target *ret);

#endif
