/* SPDX-License-Identifier: BSD-3-Clause */
/* check_labels.c - labels.json: what is read, and everything that is not JSON of strings. */
#include "config.h"

#include <string.h>

#include "launcher/cli/json_text.h"
#include "launcher/cli/labels.h"
#include "libimage/base/cleanup.h"
#include "libimage/base/err.h"
#include "tests/unit/unit.h"

static const struct {
	const char *text, *out; /* "name=value;" each; NULL: refused */
} rows[] = {
	{ "{}", "" }, { " { } \n", "" }, { "{\"a\":\"b\"}", "a=b;" }, { "{ \"b\" : \"2\" ,\t\"a\":\"1\"\r\n}", "a=1;b=2;" },
	{ "{\"a\":\"1\",\"a\":\"2\"}", "a=2;" }, { "{\"\":\"\"}", "=;" },
	{ "{\"a\":\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"}", "a=\"\\/\b\f\n\r\t;" },
	{ "{\"a\":\"\\u0041\\u00fc\\u20aC\"}", "a=A\xc3\xbc\xe2\x82\xac;" },
	{ "{\"a\":\"\\ud83d\\ude00\"}", "a=\xf0\x9f\x98\x80;" }, { "{\"a\":\"\\ud83dx\"}", "a=\xef\xbf\xbdx;" },
	{ "{\"a\":\"\\ud83d\\u0041\"}", "a=\xef\xbf\xbd" "A;" }, { "{\"a\":\"\\ude00\"}", "a=\xef\xbf\xbd;" },
	{ "{\"a\":\"\xc3\xbc\"}", "a=\xc3\xbc;" },
	{ "", NULL }, { "{", NULL }, { "}", NULL }, { "[]", NULL }, { "\"a\"", NULL }, { "null", NULL }, { "{}{}", NULL },
	{ "{},", NULL }, { "{\"a\"}", NULL }, { "{\"a\":}", NULL }, { "{\"a\":1}", NULL }, { "{\"a\":null}", NULL },
	{ "{\"a\":{}}", NULL }, { "{\"a\":[\"b\"]}", NULL }, { "{\"a\":\"b\",}", NULL }, { "{,}", NULL }, { "{a:\"b\"}", NULL },
	{ "{'a':'b'}", NULL }, { "{\"a\":\"b\" \"c\":\"d\"}", NULL }, { "{\"a\":\"b}", NULL }, { "{\"a\":\"b\\\"}", NULL },
	{ "{\"a\":\"\\x\"}", NULL }, { "{\"a\":\"\\u12\"}", NULL }, { "{\"a\":\"\\u12g4\"}", NULL },
	{ "{\"a\":\"\\u0000\"}", NULL }, { "{\"a\":\"\n\"}", NULL }, { "{\"a\":\"\x01\"}", NULL }, { "{\"a\":\"\xff\"}", NULL },
	{ "{\"a\":\"\xc3\"}", NULL }, { "{\"a\":\"\xc0\x80\"}", NULL }, { "{\"a\":\"\xed\xa0\x80\"}", NULL },
	{ "{\"a\":\"\\", NULL }, { "{\"a\":\"\\u", NULL }, { "{\"a\":\"\\ud83d\\u", NULL }, { "\xef\xbb\xbf{}", NULL },
};

START_TEST(parse)
{
	cleanup(strlist_done) struct strlist got = STRLIST_INIT;
	cleanup(strbuf_done) struct strbuf text = STRBUF_INIT;
	size_t n = strlen(rows[_i].text);
	cleanup_free char *copy = malloc(n + 1); /* no byte more to read than there is */
	struct berth_err err = BERTH_ERR_INIT;
	int rc;

	ck_assert_ptr_nonnull(copy);
	memcpy(copy, rows[_i].text, n);
	rc = labels_parse(copy, n, &got, &err);
	if (!rows[_i].out) {
		ck_assert_msg(rc == -1, "%s", rows[_i].text);
		ck_assert_int_eq(err.code, BERTH_EIMAGE);
		return;
	}
	ck_assert_msg(rc == 0, "%s", err.text);
	strbuf_puts(&text, "");
	for (size_t i = 0; i < got.n; i += 2)
		strbuf_printf(&text, "%s=%s;", got.v[i], got.v[i + 1]);
	ck_assert_str_eq(text.text, rows[_i].out);
}
END_TEST

START_TEST(put)
{
	static const char text[] = "a\"\\\n\t\r\x7f\x1b\xff\xc3\xbc\0z";
	cleanup(strbuf_done) struct strbuf out = STRBUF_INIT;

	json_text_string(&out, text, sizeof(text) - 1);
	ck_assert_str_eq(out.text, "\"a\\\"\\\\\\n\\t\\u000d\\u007f\\u001b\xef\xbf\xbd\xc3\xbc\\u0000z\"");
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("labels");

	tcase_add_loop_test(tc, parse, 0, ARRAY_SIZE(rows));
	tcase_add_test(tc, put);
	return unit_run("labels", tc);
}
