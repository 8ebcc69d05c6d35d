/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * keep.h - the last drop of a room without Slurm: all rights, or all but those that root asked for.
 *
 * Runs as:  root, or root of a user namespace of the caller's own.
 */
#ifndef BERTH_KEEP_H
#define BERTH_KEEP_H

struct berth_err;
struct room_spec;

/* Before anything is begun: may who calls ask for what 'spec' asks? BERTH_EDENIED. */
int keep_allowed(const struct room_spec *spec, struct berth_err *err);

/*
 * Keep what 'spec' says, lose the rest for good, become who it says. Without a wish: drop_caps(), or
 * drop_none() for --fakeroot.
 */
int keep_drop(const struct room_spec *spec, struct berth_err *err);

#endif
