/* SPDX-License-Identifier: BSD-3-Clause */
/* json.c - JSON from strangers, within limits; see json.h. */
#include "config.h"

#include <errno.h>
#include <json-c/json_tokener.h>
#include <json-c/linkhash.h>
#include <json-c/printbuf.h>
#include <string.h>

#include "libimage/base/cleanup.h"
#include "libimage/base/err.h"
#include "libimage/base/str.h"
#include "libimage/oci/json_i.h"

static int refuse(const char *why, struct berth_err *err)
{
	return berth_fail(err, BERTH_EIMAGE, 0, "not JSON as it should be: %s", why);
}

size_t json_utf8_len(const unsigned char *p, size_t left)
{
	size_t n = p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : 2;

	if (p[0] < 0x80)
		return 1;
	if (p[0] < 0xc2 || p[0] > 0xf4 || n > left)
		return 0;
	for (size_t i = 1; i < n; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	/* Longer than need be, surrogates, beyond U+10FFFF. */
	if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] >= 0xa0) ||
	    (p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] >= 0x90))
		return 0;
	return n;
}

/* What the scan of the bytes found. */
struct scan {
	size_t colons; /* outside of strings: the members of all objects, each as often as it is written */
	size_t depth, values;
};

/* The string that begins at p[i], a quote: the place after it, or 0 and why not. */
static size_t scan_string(const unsigned char *p, size_t n, size_t i, const char **why)
{
	for (i++; i < n && p[i] != '"';) {
		size_t len = json_utf8_len(p + i, n - i);

		/* json-c keeps names up to the first NUL, so "a\u0000b" would be "a". */
		if (p[i] < 0x20 || (n - i > 6 && memcmp(p + i, "\\u0000", 6) == 0))
			*why = "a control character in a string";
		else if (len == 0)
			*why = "a string that is not UTF-8";
		if (*why)
			return 0;
		i += p[i] == '\\' ? 2 : len;
	}
	if (i >= n)
		*why = "it ends within a string";
	return i < n ? i + 1 : 0;
}

static size_t scan_digits(const unsigned char *p, size_t n, size_t i)
{
	while (i < n && p[i] >= '0' && p[i] <= '9')
		i++;
	return i;
}

/* The number that begins at p[i] (RFC 8259): the place after it, or 0 if it is none, as "01" and "1.". */
static size_t scan_number(const unsigned char *p, size_t n, size_t i)
{
	size_t begin = i + (p[i] == '-'), end = scan_digits(p, n, begin);

	if (end == begin || (end > begin + 1 && p[begin] == '0'))
		return 0;
	if (end < n && p[end] == '.') {
		begin = end + 1;
		end = scan_digits(p, n, begin);
		if (end == begin)
			return 0;
	}
	if (end < n && (p[end] == 'e' || p[end] == 'E')) {
		begin = end + 1;
		begin += begin < n && (p[begin] == '+' || p[begin] == '-');
		end = scan_digits(p, n, begin);
		if (end == begin)
			return 0;
	}
	return end;
}

/*
 * What json-c is lenient about: comments, NaN, quotes of other kinds, control characters. And the
 * counts that bound what it will allocate.
 */
static int scan(const unsigned char *p, size_t n, struct scan *s, struct berth_err *err)
{
	const char *why = NULL;
	size_t i = 0;

	while (i < n) {
		if (p[i] == '"') {
			i = scan_string(p, n, i, &why);
			if (i == 0)
				return refuse(why, err);
			continue;
		}
		if (p[i] == '-' || (p[i] >= '0' && p[i] <= '9')) {
			i = scan_number(p, n, i);
			if (i == 0)
				return refuse("a number that is none", err);
			continue;
		}
		if (p[i] == '\0' || !strchr(" \t\r\n{}[],:truefalsn", p[i]))
			return refuse("a character that no value has", err);
		if (p[i] == '{' || p[i] == '[') {
			s->values++;
			if (++s->depth > JSON_DEPTH_MAX)
				return refuse("too many levels", err);
		} else if (p[i] == '}' || p[i] == ']') {
			s->depth -= s->depth > 0;
		} else if (p[i] == ',') {
			s->values++;
		} else if (p[i] == ':') {
			s->colons++;
		}
		if (s->values > JSON_VALUES_MAX)
			return refuse("too many values", err);
		i++;
	}
	return 0;
}

/* The members of all objects in 'v'; recursion as deep as scan() allowed. */
static size_t count_members(const struct json *v)
{
	struct json_each e = JSON_EACH(v);
	size_t n = 0;

	while (json_next(&e))
		n += 1 + count_members(e.value);
	for (size_t i = 0; i < json_count(v); i++)
		n += count_members(json_at(v, i));
	return n;
}

static void tokener_wipe(struct json_tokener **t)
{
	if (!*t)
		return;
	if ((*t)->pb && (*t)->pb->buf)
		explicit_bzero((*t)->pb->buf, (size_t)(*t)->pb->size);
	json_tokener_free(*t);
}

int json_parse(const void *bytes, size_t n, struct json **ret, struct berth_err *err)
{
	cleanup(tokener_wipe) struct json_tokener *t = NULL;
	cleanup(json_freep) struct json *root = NULL;
	struct scan s = { 0 };

	if (n > JSON_BYTES_MAX)
		return refuse("it is larger than 4 MiB", err);
	if (scan(bytes, n, &s, err) < 0)
		return -1;
	t = json_tokener_new_ex(JSON_DEPTH_MAX + 1);
	/* One piece of memory for the longest string there can be: json-c would leave copies of a
	 * secret behind while it moves to larger ones. */
	if (!t || printbuf_memset(t->pb, 0, 0, (int)n + 1) < 0)
		return berth_fail(err, BERTH_ESYS, ENOMEM, "cannot read JSON");
	printbuf_reset(t->pb);
	json_tokener_set_flags(t, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
	root = json_outer(json_tokener_parse_ex(t, bytes, (int)n));
	if (!root) {
		enum json_tokener_error e = json_tokener_get_error(t);

		return refuse(e == json_tokener_continue ? "it ends early" :
			      e == json_tokener_success	 ? "it is empty" : json_tokener_error_desc(e), err);
	}
	for (size_t end = json_tokener_get_parse_end(t); end < n; end++)
		if (!strchr(" \t\r\n", ((const char *)bytes)[end]))
			return refuse("something follows its end", err);
	if (!json_is_object(root) && !json_is_array(root))
		return refuse("it is a single value", err);
	/* Of two members of one name json-c keeps the last, another reader the first. */
	if (count_members(root) != s.colons)
		return refuse("an object has a key twice", err);
	*ret = take_ptr(&root);
	return 0;
}

struct json *json_free(struct json *root)
{
	json_object_put(json_inner(root));
	return NULL;
}

static void wipe(const struct json *v)
{
	struct json_each e = JSON_EACH(v);

	while (json_next(&e))
		wipe(e.value);
	for (size_t i = 0; i < json_count(v); i++)
		wipe(json_at(v, i));
	if (json_text(v))
		explicit_bzero((char *)(uintptr_t)json_text(v),
			       (size_t)json_object_get_string_len(json_inner(v)));
}

struct json *json_wipe(struct json *root)
{
	wipe(root);
	return json_free(root);
}

bool json_is_object(const struct json *v)
{
	return json_object_is_type(json_inner(v), json_type_object);
}

bool json_is_array(const struct json *v)
{
	return json_object_is_type(json_inner(v), json_type_array);
}

const char *json_text(const struct json *v)
{
	if (!json_object_is_type(json_inner(v), json_type_string))
		return NULL;
	return json_object_get_string(json_inner(v));
}

/* The member as json-c has it; NULL: absent or null. */
static struct json_object *member(const struct json *obj, const char *key)
{
	struct json_object *v = NULL;

	if (!json_is_object(obj) || !json_object_object_get_ex(json_inner(obj), key, &v))
		return NULL;
	return v;
}

static int mistyped(const char *key, const char *want, struct berth_err *err)
{
	char shown[60]; /* keys are ours, or names of hosts */

	str_escape(key, shown, sizeof(shown));
	return berth_fail(err, BERTH_EIMAGE, 0, "'%s' is not %s", shown, want);
}

bool json_has(const struct json *obj, const char *key)
{
	return json_is_object(obj) && json_object_object_get_ex(json_inner(obj), key, NULL);
}

int json_get_string(const struct json *obj, const char *key, const char **ret, struct berth_err *err)
{
	struct json_object *v = member(obj, key);

	if (v && !json_object_is_type(v, json_type_string))
		return mistyped(key, "a string", err);
	*ret = v ? json_object_get_string(v) : NULL;
	return 0;
}

int json_get_u64(const struct json *obj, const char *key, uint64_t max, uint64_t *ret, struct berth_err *err)
{
	struct json_object *v = member(obj, key);
	uint64_t n;

	if (!v)
		return 0;
	if (!json_object_is_type(v, json_type_int) || json_object_get_int64(v) < 0)
		return mistyped(key, "a whole number", err);
	n = json_object_get_uint64(v);
	if (n > max)
		return mistyped(key, "within limits", err);
	*ret = n;
	return 0;
}

int json_get_bool(const struct json *obj, const char *key, bool *ret, struct berth_err *err)
{
	struct json_object *v = member(obj, key);

	if (v && !json_object_is_type(v, json_type_boolean))
		return mistyped(key, "true or false", err);
	if (v)
		*ret = json_object_get_boolean(v);
	return 0;
}

int json_get_object(const struct json *obj, const char *key, const struct json **ret, struct berth_err *err)
{
	struct json_object *v = member(obj, key);

	if (v && !json_object_is_type(v, json_type_object))
		return mistyped(key, "an object", err);
	*ret = json_outer(v);
	return 0;
}

int json_get_array(const struct json *obj, const char *key, const struct json **ret, struct berth_err *err)
{
	struct json_object *v = member(obj, key);

	if (v && !json_object_is_type(v, json_type_array))
		return mistyped(key, "an array", err);
	*ret = json_outer(v);
	return 0;
}

size_t json_count(const struct json *arr)
{
	return json_is_array(arr) ? json_object_array_length(json_inner(arr)) : 0;
}

const struct json *json_at(const struct json *arr, size_t i)
{
	return i < json_count(arr) ? json_outer(json_object_array_get_idx(json_inner(arr), i)) : NULL;
}

bool json_next(struct json_each *e)
{
	const struct lh_entry *at = e->at;

	if (!e->begun && json_is_object(e->obj))
		at = lh_table_head(json_object_get_object(json_inner(e->obj)));
	else if (at)
		at = lh_entry_next(at);
	e->begun = true;
	e->at = at;
	if (!at)
		return false;
	e->key = lh_entry_k(at);
	e->value = lh_entry_v(at);
	return true;
}

struct json *json_new_object(void)
{
	return json_outer(json_object_new_object());
}

struct json *json_edit_object(struct json *obj, const char *key)
{
	struct json_object *v = member(obj, key);

	if (v)
		return json_object_is_type(v, json_type_object) ? json_outer(v) : NULL;
	v = json_object_new_object();
	if (!v || json_object_object_add(json_inner(obj), key, v) != 0) {
		json_object_put(v);
		return NULL;
	}
	return json_outer(v);
}

int json_set_string(struct json *obj, const char *key, const char *text)
{
	struct json_object *v = json_object_new_string(text);

	if (!v)
		return -1;
	wipe(json_outer(member(obj, key)));
	if (json_object_object_add(json_inner(obj), key, v) != 0) {
		wipe(json_outer(v));
		json_object_put(v);
		return -1;
	}
	return 0;
}

void json_remove(struct json *obj, const char *key)
{
	wipe(json_outer(member(obj, key)));
	json_object_object_del(json_inner(obj), key);
}
