/* SPDX-License-Identifier: BSD-3-Clause */
/* base64.h - bytes as text (RFC 4648, section 4), strictly. */
#ifndef BERTH_BASE64_H
#define BERTH_BASE64_H

#include <stddef.h>

#define BASE64_SIZE(n) (((n) + 2) / 3 * 4 + 1) /* with a NUL */

/* Decode into 'out' of 'size' bytes; padding may be left out. Returns 0, or -1: no base64, or too much. */
int base64_decode(const char *text, char *out, size_t size, size_t *ret_n);

/* Encode 'n' bytes into 'out', which has BASE64_SIZE(n). */
void base64_encode(const char *bytes, size_t n, char *out);

#endif
