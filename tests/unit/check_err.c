/* SPDX-License-Identifier: BSD-3-Clause */
/* check_err.c - the error value (libimage/base/err.h). */
#include "config.h"

#include <errno.h>
#include <string.h>

#include "libimage/base/err.h"
#include "tests/unit/unit.h"

static void longest(char *buf, size_t n, char c)
{
	memset(buf, c, n - 1);
	buf[n - 1] = '\0';
}

START_TEST(fail_fills_everything)
{
	struct berth_err e = BERTH_ERR_INIT;

	berth_hint(&e, "old");
	ck_assert_int_eq(berth_fail(&e, BERTH_EIMAGE, 0, "bad '%s'", "x"), -1);
	ck_assert_int_eq(e.code, BERTH_EIMAGE);
	ck_assert_int_eq(e.sys, 0);
	ck_assert_str_eq(e.text, "bad 'x'");
	ck_assert_str_eq(e.hint, "");
}
END_TEST

START_TEST(fail_appends_errno)
{
	struct berth_err e = BERTH_ERR_INIT;

	berth_fail(&e, BERTH_ESYS, ENOENT, "cannot open '%s'", "x");
	ck_assert_str_eq(e.text, "cannot open 'x': No such file or directory");
	ck_assert_int_eq(e.sys, ENOENT);
	berth_fail(&e, BERTH_ESYS, 99999, "odd");
	ck_assert_str_eq(e.text, "odd: unknown error");
}
END_TEST

START_TEST(context_goes_before)
{
	struct berth_err e = BERTH_ERR_INIT;

	berth_fail(&e, BERTH_ESYS, EIO, "cannot read");
	ck_assert_int_eq(berth_context(&e, "image '%s'", "a"), -1);
	ck_assert_str_eq(e.text, "image 'a': cannot read: Input/output error");
	ck_assert_int_eq(e.code, BERTH_ESYS);
	ck_assert_int_eq(e.sys, EIO);
}
END_TEST

START_TEST(hint_replaces)
{
	struct berth_err e = BERTH_ERR_INIT;

	berth_fail(&e, BERTH_EUSAGE, 0, "no");
	berth_hint(&e, "one");
	ck_assert_int_eq(berth_hint(&e, "two %d", 2), -1);
	ck_assert_str_eq(e.hint, "two 2");
	ck_assert_str_eq(e.text, "no");
}
END_TEST

START_TEST(long_texts_are_cut)
{
	char big[2000], head[BERTH_TEXT_MAX - 2];
	struct berth_err e = BERTH_ERR_INIT;

	longest(big, sizeof(big), 'a');
	berth_fail(&e, BERTH_ESYS, EIO, "%s", big);
	ck_assert_uint_eq(strlen(e.text), BERTH_TEXT_MAX - 1);
	berth_context(&e, "head");
	ck_assert_uint_eq(strlen(e.text), BERTH_TEXT_MAX - 1);
	ck_assert(strncmp(e.text, "head: aaa", 9) == 0);
	berth_context(&e, "%s", big);
	ck_assert_uint_eq(strlen(e.text), BERTH_TEXT_MAX - 1);
	longest(head, sizeof(head), 'h'); /* leaves room for ": " and nothing else */
	berth_context(&e, "%s", head);
	ck_assert_uint_eq(strlen(e.text), BERTH_TEXT_MAX - 1);
	berth_hint(&e, "%s", big);
	ck_assert_uint_eq(strlen(e.hint), BERTH_HINT_MAX - 1);
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("err");

	tcase_add_test(tc, fail_fills_everything);
	tcase_add_test(tc, fail_appends_errno);
	tcase_add_test(tc, context_goes_before);
	tcase_add_test(tc, hint_replaces);
	tcase_add_test(tc, long_texts_are_cut);
	return unit_run("err", tc);
}
