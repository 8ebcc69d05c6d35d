/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * build_metadata.h - what `berth build` puts into an image beside its files, as Apptainer's build of a
 * directory does: of what it was made, and all that inspect shows.
 *
 * The same directory under the same name gives the same bytes.
 */
#ifndef BERTH_BUILD_METADATA_H
#define BERTH_BUILD_METADATA_H

#include <stdint.h>

#include "libimage/base/str.h"
#include "libimage/build/build.h"

struct berth_err;

struct build_metadata {
	struct strbuf definition, inspect; /* what 'v' points to */
	struct build_object v[2];
	size_t n;
};

/*
 * Of the directory as the user names it. Where inspect would fail on it that part is left out, with a
 * warning. Fails: BERTH_ESYS no memory.
 */
int build_metadata(const char *dir, int64_t epoch, struct build_metadata *ret, struct berth_err *err);
void build_metadata_done(struct build_metadata *m);

#endif
