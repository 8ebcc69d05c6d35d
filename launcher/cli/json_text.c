/* SPDX-License-Identifier: BSD-3-Clause */
/* json_text.c - the tokens of JSON; see json_text.h. */
#include "config.h"

#include <string.h>

#include "launcher/cli/json_text.h"
#include "libimage/base/cleanup.h"

static const uint32_t NO_CHARACTER = 0xFFFD;

void json_skip_space(struct json_reader *r)
{
	while (r->p < r->end && (*r->p == ' ' || *r->p == '\t' || *r->p == '\n' || *r->p == '\r'))
		r->p++;
}

bool json_take(struct json_reader *r, char c)
{
	json_skip_space(r);
	if (r->p == r->end || *r->p != c)
		return false;
	r->p++;
	return true;
}

/* How many bytes of the UTF-8 character at 'p', or 0: none. */
static size_t utf8(const char *p, const char *end)
{
	static const struct {
		unsigned char mask, lead;
		uint32_t least;
	} forms[] = { { 0x80, 0, 0 }, { 0xe0, 0xc0, 0x80 }, { 0xf0, 0xe0, 0x800 }, { 0xf8, 0xf0, 0x10000 } };

	for (size_t i = 0; i < ARRAY_SIZE(forms); i++) {
		unsigned char c = (unsigned char)*p;
		uint32_t code = c & (unsigned char)~forms[i].mask;

		if ((c & forms[i].mask) != forms[i].lead)
			continue;
		if ((size_t)(end - p) <= i)
			return 0;
		for (size_t k = 1; k <= i; k++) {
			if (((unsigned char)p[k] & 0xc0) != 0x80)
				return 0;
			code = code << 6 | ((unsigned char)p[k] & 0x3f);
		}
		return code >= forms[i].least && code <= 0x10ffff && (code < 0xd800 || code > 0xdfff) ? i + 1 : 0;
	}
	return 0;
}

static void put_utf8(struct strbuf *out, uint32_t code)
{
	unsigned char b[4];
	size_t n = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;

	for (size_t i = n; i-- > 1; code >>= 6)
		b[i] = (unsigned char)(0x80 | (code & 0x3f));
	b[0] = (unsigned char)((n == 1 ? 0 : 0xf00 >> n) | code);
	strbuf_add(out, b, n);
}

/* The four digits of "\uXXXX", or -1. */
static int32_t hex4(struct json_reader *r)
{
	int32_t value = 0;

	if (r->end - r->p < 4)
		return -1;
	for (int i = 0; i < 4; i++) {
		const char *digits = "0123456789abcdef", *d = strchr(digits, *r->p | 0x20);

		if (*r->p == '\0' || !d || *d == '\0')
			return -1;
		value = value << 4 | (int32_t)(d - digits);
		r->p++;
	}
	return value;
}

static bool escape(struct json_reader *r, struct strbuf *out)
{
	static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
	int32_t code, low;
	const char *c;

	if (++r->p == r->end)
		return false;
	if (*r->p != 'u') {
		c = *r->p ? strchr(from, *r->p++) : NULL;
		if (c)
			strbuf_add(out, &to[c - from], 1);
		return c != NULL;
	}
	r->p++;
	code = hex4(r);
	if (code <= 0) /* a NUL would end the string for whoever reads it */
		return false;
	if (code >= 0xd800 && code < 0xdc00 && r->end - r->p >= 2 && r->p[0] == '\\' && r->p[1] == 'u') {
		const char *at = r->p;

		r->p += 2;
		low = hex4(r);
		if (low >= 0xdc00 && low < 0xe000)
			code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
		else
			r->p = at;
	}
	put_utf8(out, code >= 0xd800 && code < 0xe000 ? NO_CHARACTER : (uint32_t)code);
	return true;
}

bool json_string(struct json_reader *r, struct strlist *ret)
{
	cleanup(strbuf_done) struct strbuf out = STRBUF_INIT;

	if (!json_take(r, '"'))
		return false;
	while (r->p < r->end && *r->p != '"') {
		size_t n;

		if ((unsigned char)*r->p < 0x20)
			return false;
		if (*r->p == '\\') {
			if (!escape(r, &out))
				return false;
			continue;
		}
		n = utf8(r->p, r->end);
		if (n == 0)
			return false;
		strbuf_add(&out, r->p, n);
		r->p += n;
	}
	if (!json_take(r, '"'))
		return false;
	if (out.failed)
		ret->failed = true;
	else
		strlist_add(ret, out.text ? out.text : "");
	return true;
}

void json_text_string(struct strbuf *out, const char *text, size_t n)
{
	const char *end = text + n;

	strbuf_puts(out, "\"");
	for (const char *p = text; p < end;) {
		size_t len = utf8(p, end);

		if (*p == '"' || *p == '\\')
			strbuf_printf(out, "\\%c", *p);
		else if (*p == '\n' || *p == '\t')
			strbuf_puts(out, *p == '\n' ? "\\n" : "\\t");
		else if ((unsigned char)*p < 0x20 || *p == 0x7f)
			strbuf_printf(out, "\\u%04x", (unsigned int)*p);
		else if (len == 0)
			put_utf8(out, NO_CHARACTER);
		else
			strbuf_add(out, p, len);
		p += len > 0 ? len : 1;
	}
	strbuf_puts(out, "\"");
}
