/* SPDX-License-Identifier: BSD-3-Clause */
/* labels.c - read labels.json, write JSON strings; see labels.h. */
#include "config.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "launcher/cli/labels.h"
#include "libimage/base/cleanup.h"
#include "libimage/base/err.h"

enum { LABELS_MAX = 4096 }; /* LIMIT: builders write some ten */

static const uint32_t NO_CHARACTER = 0xFFFD;

struct reader {
	const char *p, *end;
};

static void skip_space(struct reader *r)
{
	while (r->p < r->end && (*r->p == ' ' || *r->p == '\t' || *r->p == '\n' || *r->p == '\r'))
		r->p++;
}

static bool take(struct reader *r, char c)
{
	skip_space(r);
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
static int32_t hex4(struct reader *r)
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

static bool escape(struct reader *r, struct strbuf *out)
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

static bool string(struct reader *r, struct strlist *ret)
{
	cleanup(strbuf_done) struct strbuf out = STRBUF_INIT;

	if (!take(r, '"'))
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
	if (!take(r, '"'))
		return false;
	if (out.failed)
		ret->failed = true;
	else
		strlist_add(ret, out.text ? out.text : "");
	return true;
}

static bool object(struct reader *r, struct strlist *ret)
{
	bool more;

	if (!take(r, '{'))
		return false;
	if (!take(r, '}')) {
		do {
			if (ret->n >= (size_t)LABELS_MAX * 2 || !string(r, ret) || !take(r, ':') || !string(r, ret))
				return false;
			more = take(r, ',');
		} while (more);
		if (!take(r, '}'))
			return false;
	}
	skip_space(r);
	return r->p == r->end;
}

struct label {
	const char *name, *value;
	size_t at;
};

static int by_name(const void *a, const void *b)
{
	const struct label *x = a, *y = b;
	int c = strcmp(x->name, y->name);

	return c != 0 ? c : x->at < y->at ? -1 : 1;
}

int labels_parse(const char *text, size_t n, struct strlist *ret, struct berth_err *err)
{
	cleanup(strlist_done) struct strlist all = STRLIST_INIT;
	struct reader r = { text, text + n };
	cleanup_free struct label *labels = NULL;
	size_t count;

	if (!object(&r, &all))
		return berth_fail(err, BERTH_EIMAGE, 0, "the labels are no JSON object of strings, at byte %zu",
				  (size_t)(r.p - text));
	count = all.n / 2;
	labels = calloc(count + 1, sizeof(*labels));
	if (!labels || !strlist_ok(&all))
		return berth_fail(err, BERTH_ESYS, ENOMEM, "cannot read the labels");
	for (size_t i = 0; i < count; i++)
		labels[i] = (struct label){ all.v[2 * i], all.v[2 * i + 1], i };
	qsort(labels, count, sizeof(*labels), by_name);
	for (size_t i = 0; i < count; i++) {
		if (i + 1 < count && strcmp(labels[i].name, labels[i + 1].name) == 0)
			continue;
		strlist_add(ret, labels[i].name);
		strlist_add(ret, labels[i].value);
	}
	return strlist_ok(ret) ? 0 : berth_fail(err, BERTH_ESYS, ENOMEM, "cannot read the labels");
}

void labels_put_string(struct strbuf *out, const char *text, size_t n)
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
