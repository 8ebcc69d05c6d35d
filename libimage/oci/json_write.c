/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * json_write.c - JSON of our own; see json.h.
 *
 * The text is made here and not by json-c: its spelling differs between versions, while two of
 * our documents with the same content are the same bytes. It also keeps its text in the tree, where
 * a secret would stay.
 */
#include "config.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "libimage/base/cleanup.h"
#include "libimage/base/err.h"
#include "libimage/oci/json_i.h"

/* What comes before a value or a key. */
static void separate(struct json_out *o)
{
	if (o->keyed) {
		o->keyed = false;
		return;
	}
	if (o->filled)
		strbuf_puts(o->text, ",");
	if (o->indent && (o->filled || o->depth > 0)) {
		strbuf_puts(o->text, "\n");
		for (unsigned int i = 0; i < o->depth; i++)
			strbuf_puts(o->text, o->indent);
	}
	o->filled = true;
}

static void quote(struct strbuf *out, const char *text)
{
	const unsigned char *p = (const unsigned char *)text, *end = p + strlen(text);

	strbuf_puts(out, "\"");
	while (p < end) {
		size_t n = json_utf8_len(p, (size_t)(end - p));

		if (*p == '"' || *p == '\\')
			strbuf_printf(out, "\\%c", *p);
		else if (*p == '\n' || *p == '\t')
			strbuf_puts(out, *p == '\n' ? "\\n" : "\\t");
		else if (*p < 0x20 || *p == 0x7f)
			strbuf_printf(out, "\\u%04x", *p);
		else if (n > 0)
			strbuf_add(out, p, n);
		else
			strbuf_puts(out, "\\ufffd");
		p += n > 0 ? n : 1;
	}
	strbuf_puts(out, "\"");
}

void json_open(struct json_out *o, char bracket)
{
	separate(o);
	strbuf_add(o->text, &bracket, 1);
	o->depth++;
	o->filled = false;
}

void json_close(struct json_out *o, char bracket)
{
	o->depth--;
	if (o->indent && o->filled) {
		strbuf_puts(o->text, "\n");
		for (unsigned int i = 0; i < o->depth; i++)
			strbuf_puts(o->text, o->indent);
	}
	strbuf_add(o->text, &bracket, 1);
	o->filled = true;
}

void json_key(struct json_out *o, const char *key)
{
	separate(o);
	quote(o->text, key);
	strbuf_puts(o->text, o->indent ? ": " : ":");
	o->keyed = true;
}

void json_put_string(struct json_out *o, const char *text)
{
	separate(o);
	quote(o->text, text);
}

void json_put_u64(struct json_out *o, uint64_t n)
{
	separate(o);
	strbuf_printf(o->text, "%" PRIu64, n);
}

void json_put_word(struct json_out *o, const char *word)
{
	separate(o);
	strbuf_puts(o->text, word);
}

void json_member(struct json_out *o, const char *key, const char *text)
{
	if (!text)
		return;
	json_key(o, key);
	json_put_string(o, text);
}

/* A number, a truth or null; json-c keeps the digits of numbers with a point as they were spelled. */
static const char *word(const struct json *v)
{
	return v ? json_object_to_json_string_ext(json_inner(v), JSON_C_TO_STRING_PLAIN) : "null";
}

static void put(struct json_out *o, const struct json *v)
{
	struct json_each e = JSON_EACH(v);

	if (json_is_object(v)) {
		json_open(o, '{');
		while (json_next(&e)) {
			json_key(o, e.key);
			put(o, e.value);
		}
		json_close(o, '}');
	} else if (json_is_array(v)) {
		json_open(o, '[');
		for (size_t i = 0; i < json_count(v); i++)
			put(o, json_at(v, i));
		json_close(o, ']');
	} else if (json_text(v)) {
		json_put_string(o, json_text(v));
	} else {
		json_put_word(o, word(v));
	}
}

/* No less than the bytes that put() makes of 'v', which stands 'depth' levels deep. */
static size_t most(const struct json *v, size_t depth)
{
	enum { ESCAPED = 6, AROUND = 8 }; /* \u0000; a number, quotes, colon, comma, newline */
	struct json_each e = JSON_EACH(v);
	size_t n = AROUND + 2 * depth;

	while (json_next(&e))
		n += AROUND + depth + ESCAPED * strlen(e.key) + most(e.value, depth + 1);
	for (size_t i = 0; i < json_count(v); i++)
		n += most(json_at(v, i), depth + 1);
	if (json_text(v))
		n += ESCAPED * strlen(json_text(v));
	else if (!json_is_object(v) && !json_is_array(v))
		n += strlen(word(v));
	return n;
}

int json_write(const struct json *v, char **ret, size_t *ret_n, struct berth_err *err)
{
	/* All the room at once: a buffer that moved while it grew would leave secrets behind. */
	struct strbuf text = { .size = most(v, 0) + 2 };
	struct json_out o = { .text = &text, .indent = "\t" };

	text.text = malloc(text.size);
	if (!text.text)
		return berth_fail(err, BERTH_ESYS, ENOMEM, "cannot write JSON");
	put(&o, v);
	strbuf_puts(&text, "\n");
	if (!strbuf_ok(&text)) {
		strbuf_done(&text);
		return berth_fail(err, BERTH_ESYS, ENOMEM, "cannot write JSON");
	}
	*ret_n = text.len;
	*ret = take_ptr(&text.text);
	return 0;
}
