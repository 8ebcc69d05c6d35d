/* SPDX-License-Identifier: BSD-3-Clause */
/* ids.c - passwd and group with the user's line; see plan.h. */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "launcher/view/plan.h"

/* "name:x:id:..." as parts of a line that is not terminated. */
struct id_line {
	const char *name;
	size_t name_len;
	unsigned long id;
};

static bool has_control(const char *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if ((unsigned char)p[i] < 0x20 || p[i] == 0x7f)
			return true;
	return false;
}

/*
 * Read the id as libc's readers of these files do, which take " 02001" for 2001: a line that
 * libc would see as the user's must not survive beside his.
 */
static bool read_id(const char *p, size_t n, unsigned long *ret)
{
	char text[32];
	char *end;

	if (n == 0 || n >= sizeof(text))
		return false;
	memcpy(text, p, n);
	text[n] = '\0';
	*ret = strtoul(text, &end, 10);
	return end != text;
}

/* False where the line is not of this form, as "+::::" for NIS: it is nobody's then. */
static bool split(const char *line, size_t n, struct id_line *ret)
{
	const char *end = line + n, *colon = memchr(line, ':', n), *id, *id_end;

	if (!colon || colon == line)
		return false;
	ret->name = line;
	ret->name_len = (size_t)(colon - line);
	id = memchr(colon + 1, ':', (size_t)(end - colon - 1));
	if (!id)
		return false;
	id++;
	id_end = memchr(id, ':', (size_t)(end - id));
	return read_id(id, (size_t)((id_end ? id_end : end) - id), &ret->id);
}

size_t plan_find_id(const char *text, size_t n, unsigned long id, const char **ret)
{
	struct id_line found;

	for (const char *p = text, *end = text + n; p < end;) {
		const char *nl = memchr(p, '\n', (size_t)(end - p));
		size_t len = (size_t)((nl ? nl : end) - p);

		if (len > 0 && *p != '+' && *p != '-' && *p != '#' && !has_control(p, len) &&
		    split(p, len, &found) && found.id == id) {
			*ret = p;
			return len;
		}
		p += len + 1;
	}
	return 0;
}

int plan_merge_ids(const char *text, size_t n, const char *line, struct strbuf *out)
{
	struct id_line mine, other;

	if (has_control(line, strlen(line)) || !split(line, strlen(line), &mine)) {
		errno = EINVAL;
		return -1;
	}
	strbuf_puts(out, line);
	strbuf_add(out, "\n", 1);
	for (const char *p = text, *end = text + n; p < end;) {
		const char *nl = memchr(p, '\n', (size_t)(end - p));
		size_t len = (size_t)((nl ? nl : end) - p);
		bool drop = len == 0 || has_control(p, len);

		if (!drop && split(p, len, &other))
			drop = other.id == mine.id ||
			       (other.name_len == mine.name_len &&
				memcmp(other.name, mine.name, mine.name_len) == 0);
		if (!drop) {
			strbuf_add(out, p, len);
			strbuf_add(out, "\n", 1);
		}
		p += len + 1;
	}
	if (!strbuf_ok(out)) {
		errno = ENOMEM;
		return -1;
	}
	return 0;
}
