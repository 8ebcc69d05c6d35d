/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * inspect_parts.h - what the author of an image says about it: labels, scripts, definition.
 *
 * Runs as:  the user, in berth-image.
 */
#ifndef BERTH_INSPECT_PARTS_H
#define BERTH_INSPECT_PARTS_H

#include <stdbool.h>

#include "libimage/base/str.h"

struct berth_err;

enum inspect_part {
	PART_HELP = 1 << 0,
	PART_DEFFILE = 1 << 1,
	PART_RUNSCRIPT = 1 << 2,
	PART_STARTSCRIPT = 1 << 3,
	PART_TEST = 1 << 4,
	PART_ENVIRONMENT = 1 << 5,
	PART_LABELS = 1 << 6,
	PART_APPS = 1 << 7,
	PART_ALL = (1 << 8) - 1,
};

/*
 * Append the 'parts' of the image 'path', or of its SCIF app 'app' (NULL: the image itself), as
 * text, or as the JSON that Apptainer prints. A part that is not there is left out.
 * Fails: BERTH_ENOTFOUND no such image or app, BERTH_EDENIED, BERTH_EIMAGE.
 */
int inspect_parts(const char *path, const char *app, unsigned int parts, bool json, struct strbuf *out,
		  struct berth_err *err);

/* What a builder says of an image that is not in the directory it is made of. */
struct inspect_built {
	const char *definition;
	const struct strlist *labels; /* name, value, sorted by name; they go before the directory's own */
};

/* Append all parts of the directory 'path', as the image that is made of it will have them: one line of JSON. */
int inspect_built(const char *path, const struct inspect_built *built, struct strbuf *out, struct berth_err *err);

#endif
