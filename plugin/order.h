/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * order.h - is a SPANK plugin listed after ours that runs code as root in the user's image?
 *
 * Runs as: root in slurmstepd. Looks at what is loaded; calls nothing of it.
 */
#ifndef BERTH_ORDER_H
#define BERTH_ORDER_H

struct berth_err;

/*
 * Refuse (BERTH_ECONFIG, the plugin named) if a library loaded after this one has
 * slurm_spank_task_init_privileged: that hook would run as root after our tasks have joined,
 * so with the image's files, its /etc/nsswitch.conf and its /bin/sh.
 * SLURM: all SPANK plugins are loaded, in the order of plugstack.conf, before any hook runs.
 */
int order_check(struct berth_err *err);

#endif
