/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * contain.h - what a room has of its own in the place of the host's: empty directories and a small
 * /dev.
 *
 *   /dev        a read-only directory of the room's tmpfs: links, and mount points for
 *     null ...    nodes of the host's /dev, each by itself (arm->device)
 *     shm         a new tmpfs (arm->fresh)
 *     pts         a new devpts, so that its terminals are the room's alone
 *
 * Runs as:  the user, in berth itself. Under Slurm no plan holds any of this.
 */
#ifndef BERTH_CONTAIN_H
#define BERTH_CONTAIN_H

#include <stdbool.h>
#include <sys/types.h>

#include "launcher/room/arm.h"
#include "launcher/view/plan.h"

/* An empty directory 'name' in the directory 'tmp_fd', of that mode. Returns a descriptor, or -1. */
int contain_empty(int tmp_fd, const char *name, mode_t mode, struct berth_err *err);

/* The small /dev, without its mounts, in the directory 'tmp_fd'. Returns a descriptor, or -1. */
int contain_dev(int tmp_fd, struct berth_err *err);

/*
 * A mount point 'rest' ("a/b") below the directory 'dir_fd', with the directories above it. What is
 * there already stays; no link is followed.
 */
int contain_point(int dir_fd, const char *rest, bool dir, struct berth_err *err);

/*
 * The host's directory 'name' ("tmp", "scratch/a/b") below 'workdir', made with that mode where it is
 * missing; those above it, too. Below 'workdir' no link is followed: an earlier program inside may
 * have left it. Returns a descriptor, or -1.
 */
int contain_kept(const char *workdir, const char *name, mode_t mode, struct berth_err *err);

/*
 * Carry out 'm', a PLAN_NODE, _SHM or _PTS, on the target 'dst_fd'; 'src_fd' is the node. Fails with
 * BERTH_EDENIED for a device that is not of the host's own /dev.
 */
int contain_attach(const struct arm *arm, const struct plan_mount *m, int src_fd, int dst_fd,
		   struct berth_err *err);

#endif
