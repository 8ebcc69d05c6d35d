/* SPDX-License-Identifier: BSD-3-Clause */
/* str.c - growing strings and lists of strings; see str.h. */
#include "config.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libimage/base/str.h"

static bool strbuf_room(struct strbuf *s, size_t more)
{
	size_t want, size = s->size ? s->size : 64;
	char *p;

	if (s->failed || __builtin_add_overflow(s->len, more, &want) || want == SIZE_MAX) {
		s->failed = true;
		return false;
	}
	want++; /* the NUL */
	if (want <= s->size)
		return true;
	while (size < want)
		size = size > SIZE_MAX / 2 ? want : size * 2;
	p = realloc(s->text, size);
	if (!p) {
		s->failed = true;
		return false;
	}
	s->text = p;
	s->size = size;
	return true;
}

void strbuf_add(struct strbuf *s, const void *bytes, size_t n)
{
	if (!strbuf_room(s, n))
		return;
	if (n > 0)
		memcpy(s->text + s->len, bytes, n);
	s->len += n;
	s->text[s->len] = '\0';
}

void strbuf_puts(struct strbuf *s, const char *text)
{
	strbuf_add(s, text, strlen(text));
}

void strbuf_printf(struct strbuf *s, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (n < 0 || !strbuf_room(s, (size_t)n)) {
		s->failed = true;
		return;
	}
	va_start(ap, fmt);
	(void)vsnprintf(s->text + s->len, (size_t)n + 1, fmt, ap);
	va_end(ap);
	s->len += (size_t)n;
}

bool strbuf_ok(const struct strbuf *s)
{
	return !s->failed;
}

void strbuf_done(struct strbuf *s)
{
	free(s->text);
	memset(s, 0, sizeof(*s));
}

void strlist_add(struct strlist *l, const char *text)
{
	if (l->failed)
		return;
	if (l->n + 2 > l->size) {
		size_t size = l->size ? l->size * 2 : 8;
		char **v = reallocarray(l->v, size, sizeof(*v));

		if (!v) {
			l->failed = true;
			return;
		}
		l->v = v;
		l->size = size;
	}
	l->v[l->n] = strdup(text);
	if (!l->v[l->n]) {
		l->failed = true;
		return;
	}
	l->v[++l->n] = NULL;
}

bool strlist_ok(const struct strlist *l)
{
	return !l->failed;
}

void strlist_done(struct strlist *l)
{
	for (size_t i = 0; i < l->n; i++)
		free(l->v[i]);
	free(l->v);
	memset(l, 0, sizeof(*l));
}

const char *str_after(const char *text, const char *prefix)
{
	size_t n = strlen(prefix);

	return strncmp(text, prefix, n) == 0 ? text + n : NULL;
}

/* The length of the UTF-8 character at 'p', or 0 if there is none that may be shown. */
static size_t utf8_len(const unsigned char *p)
{
	size_t n = p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : 2;

	if (p[0] < 0xc2 || p[0] > 0xf4)
		return 0;
	for (size_t i = 1; i < n; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	/* Longer than need be, surrogates, beyond U+10FFFF. */
	if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] >= 0xa0) ||
	    (p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] >= 0x90))
		return 0;
	/* C1 controls (U+0080 to U+009F) move a terminal just as C0 ones do. */
	if (p[0] == 0xc2 && p[1] < 0xa0)
		return 0;
	return n;
}

void str_escape(const char *text, char *out, size_t size)
{
	const unsigned char *p = (const unsigned char *)text;
	size_t at = 0;

	if (size == 0)
		return;
	while (*p) {
		size_t n = *p >= 0x20 && *p < 0x7f ? 1 : *p >= 0x80 ? utf8_len(p) : 0;

		if (at + (n ? n : 4) >= size)
			break;
		if (n > 0) {
			memcpy(out + at, p, n);
			at += n;
			p += n;
		} else {
			(void)snprintf(out + at, size - at, "\\x%02x", *p++);
			at += 4;
		}
	}
	out[at] = '\0';
}
