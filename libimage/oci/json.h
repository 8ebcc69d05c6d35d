/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * json.h - JSON from strangers, within limits, and JSON of our own, the same bytes each time.
 *
 * Runs as:  the user, never root.   Uses: json-c, whose types stay in this room.
 * Promise:  what two readers might read differently is refused: a key that is there twice, a NUL
 *           in a string, comments, NaN, bytes after the end, bytes that are not UTF-8. Memory is
 *           bounded by JSON_BYTES_MAX and JSON_VALUES_MAX, recursion by JSON_DEPTH_MAX.
 *
 * A value belongs to the one that holds it, and the root to the caller: end it with json_free().
 * What a getter returns is borrowed and lives as long as the root.
 */
#ifndef BERTH_JSON_H
#define BERTH_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "libimage/base/str.h"

struct berth_err;
struct json;

enum {
	JSON_BYTES_MAX = 4 << 20, /* LIMIT: of a document; what registries allow a manifest */
	JSON_DEPTH_MAX = 32,	  /* LIMIT: arrays and objects in each other; documents here have 5 */
	JSON_VALUES_MAX = 200000, /* LIMIT: about 100 bytes each; one of 512 layers has 3,000 */
};

/* Parse 'n' bytes, an object or an array. Fails: BERTH_EIMAGE. */
int json_parse(const void *bytes, size_t n, struct json **ret, struct berth_err *err);

/* NULL-safe. json_wipe() first overwrites every string, for a document that holds secrets. */
struct json *json_free(struct json *root);
struct json *json_wipe(struct json *root);

static inline void json_freep(struct json **root)
{
	*root = json_free(*root);
}

static inline void json_wipep(struct json **root)
{
	*root = json_wipe(*root);
}

bool json_is_object(const struct json *v);
bool json_is_array(const struct json *v);

/* The text of a string, NULL of anything else. */
const char *json_text(const struct json *v);

/*
 * A member of the object 'obj': absent and null are the same, *ret NULL (or, for numbers and
 * truths, untouched). Fails: BERTH_EIMAGE it is there and of another type, or beyond 'max'.
 */
int json_get_string(const struct json *obj, const char *key, const char **ret, struct berth_err *err);
int json_get_u64(const struct json *obj, const char *key, uint64_t max, uint64_t *ret, struct berth_err *err);
int json_get_bool(const struct json *obj, const char *key, bool *ret, struct berth_err *err);
int json_get_object(const struct json *obj, const char *key, const struct json **ret, struct berth_err *err);
int json_get_array(const struct json *obj, const char *key, const struct json **ret, struct berth_err *err);

/* Is there such a member, of whatever type, be it null? */
bool json_has(const struct json *obj, const char *key);

/* Of an array: how many, and the i-th, NULL for null. Of NULL: 0. */
size_t json_count(const struct json *arr);
const struct json *json_at(const struct json *arr, size_t i);

/*
 * The members of an object, in the document's order; none of what is no object:
 * struct json_each e = JSON_EACH(obj); while (json_next(&e)) ...
 */
struct json_each {
	const struct json *obj;
	const void *at;
	const char *key;
	const struct json *value; /* NULL for null */
	bool begun;
};

#define JSON_EACH(object) { .obj = (object) }

bool json_next(struct json_each *e);

/*
 * Changes to a document that was read. json_edit_object() gives the object 'key' of 'obj', a new one
 * if there is none, NULL if something else is called so or without memory; json_set_string()
 * returns -1 without memory.
 */
struct json *json_new_object(void);
struct json *json_edit_object(struct json *obj, const char *key);
int json_set_string(struct json *obj, const char *key, const char *text);
void json_remove(struct json *obj, const char *key);

/*
 * 'v' as text, a line a value, indented with tabs, and a newline. The caller frees *ret, of *ret_n
 * bytes and a NUL; no copy of it stays elsewhere. Fails: BERTH_ESYS no memory.
 */
int json_write(const struct json *v, char **ret, size_t *ret_n, struct berth_err *err);

/*
 * A document of our own, as text. Commas, escapes and lines are made here; strbuf_ok() in the end
 * says whether memory sufficed. What is not UTF-8 becomes U+FFFD.
 *
 *     json_open(&o, '{'); json_key(&o, "size"); json_put_u64(&o, 7); json_close(&o, '}');
 */
struct json_out {
	struct strbuf *text;
	const char *indent; /* a level's, with a line a value; NULL: all in one line */
	unsigned int depth;
	bool filled;	    /* a comma comes before the next value */
	bool keyed;	    /* a key stands there and waits for its value */
};

void json_open(struct json_out *o, char bracket);
void json_close(struct json_out *o, char bracket);
void json_key(struct json_out *o, const char *key);
void json_put_string(struct json_out *o, const char *text);
void json_put_u64(struct json_out *o, uint64_t n);
/* A number, true, false or null, as it is spelled. */
void json_put_word(struct json_out *o, const char *word);

/* json_key() and json_put_string() in one; nothing at all if 'text' is NULL. */
void json_member(struct json_out *o, const char *key, const char *text);

#endif
