/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * build_run.h - one form of an image becomes another: what build, import and export share.
 *
 * Runs as:  the user, in berth-image.
 */
#ifndef BERTH_BUILD_RUN_H
#define BERTH_BUILD_RUN_H

#include <stdbool.h>

#include "launcher/cli/fetch.h"
#include "libimage/build/make.h"

struct berth_err;

struct build_words {
	const char *out, *source; /* as the user wrote them */
	const char *format;	  /* --format; NULL: what 'out' says */
	const char *mksquashfs;	  /* --mksquashfs-args */
	bool sandbox, force, keep_owner, keep_devices, fix_modes;
	struct fetch_options fetch;
};

/* What is to be made, of the words; in *ret_ref, which it borrows from. Fails: BERTH_EUSAGE. */
int build_target(const struct build_words *w, struct image_ref *ret_ref, struct target *ret, struct berth_err *err);

/* Make it, and say so. Fails: as make.h and pull.h. */
int build_run(const struct build_words *w, struct berth_err *err);

#endif
