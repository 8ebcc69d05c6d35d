/* SPDX-License-Identifier: BSD-3-Clause */
/* check_str.c - strings (libimage/base/str.h). */
#include "config.h"

#include <stdint.h>
#include <string.h>

#include "libimage/base/cleanup.h"
#include "libimage/base/str.h"
#include "tests/unit/unit.h"

START_TEST(buffer_grows)
{
	cleanup(strbuf_done) struct strbuf b = STRBUF_INIT;

	strbuf_add(&b, "", 0);
	ck_assert_str_eq(b.text, "");
	for (int i = 0; i < 1000; i++)
		strbuf_printf(&b, "%d,", i);
	strbuf_puts(&b, "end");
	strbuf_add(&b, "a\0b", 3);
	ck_assert(strbuf_ok(&b));
	ck_assert_uint_eq(b.len, 10 * 2 + 90 * 3 + 900 * 4 + 3 + 3);
	ck_assert(strncmp(b.text, "0,1,2,", 6) == 0);
	ck_assert_int_eq(b.text[b.len], '\0');
	strbuf_done(&b);
	ck_assert_ptr_null(b.text);
}
END_TEST

START_TEST(buffer_remembers_failure)
{
	struct strbuf b = STRBUF_INIT;

	strbuf_puts(&b, "abc");
	strbuf_add(&b, "x", SIZE_MAX - 2); /* wraps: no byte of "x" may be read */
	ck_assert(!strbuf_ok(&b));
	strbuf_puts(&b, "more");
	ck_assert(!strbuf_ok(&b));
	ck_assert_str_eq(b.text, "abc");
	strbuf_done(&b);
}
END_TEST

START_TEST(list_grows)
{
	cleanup(strlist_done) struct strlist l = STRLIST_INIT;
	char text[16];

	ck_assert_ptr_null(l.v);
	for (int i = 0; i < 100; i++) {
		(void)snprintf(text, sizeof(text), "%d", i);
		strlist_add(&l, text);
		ck_assert_ptr_null(l.v[l.n]);
	}
	ck_assert(strlist_ok(&l));
	ck_assert_uint_eq(l.n, 100);
	ck_assert_str_eq(l.v[99], "99");
}
END_TEST

START_TEST(after)
{
	const char *text = "sif:1";

	ck_assert_str_eq(str_after(text, "sif:"), "1");
	ck_assert_ptr_eq(str_after(text, ""), text);
	ck_assert_str_eq(str_after(text, "sif:1"), "");
	ck_assert_ptr_null(str_after(text, "sif:12"));
	ck_assert_ptr_null(str_after(text, "Sif"));
	ck_assert_ptr_null(str_after("", "s"));
}
END_TEST

static const struct {
	const char *in, *out;
} escapes[] = {
	{ "", "" },
	{ "plain ~text", "plain ~text" },
	{ "caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x90\x9a", "caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x90\x9a" },
	{ "a\nb", "a\\x0ab" },
	{ "\033]0;title\a", "\\x1b]0;title\\x07" },
	{ "\x7f", "\\x7f" },
	{ "\t\r", "\\x09\\x0d" },
	{ "\xff", "\\xff" },
	{ "\x80", "\\x80" },				 /* a byte that goes on nothing */
	{ "\xc3", "\\xc3" },				 /* cut short */
	{ "\xc3(", "\\xc3(" },
	{ "\xe2\x82", "\\xe2\\x82" },
	{ "\xc2\x9b" "31m", "\\xc2\\x9b31m" },		 /* C1 control CSI */
	{ "\xc0\xaf", "\\xc0\\xaf" },			 /* '/' in two bytes */
	{ "\xe0\x80\xaf", "\\xe0\\x80\\xaf" },		 /* in three */
	{ "\xe0\x82\x9b", "\\xe0\\x82\\x9b" },		 /* CSI in three */
	{ "\xf0\x80\x80\xaf", "\\xf0\\x80\\x80\\xaf" },	 /* '/' in four */
	{ "\xed\xa0\x80", "\\xed\\xa0\\x80" },		 /* a surrogate */
	{ "\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80" }, /* beyond U+10FFFF */
	{ "\xf8\x88\x80\x80\x80", "\\xf8\\x88\\x80\\x80\\x80" },
};

START_TEST(escape)
{
	char out[64];

	str_escape(escapes[_i].in, out, sizeof(out));
	ck_assert_str_eq(out, escapes[_i].out);
}
END_TEST

/* Whatever the room: within it, NUL-terminated, and never half of something. */
START_TEST(escape_cuts)
{
	static const char in[] = "ab\033\xc3\xa9z";
	static const size_t whole[] = { 0, 1, 2, 6, 8, 9 };

	for (size_t size = 1; size < 16; size++) {
		char out[16];
		bool found = false;

		memset(out, '#', sizeof(out));
		str_escape(in, out, size);
		ck_assert_uint_lt(strlen(out), size);
		for (size_t i = 0; i < ARRAY_SIZE(whole); i++)
			found |= strlen(out) == whole[i];
		ck_assert(found);
		for (size_t i = size; i < sizeof(out); i++)
			ck_assert_int_eq(out[i], '#');
	}
	str_escape(in, NULL, 0);
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("str");

	tcase_add_test(tc, buffer_grows);
	tcase_add_test(tc, buffer_remembers_failure);
	tcase_add_test(tc, list_grows);
	tcase_add_test(tc, after);
	tcase_add_loop_test(tc, escape, 0, (int)ARRAY_SIZE(escapes));
	tcase_add_test(tc, escape_cuts);
	return unit_run("str", tc);
}
