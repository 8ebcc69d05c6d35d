/* SPDX-License-Identifier: BSD-3-Clause */
/* check_json.c - JSON within limits, and JSON of our own (libimage/oci/json.h, token.h, base64.h). */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "libimage/base/cleanup.h"
#include "libimage/base/err.h"
#include "libimage/base/str.h"
#include "libimage/oci/base64.h"
#include "libimage/oci/json.h"
#include "libimage/oci/token.h"
#include "tests/unit/unit.h"

static const struct {
	const char *text, *want; /* want: as json_write() has it, without its newline; NULL: the same */
} good[] = {
	{ "{}", NULL },
	{ "[]", NULL },
	{ " \t\r\n{} \n", "{}" },
	{ "{\"a\":1}", "{\n\t\"a\": 1\n}" },
	{ "{\"a\":null,\"b\":true,\"c\":false}", "{\n\t\"a\": null,\n\t\"b\": true,\n\t\"c\": false\n}" },
	{ "{\"b\":\"2\",\"a\":\"1\"}", "{\n\t\"b\": \"2\",\n\t\"a\": \"1\"\n}" }, /* the document's order */
	{ "[1,-2,3.50,1e5]", "[\n\t1,\n\t-2,\n\t3.50,\n\t1e5\n]" },	       /* as they were spelled */
	{ "[18446744073709551615]", "[\n\t18446744073709551615\n]" },
	{ "{\"a\":{\"a\":{\"a\":[]}}}", "{\n\t\"a\": {\n\t\t\"a\": {\n\t\t\t\"a\": []\n\t\t}\n\t}\n}" },
	{ "{\"a\":\":\",\"b\":\"\\\":\"}", "{\n\t\"a\": \":\",\n\t\"b\": \"\\\":\"\n}" },
	{ "[\"\\u0041\\n\\t\\/\\\\\"]", "[\n\t\"A\\n\\t/\\\\\"\n]" },
	{ "[\"\\u001b[31m\\u007f\"]", "[\n\t\"\\u001b[31m\\u007f\"\n]" },
	{ "[\"caf\xc3\xa9 \\ud83d\\ude00\"]", "[\n\t\"caf\xc3\xa9 \xf0\x9f\x98\x80\"\n]" },
	{ "{\"a\":[],\"b\":{}}", "{\n\t\"a\": [],\n\t\"b\": {}\n}" },
	{ "{\"\":\"\"}", "{\n\t\"\": \"\"\n}" },
	{ "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]", "" }, /* 32 levels */
};

START_TEST(parse_good)
{
	cleanup(json_freep) struct json *root = NULL;
	struct berth_err err = BERTH_ERR_INIT;
	cleanup_free char *text = NULL;
	const char *want = good[_i].want ? good[_i].want : good[_i].text;
	size_t n;

	ck_assert_msg(json_parse(good[_i].text, strlen(good[_i].text), &root, &err) == 0, "%s: %s", good[_i].text,
		      err.text);
	ck_assert_int_eq(json_write(root, &text, &n, &err), 0);
	ck_assert_uint_eq(n, strlen(text));
	ck_assert_int_eq(text[n - 1], '\n');
	text[n - 1] = '\0';
	if (want[0])
		ck_assert_str_eq(text, want);
}
END_TEST

static const char *const bad[] = {
	"",
	" ",
	"null",
	"1",
	"\"x\"",
	"true",
	"{",
	"}",
	"[",
	"]",
	"{]",
	"[}",
	"{\"a\"",
	"{\"a\":",
	"{\"a\":}",
	"{\"a\":1",
	"{\"a\":1,}",
	"[1,]",
	"[,1]",
	"[1 2]",
	"{\"a\" 1}",
	"{a:1}",
	"{'a':1}",
	"['a']",
	"{1:1}",
	"{} {}",
	"{}]",
	"{}x",
	"{}\v",
	"{}//",
	"/* */{}",
	"{}/* */",
	"[1/*,2*/]",
	"# x\n{}",
	"[NaN]",
	"[nan]",
	"[Infinity]",
	"[-Infinity]",
	"[True]",
	"[NULL]",
	"[nul]",
	"[truee]",
	"[0x10]",
	"[1.]",
	"[1.",
	"[01]",
	"[00]",
	"[-01]",
	"[1.e5]",
	"[1.5.5]",
	"[1ee5]",
	"[1e5e5]",
	"[.5]",
	"[--1]",
	"[1-2]",
	"[-]",
	"[1e]",
	"[+1]",
	"[\"\n\"]",
	"[\"\t\"]",
	"[\"\x01\"]",
	"[\"\\x41\"]",
	"[\"\\u12\"]",
	"[\"\\u12zz\"]",
	"[\"\\",
	"[\"\\\"",
	"[\"\\u0000\"]",
	"{\"a\\u0000b\":1}",
	"{\"a\\u0000b\":1,\"a\":1}",
	"[\"\xff\"]",
	"[\"\xc0\xaf\"]",
	"[\"\xc3\"]",
	"\xef\xbb\xbf{}",
	/* which of the two is meant? */
	"{\"a\":1,\"a\":1}",
	"{\"a\":1,\"a\":2}",
	"{\"a\":1,\"b\":2,\"a\":3}",
	"{\"a\":1,\"\\u0061\":2}",
	"{\"x\":{\"a\":1,\"a\":2}}",
	"[{\"a\":1,\"a\":2}]",
	"{\"a\":{\"b\":1,\"c\":2},\"a\":{}}",
	"{\"a\":null,\"a\":null}",
	"{\"\":1,\"\":2}",
	"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]", /* 33 levels */
};

START_TEST(parse_bad)
{
	struct berth_err err = BERTH_ERR_INIT;
	struct json *root = NULL;

	ck_assert_msg(json_parse(bad[_i], strlen(bad[_i]), &root, &err) == -1, "%s", bad[_i]);
	ck_assert_int_eq(err.code, BERTH_EIMAGE);
	ck_assert_ptr_null(root);
}
END_TEST

START_TEST(parse_nul)
{
	static const struct {
		const char *bytes;
		size_t n;
	} nul[] = { { "{}\0", 3 }, { "{\0}", 3 }, { "[\"\0\"]", 5 }, { "\0{}", 3 }, { "{}\0{}", 5 } };
	struct berth_err err = BERTH_ERR_INIT;
	struct json *root = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(nul); i++)
		ck_assert_int_eq(json_parse(nul[i].bytes, nul[i].n, &root, &err), -1);
}
END_TEST

/* "[0,0,...]" of 'values' values, and spaces up to 'n' bytes. */
static int parse_large(size_t values, size_t n, struct berth_err *err)
{
	cleanup(json_freep) struct json *root = NULL;
	cleanup_free char *text = malloc(n + 1);

	ck_assert_ptr_nonnull(text);
	memset(text, ' ', n);
	text[0] = '[';
	for (size_t i = 0; i < values; i++) {
		text[1 + 2 * i] = '0';
		text[2 + 2 * i] = ',';
	}
	text[2 * values] = ']';
	return json_parse(text, n, &root, err);
}

START_TEST(parse_limits)
{
	struct berth_err err = BERTH_ERR_INIT;

	ck_assert_int_eq(parse_large(JSON_VALUES_MAX, JSON_BYTES_MAX, &err), 0);
	ck_assert_int_eq(parse_large(JSON_VALUES_MAX + 1, JSON_BYTES_MAX, &err), -1);
	ck_assert_int_eq(parse_large(1, JSON_BYTES_MAX + 1, &err), -1);
}
END_TEST

static const char members[] =
	"{\"s\":\"x\",\"n\":7,\"big\":18446744073709551615,\"neg\":-1,\"f\":1.0,\"t\":true,\"o\":{\"k\":1},"
	"\"a\":[\"p\",null,2],\"z\":null}";

START_TEST(getters)
{
	cleanup(json_freep) struct json *root = NULL;
	struct berth_err err = BERTH_ERR_INIT;
	const struct json *v = NULL;
	const char *s = NULL;
	uint64_t n = 99;
	bool t = false;

	ck_assert_int_eq(json_parse(members, strlen(members), &root, &err), 0);
	ck_assert_int_eq(json_get_string(root, "s", &s, &err), 0);
	ck_assert_str_eq(s, "x");
	ck_assert_int_eq(json_get_string(root, "absent", &s, &err), 0);
	ck_assert_ptr_null(s);
	ck_assert_int_eq(json_get_string(root, "z", &s, &err), 0);
	ck_assert_ptr_null(s);
	ck_assert(json_has(root, "z"));
	ck_assert(!json_has(root, "absent"));
	ck_assert_int_eq(json_get_u64(root, "absent", 10, &n, &err), 0);
	ck_assert_uint_eq(n, 99);
	ck_assert_int_eq(json_get_u64(root, "n", 7, &n, &err), 0);
	ck_assert_uint_eq(n, 7);
	ck_assert_int_eq(json_get_u64(root, "big", UINT64_MAX, &n, &err), 0);
	ck_assert_uint_eq(n, UINT64_MAX);
	ck_assert_int_eq(json_get_bool(root, "t", &t, &err), 0);
	ck_assert(t);
	ck_assert_int_eq(json_get_object(root, "o", &v, &err), 0);
	ck_assert(json_is_object(v));
	ck_assert_int_eq(json_get_array(root, "a", &v, &err), 0);
	ck_assert_uint_eq(json_count(v), 3);
	ck_assert_str_eq(json_text(json_at(v, 0)), "p");
	ck_assert_ptr_null(json_at(v, 1));
	ck_assert_ptr_null(json_text(json_at(v, 2)));
	ck_assert_ptr_null(json_at(v, 3));
}
END_TEST

START_TEST(getters_refuse)
{
	cleanup(json_freep) struct json *root = NULL;
	struct berth_err err = BERTH_ERR_INIT;
	const struct json *v = NULL;
	const char *s = NULL;
	uint64_t n = 99;
	bool t = true;

	ck_assert_int_eq(json_parse(members, strlen(members), &root, &err), 0);
	ck_assert_int_eq(json_get_string(root, "n", &s, &err), -1);
	ck_assert_int_eq(json_get_string(root, "o", &s, &err), -1);
	ck_assert_int_eq(json_get_u64(root, "n", 6, &n, &err), -1);
	ck_assert_int_eq(json_get_u64(root, "neg", 7, &n, &err), -1);
	ck_assert_int_eq(json_get_u64(root, "f", 7, &n, &err), -1);
	ck_assert_int_eq(json_get_u64(root, "s", 7, &n, &err), -1);
	ck_assert_int_eq(json_get_u64(root, "t", 7, &n, &err), -1);
	ck_assert_int_eq(json_get_u64(root, "big", 7, &n, &err), -1);
	ck_assert_int_eq(json_get_bool(root, "n", &t, &err), -1);
	ck_assert_int_eq(json_get_bool(root, "s", &t, &err), -1);
	ck_assert_int_eq(json_get_object(root, "a", &v, &err), -1);
	ck_assert_int_eq(json_get_array(root, "o", &v, &err), -1);
	ck_assert_uint_eq(n, 99);
	ck_assert(t);
	ck_assert_uint_eq(json_count(root), 0);
	ck_assert_uint_eq(json_count(NULL), 0);
	ck_assert_ptr_null(json_text(NULL));
	ck_assert_int_eq(json_get_string(NULL, "s", &s, &err), 0);
	ck_assert_ptr_null(s);
}
END_TEST

START_TEST(changes)
{
	static const char text[] = "{\"auths\":{\"a\":{\"auth\":\"old\"},\"b\":{}},\"x\":3}";
	cleanup(json_wipep) struct json *root = NULL;
	struct berth_err err = BERTH_ERR_INIT;
	cleanup_free char *out = NULL;
	struct json *auths;
	size_t n;

	ck_assert_int_eq(json_parse(text, strlen(text), &root, &err), 0);
	auths = json_edit_object(root, "auths");
	ck_assert_ptr_nonnull(auths);
	ck_assert_int_eq(json_set_string(json_edit_object(auths, "a"), "auth", "new"), 0);
	json_remove(auths, "b");
	json_remove(auths, "absent");
	ck_assert_ptr_nonnull(json_edit_object(auths, "c"));
	ck_assert_ptr_null(json_edit_object(root, "x"));
	ck_assert_int_eq(json_write(root, &out, &n, &err), 0);
	ck_assert_str_eq(out, "{\n\t\"auths\": {\n\t\t\"a\": {\n\t\t\t\"auth\": \"new\"\n\t\t},\n\t\t\"c\": {}\n\t},\n"
			      "\t\"x\": 3\n}\n");
}
END_TEST

START_TEST(ours)
{
	cleanup(strbuf_done) struct strbuf text = STRBUF_INIT;
	struct json_out o = { .text = &text };

	json_open(&o, '{');
	json_member(&o, "a", "x\"y\\z\n\x1b\xff\xc3\xa9");
	json_member(&o, "left out", NULL);
	json_key(&o, "n");
	json_put_u64(&o, UINT64_MAX);
	json_key(&o, "list");
	json_open(&o, '[');
	json_put_string(&o, "p");
	json_put_word(&o, "null");
	json_open(&o, '{');
	json_close(&o, '}');
	json_close(&o, ']');
	json_close(&o, '}');
	ck_assert(strbuf_ok(&text));
	ck_assert_str_eq(text.text, "{\"a\":\"x\\\"y\\\\z\\n\\u001b\\ufffd\xc3\xa9\",\"n\":18446744073709551615,"
				    "\"list\":[\"p\",null,{}]}");
}
END_TEST

static const struct {
	const char *answer, *token; /* NULL: refused */
	uint64_t expires_s;
} tokens[] = {
	{ "{\"token\":\"abc\"}", "abc", 60 },
	{ "{\"access_token\":\"abc\"}", "abc", 60 },
	{ "{\"token\":\"t\",\"access_token\":\"a\",\"expires_in\":300}", "t", 300 },
	{ "{\"token\":\"\",\"access_token\":\"a\",\"expires_in\":3}", "a", 60 },
	{ "{\"token\":\"t\",\"expires_in\":\"300\"}", "t", 60 },
	{ "{\"token\":\"t\",\"expires_in\":-5}", "t", 60 },
	{ "{}", NULL, 0 },
	{ "[]", NULL, 0 },
	{ "", NULL, 0 },
	{ "<html>", NULL, 0 },
	{ "{\"token\":null}", NULL, 0 },
	{ "{\"token\":\"\"}", NULL, 0 },
	{ "{\"token\":7}", NULL, 0 },
	{ "{\"token\":[\"x\"]}", NULL, 0 },
	{ "{\"token\":\"a b\"}", NULL, 0 },
	{ "{\"token\":\"a\\r\\nHost: evil\"}", NULL, 0 },
	{ "{\"token\":\"a\\n\"}", NULL, 0 },
	{ "{\"token\":\"caf\xc3\xa9\"}", NULL, 0 },
	{ "{\"token\":\"a\",\"token\":\"b\"}", NULL, 0 },
};

START_TEST(token)
{
	cleanup(oci_token_done) struct oci_token t = { 0 };
	struct berth_err err = BERTH_ERR_INIT;
	int rc = oci_token_parse(tokens[_i].answer, strlen(tokens[_i].answer), &t, &err);

	if (!tokens[_i].token) {
		ck_assert_int_eq(rc, -1);
		ck_assert_int_eq(err.code, BERTH_ENET);
		return;
	}
	ck_assert_msg(rc == 0, "%s", err.text);
	ck_assert_int_eq(err.code, BERTH_OK);
	ck_assert_str_eq(t.text, tokens[_i].token);
	ck_assert_uint_eq(t.expires_s, tokens[_i].expires_s);
}
END_TEST

static const struct {
	const char *answer, *want;
} reasons[] = {
	{ "{\"errors\":[{\"code\":\"DENIED\",\"message\":\"no access\"}]}", "DENIED: no access" },
	{ "{\"errors\":[{\"code\":\"DENIED\"}]}", "DENIED" },
	{ "{\"errors\":[{\"message\":\"no access\"}]}", "no access" },
	{ "{\"errors\":[{\"code\":\"A\",\"message\":\"1\",\"detail\":{}},{\"code\":\"B\"}]}", "A: 1" },
	{ "{\"errors\":[{\"code\":\"A\\u001b[2J\",\"message\":\"x\\ny\"}]}", "A\\x1b[2J: x\\x0ay" },
	{ "{\"errors\":[{}]}", "" },
	{ "{\"errors\":[\"x\"]}", "" },
	{ "{\"errors\":[null]}", "" },
	{ "{\"errors\":[]}", "" },
	{ "{\"errors\":{\"code\":\"A\"}}", "" },
	{ "{\"errors\":[{\"code\":7,\"message\":\"x\"}]}", "" },
	{ "{\"details\":\"x\"}", "" },
	{ "<html>", "" },
	{ "", "" },
};

START_TEST(reason)
{
	char out[64] = "untouched";

	oci_reason(reasons[_i].answer, strlen(reasons[_i].answer), out, sizeof(out));
	ck_assert_str_eq(out, reasons[_i].want);
}
END_TEST

static const struct {
	const char *coded, *plain; /* NULL: refused */
} base64[] = {
	{ "", "" },	    { "Zg==", "f" },	   { "Zm8=", "fo" },	  { "Zm9v", "foo" },
	{ "Zg", "f" },	    { "Zm8", "fo" },	   { "dTpwKy8/", "u:p+/?" }, { "Z", NULL },
	{ "Zg=", NULL },    { "Zm9v=", NULL },	   { "Zg===", NULL },	  { "Zm9v====", NULL },
	{ "Z=g=", NULL },   { "Zm9v\n", NULL },	   { " Zm9v", NULL },	  { "Zm9-", NULL },
	{ "Zm9_", NULL },   { "=", NULL },	   { "====", NULL },	  { "Zm9vYmFyYmF6enp6", NULL },
};

START_TEST(base64_text)
{
	char out[9], again[BASE64_SIZE(sizeof(out))];
	size_t n = 0;
	int rc = base64_decode(base64[_i].coded, out, 8, &n);

	ck_assert_int_eq(rc, base64[_i].plain ? 0 : -1);
	if (rc < 0)
		return;
	ck_assert_uint_eq(n, strlen(base64[_i].plain));
	ck_assert_mem_eq(out, base64[_i].plain, n);
	base64_encode(out, n, again);
	ck_assert_int_eq(strncmp(again, base64[_i].coded, strlen(base64[_i].coded)), 0);
	ck_assert_uint_eq(strlen(again) % 4, 0);
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("json"), *small = tcase_create("small");

	tcase_add_loop_test(tc, parse_good, 0, (int)ARRAY_SIZE(good));
	tcase_add_loop_test(tc, parse_bad, 0, (int)ARRAY_SIZE(bad));
	tcase_add_test(tc, parse_nul);
	tcase_add_test(tc, parse_limits);
	tcase_add_test(tc, getters);
	tcase_add_test(tc, getters_refuse);
	tcase_add_test(tc, changes);
	tcase_add_test(tc, ours);
	tcase_add_loop_test(small, token, 0, (int)ARRAY_SIZE(tokens));
	tcase_add_loop_test(small, reason, 0, (int)ARRAY_SIZE(reasons));
	tcase_add_loop_test(small, base64_text, 0, (int)ARRAY_SIZE(base64));
	return unit_run_two("json", tc, small);
}
