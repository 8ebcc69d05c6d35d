/* SPDX-License-Identifier: BSD-3-Clause */
/* locale.c - names of locales; see locale.h. */
#include "config.h"

#include <ctype.h>
#include <stdint.h>
#include <string.h>

#include "launcher/view/locale.h"
#include "libimage/base/num.h"

/* FORMAT: struct locarhead of glibc, 32-bit numbers in the machine's order. */
enum { ARCHIVE_MAGIC = 0xde020109, AT_STRINGS_OFFSET = 20, AT_STRINGS_USED = 24 };

bool locale_plain(const char *name, char out[LOCALE_NAME_MAX])
{
	bool codeset = false;
	size_t n = 0;

	for (const char *p = name; *p; p++) {
		unsigned char c = (unsigned char)*p;

		if (c <= 0x20 || c >= 0x7f || c == '/' || n + 1 >= LOCALE_NAME_MAX)
			return false;
		codeset = c == '.' || (codeset && c != '@');
		if (codeset && c != '.' && !isalnum(c))
			continue;
		out[n++] = (char)(codeset ? tolower(c) : c);
	}
	out[n] = '\0';
	return n > 0 && out[0] != '.';
}

bool locale_is_built_in(const char *name)
{
	return strcmp(name, "C") == 0 || strcmp(name, "POSIX") == 0;
}

bool locale_is_variable(const char *name, size_t n)
{
	return (n == 4 && memcmp(name, "LANG", 4) == 0) || (n > 3 && memcmp(name, "LC_", 3) == 0);
}

static uint32_t number(const unsigned char *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

bool locale_strings(const unsigned char head[LOCALE_HEAD_BYTES], size_t *ret_offset, size_t *ret_bytes)
{
	if (number(head) != (uint32_t)ARCHIVE_MAGIC || number(head + AT_STRINGS_USED) > LOCALE_STRINGS_MAX)
		return false;
	*ret_offset = number(head + AT_STRINGS_OFFSET);
	*ret_bytes = number(head + AT_STRINGS_USED);
	return true;
}

bool locale_among(const char *strings, size_t n, const char *name)
{
	size_t len = strlen(name);

	for (const char *p = strings, *end = strings + n; p < end;) {
		const char *nul = memchr(p, '\0', (size_t)(end - p));

		if (!nul)
			return false;
		if ((size_t)(nul - p) == len && memcmp(p, name, len) == 0)
			return true;
		p = nul + 1;
	}
	return false;
}
