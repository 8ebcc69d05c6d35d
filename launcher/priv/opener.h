/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * opener.h - the user's half of berth-launcher --step.
 *
 * A child of the launcher, forked inside the room's new mount namespace, that becomes the user
 * for good before it looks at the spec. It opens image and bind sources with the user's rights
 * (0700 homes, root_squash), resolves every target, and asks root to attach descriptors.
 */
#ifndef BERTH_OPENER_H
#define BERTH_OPENER_H

#include <stddef.h>
#include <sys/types.h>

#include "launcher/view/site.h"

struct opener_job {
	uid_t uid;
	gid_t gid;
	const gid_t *groups;
	size_t ngroups;
	const char *spec; /* packed */
	size_t spec_bytes;
	const char *pmix_dir;
	const struct site *site;
};

/* Runs in the child; 'sock' is its end of the pair to root. Never returns. */
_Noreturn void opener_main(int sock, const struct opener_job *job);

#endif
