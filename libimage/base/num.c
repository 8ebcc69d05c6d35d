/* SPDX-License-Identifier: BSD-3-Clause */
/* num.c - strict numbers; see num.h. */
#include "config.h"

#include <endian.h>
#include <string.h>

#include "libimage/base/num.h"

int num_parse_u64(const char *text, uint64_t max, uint64_t *ret)
{
	uint64_t v = 0;

	if (text[0] == '\0' || (text[0] == '0' && text[1] != '\0'))
		return -1;
	for (const char *p = text; *p; p++) {
		if (*p < '0' || *p > '9' || num_mul_u64(v, 10, &v) < 0 ||
		    num_add_u64(v, (uint64_t)(*p - '0'), &v) < 0)
			return -1;
	}
	if (v > max)
		return -1;
	*ret = v;
	return 0;
}

int num_add_u64(uint64_t a, uint64_t b, uint64_t *ret)
{
	uint64_t v;

	if (__builtin_add_overflow(a, b, &v))
		return -1;
	*ret = v;
	return 0;
}

int num_mul_u64(uint64_t a, uint64_t b, uint64_t *ret)
{
	uint64_t v;

	if (__builtin_mul_overflow(a, b, &v))
		return -1;
	*ret = v;
	return 0;
}

uint16_t num_le16(const void *p)
{
	uint16_t v;

	memcpy(&v, p, sizeof(v));
	return le16toh(v);
}

uint32_t num_le32(const void *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return le32toh(v);
}

uint64_t num_le64(const void *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return le64toh(v);
}

void num_put_le32(void *p, uint32_t v)
{
	v = htole32(v);
	memcpy(p, &v, sizeof(v));
}

void num_put_le64(void *p, uint64_t v)
{
	v = htole64(v);
	memcpy(p, &v, sizeof(v));
}
