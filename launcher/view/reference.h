/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * reference.h - images that are named by something else than a path: docker://alpine.
 *
 * Runs as:  the user. Text only.
 */
#ifndef BERTH_REFERENCE_H
#define BERTH_REFERENCE_H

#include <stdbool.h>

struct berth_err;

/* Is it the name of an image that becomes a file first, in the store: docker://alpine? */
bool reference_is_fetched(const char *text);

/*
 * Refuse 'text' if it is any such name, and so no path. A file that is called so is named with "./" or
 * "/" before it. Fails: BERTH_ENOTFOUND, which says where such an image lies.
 */
int reference_refuse(const char *text, struct berth_err *err);

#endif
