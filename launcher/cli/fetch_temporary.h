/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * fetch_temporary.h - --disable-cache: an image of a registry as a file that is gone once it is open.
 *
 * Runs as:  the user, in berth-image.
 */
#ifndef BERTH_FETCH_TEMPORARY_H
#define BERTH_FETCH_TEMPORARY_H

#include "launcher/cli/fetch.h"

struct fetch_temporary {
	char *dir;  /* 0700, made for it alone, below --tmpdir, TMPDIR or /tmp */
	char *path; /* in there */
};

/* fetch_temporary_done() removes both, also after failure. Fails: as pull.h. */
int fetch_temporary_get(const char *text, const struct fetch_options *o, struct fetch_temporary *ret,
			struct berth_err *err);
void fetch_temporary_done(struct fetch_temporary *t);

#endif
