/* SPDX-License-Identifier: BSD-3-Clause */
/* base64.c - bytes as text; see base64.h. */
#include "config.h"

#include <stdint.h>
#include <string.h>

#include "libimage/oci/base64.h"

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

int base64_decode(const char *text, char *out, size_t size, size_t *ret_n)
{
	size_t n = strspn(text, digits), pad = strlen(text) - n, at = 0;
	unsigned int bits = 0;
	uint32_t have = 0;

	if (n % 4 == 1 || strspn(text + n, "=") != pad || (pad > 0 && (pad > 2 || (n + pad) % 4 != 0)))
		return -1;
	for (size_t i = 0; i < n; i++) {
		have = (have << 6 | (uint32_t)(strchr(digits, text[i]) - digits)) & 0xffff;
		bits += 6;
		if (bits < 8)
			continue;
		bits -= 8;
		if (at >= size)
			return -1;
		out[at++] = (char)(have >> bits & 0xff);
	}
	*ret_n = at;
	return 0;
}

void base64_encode(const char *bytes, size_t n, char *out)
{
	const unsigned char *p = (const unsigned char *)bytes;

	for (size_t i = 0; i < n; i += 3) {
		uint32_t v = (uint32_t)p[i] << 16 | (i + 1 < n ? (uint32_t)p[i + 1] << 8 : 0) |
			     (i + 2 < n ? p[i + 2] : 0);

		*out++ = digits[v >> 18];
		*out++ = digits[v >> 12 & 63];
		*out++ = i + 1 < n ? digits[v >> 6 & 63] : '=';
		*out++ = i + 2 < n ? digits[v & 63] : '=';
	}
	*out = '\0';
}
