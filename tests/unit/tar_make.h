/* SPDX-License-Identifier: BSD-3-Clause */
/* tar_make.h - tar streams in memory, right ones and wrong ones. */
#ifndef BERTH_TESTS_TAR_MAKE_H
#define BERTH_TESTS_TAR_MAKE_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libimage/base/str.h"

enum { TAR_MAKE_BLOCK = 512 };

static inline void tar_sum(unsigned char *h)
{
	unsigned int sum = 0;
	char text[8];

	memset(h + 148, ' ', 8);
	for (int i = 0; i < TAR_MAKE_BLOCK; i++)
		sum += h[i];
	(void)snprintf(text, sizeof(text), "%06o", sum & 0777777);
	memcpy(h + 148, text, 7);
}

/* A header of its own, with a right checksum; what is special about it is changed before tar_sum(). */
static inline void tar_header(unsigned char *h, char type, const char *path, const char *link, uint64_t size)
{
	char text[16];

	memset(h, 0, TAR_MAKE_BLOCK);
	memcpy(h, path, strnlen(path, 100));
	memcpy(h + 100, "0000644", 7);
	memcpy(h + 108, "0000000", 7);
	memcpy(h + 116, "0000000", 7);
	(void)snprintf(text, sizeof(text), "%011llo", (unsigned long long)size & 077777777777ULL);
	memcpy(h + 124, text, 11);
	memcpy(h + 136, "00000000001", 11);
	h[156] = (unsigned char)type;
	if (link)
		memcpy(h + 157, link, strnlen(link, 100));
	memcpy(h + 257, "ustar\00000", 8);
	tar_sum(h);
}

static inline void tar_body(struct strbuf *out, const void *data, size_t n)
{
	static const char none[TAR_MAKE_BLOCK];

	strbuf_add(out, data, n);
	strbuf_add(out, none, -n & (TAR_MAKE_BLOCK - 1));
}

static inline void tar_put(struct strbuf *out, char type, const char *path, const char *link, const void *data, size_t n)
{
	unsigned char h[TAR_MAKE_BLOCK];

	tar_header(h, type, path, link, n);
	strbuf_add(out, h, sizeof(h));
	tar_body(out, data, n);
}

static inline void tar_put_text(struct strbuf *out, char type, const char *path, const char *text)
{
	tar_put(out, type, path, NULL, text, strlen(text));
}

/* One record of a PAX header, with its length in front. */
static inline void tar_record(struct strbuf *records, const char *key, const void *value, size_t n)
{
	size_t plain = strlen(key) + n + 3, length = plain + 1, was;

	do {
		was = length;
		length = plain + (size_t)snprintf(NULL, 0, "%zu", was);
	} while (length != was);
	strbuf_printf(records, "%zu %s=", length, key);
	strbuf_add(records, value, n);
	strbuf_puts(records, "\n");
}

/* A PAX header of "key=value" lines. */
static inline void tar_put_pax(struct strbuf *out, char type, const char *lines)
{
	struct strbuf records = STRBUF_INIT;

	while (*lines) {
		size_t n = strcspn(lines, "\n"), key = strcspn(lines, "=");
		char name[128];

		(void)snprintf(name, sizeof(name), "%.*s", (int)key, lines);
		tar_record(&records, name, lines + key + 1, n - key - 1);
		lines += n;
		lines += *lines == '\n';
	}
	tar_put(out, type, "PaxHeaders/x", NULL, records.text ? records.text : "", records.len);
	strbuf_done(&records);
}

static inline void tar_end(struct strbuf *out)
{
	static const char none[TAR_MAKE_BLOCK * 2];

	strbuf_add(out, none, sizeof(none));
}

#endif
