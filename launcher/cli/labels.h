/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * labels.h - an image's labels.json: one JSON object whose values are strings.
 *
 * Runs as:  the user, on text of the image's author. Strict: what RFC 8259 does not allow, or what
 *           is no string, is refused, not skipped.
 */
#ifndef BERTH_LABELS_H
#define BERTH_LABELS_H

#include <stddef.h>

#include "libimage/base/str.h"

struct berth_err;

/*
 * Add name, value, name, value ... to 'ret', sorted by name; of a name that stands twice the last
 * counts. Strings come as json_string() has them.
 * Fails: BERTH_EIMAGE, BERTH_ESYS no memory.
 */
int labels_parse(const char *text, size_t n, struct strlist *ret, struct berth_err *err);

#endif
