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

int num_parse_size(const char *text, uint64_t max, uint64_t *ret)
{
	static const char units[] = "KMGT";
	size_t n = strlen(text);
	const char *unit = n > 0 ? strchr(units, text[n - 1]) : NULL;
	char digits[24];
	uint64_t v;

	if (unit)
		n--;
	if (n >= sizeof(digits))
		return -1;
	memcpy(digits, text, n);
	digits[n] = '\0';
	if (num_parse_u64(digits, max, &v) < 0)
		return -1;
	for (const char *u = units; unit && u <= unit; u++)
		if (num_mul_u64(v, 1024, &v) < 0)
			return -1;
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
