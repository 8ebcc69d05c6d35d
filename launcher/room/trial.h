/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * trial.h - try on this host, one by one, what the start of a room needs.
 *
 * Runs as:  the calling user (root: nobody), in a child made for it. Afterwards the process is in
 *           namespaces that lead nowhere, and must end; the kernel takes them away with it.
 * Used by:  launcher/cli, for `berth doctor`.
 *
 * Each fails with the error, and the hint, that a start would have; the errno is in err->sys.
 */
#ifndef BERTH_TRIAL_H
#define BERTH_TRIAL_H

struct berth_err;

/* A user namespace with the caller mapped to himself. Root becomes nobody first, for good. */
int trial_userns(struct berth_err *err);

/* After it: a mount namespace whose mounts are slaves. */
int trial_mntns(struct berth_err *err);

/* After both: open /dev/fuse; and mount a FUSE file system that nobody serves, unattached. */
int trial_fuse_open(int *ret_fd, struct berth_err *err);
int trial_fuse_mount(int fuse_fd, struct berth_err *err);

/* After both: an overlay with a writable layer on a tmpfs. */
int trial_overlay(struct berth_err *err);

#endif
