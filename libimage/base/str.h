/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * str.h - growing strings and lists of strings.
 *
 * Both remember that memory ran out ('failed') instead of returning it from every call:
 * check once at the end with strbuf_ok() / strlist_ok().
 */
#ifndef BERTH_STR_H
#define BERTH_STR_H

#include <stdbool.h>
#include <stddef.h>

struct strbuf {
	char *text; /* NUL-terminated once anything was added; NULL before */
	size_t len, size;
	bool failed;
};

#define STRBUF_INIT { 0 }

void strbuf_add(struct strbuf *s, const void *bytes, size_t n);
void strbuf_puts(struct strbuf *s, const char *text);
void strbuf_printf(struct strbuf *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
bool strbuf_ok(const struct strbuf *s);
void strbuf_done(struct strbuf *s);

struct strlist {
	char **v; /* NULL-terminated once anything was added */
	size_t n, size;
	bool failed;
};

#define STRLIST_INIT { 0 }

void strlist_add(struct strlist *l, const char *text);
bool strlist_ok(const struct strlist *l);
void strlist_done(struct strlist *l);

/* The part of 'text' after 'prefix', or NULL if it does not start so. */
const char *str_after(const char *text, const char *prefix);

/*
 * Copy 'text' into 'out' of 'size' bytes with control characters and bytes that are not
 * UTF-8 text shown as \xNN, so that file names cannot drive a terminal. Always NUL-terminated,
 * cut where it does not fit.
 */
void str_escape(const char *text, char *out, size_t size);

#endif
