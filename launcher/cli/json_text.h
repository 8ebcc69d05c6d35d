/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * json_text.h - the tokens of JSON, for the few small forms that image authors write and we show.
 *
 * Runs as:  the user, on text of the image's author. Strict: what RFC 8259 does not allow is refused.
 */
#ifndef BERTH_JSON_TEXT_H
#define BERTH_JSON_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "libimage/base/str.h"

struct json_reader {
	const char *p, *end; /* what is not yet read */
};

void json_skip_space(struct json_reader *r);

/* Is the next character, but for space, 'c'? Then it is taken. */
bool json_take(struct json_reader *r, char c);

/*
 * Take a string, as UTF-8, and add it to 'ret' (or note there that memory ran out); a lone half of a
 * surrogate pair comes as U+FFFD. False: there is none, or it is malformed or has a NUL.
 */
bool json_string(struct json_reader *r, struct strlist *ret);

/* Append 'n' bytes as a JSON string; bytes that are not UTF-8 come as U+FFFD. */
void json_text_string(struct strbuf *out, const char *text, size_t n);

#endif
