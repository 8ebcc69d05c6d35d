/* SPDX-License-Identifier: BSD-3-Clause */
/* subid.c - lines of /etc/subuid; see subid.h. */
#include "config.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "launcher/view/subid.h"
#include "libimage/base/num.h"

enum { FIELD_MAX = 256 }; /* LIMIT: useradd's names have 32, a directory service's more */

/* The field of 'line' that ends at 'end' or at a colon, as a string; NULL: too long. */
static const char *field(const char *line, const char *end, char out[FIELD_MAX])
{
	const char *colon = memchr(line, ':', (size_t)(end - line));
	size_t n = (size_t)((colon ? colon : end) - line);

	if (n == 0 || n >= FIELD_MAX || memchr(line, '\0', n))
		return NULL;
	memcpy(out, line, n);
	out[n] = '\0';
	return (colon ? colon : end) + 1;
}

static bool is_owner(const char *name, const char *user, uid_t uid)
{
	uint64_t n;

	if (user && strcmp(name, user) == 0)
		return true;
	return num_parse_u64(name, UINT32_MAX, &n) == 0 && n == uid;
}

static bool parse(const char *line, const char *end, const char *user, uid_t uid, struct subid_range *ret)
{
	char owner[FIELD_MAX], first[FIELD_MAX], count[FIELD_MAX];
	const char *p = field(line, end, owner);
	uint64_t a, b;

	p = p && p < end ? field(p, end, first) : NULL;
	p = p && p < end ? field(p, end, count) : NULL;
	if (p != end + 1 || !is_owner(owner, user, uid) || num_parse_u64(first, UINT32_MAX - 1, &a) < 0 ||
	    num_parse_u64(count, UINT32_MAX - 1, &b) < 0 || a == 0 || b == 0 || a + b > UINT32_MAX)
		return false;
	*ret = (struct subid_range){ (unsigned long)a, (unsigned long)b };
	return true;
}

bool subid_find(const char *text, size_t n, const char *user, uid_t uid, struct subid_range *ret)
{
	for (const char *p = text, *end = text + n; p < end;) {
		const char *nl = memchr(p, '\n', (size_t)(end - p)), *stop = nl ? nl : end;

		if (parse(p, stop, user, uid, ret))
			return true;
		p = stop + 1;
	}
	return false;
}
