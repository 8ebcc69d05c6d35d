/* SPDX-License-Identifier: BSD-3-Clause */
/* check_nearest.c - what is near enough to be meant, and what is not. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "launcher/cli/absent.h"
#include "launcher/cli/cli.h"
#include "launcher/cli/nearest.h"
#include "libimage/base/cleanup.h"
#include "libimage/base/err.h"
#include "tests/unit/unit.h"

static const struct {
	const char *a, *b;
	unsigned int want; /* 3: too far */
} pairs[] = {
	{ "bind", "bind", 0 }, { "bnd", "bind", 1 }, { "binds", "bind", 1 }, { "bund", "bind", 1 },
	{ "ibnd", "bind", 1 }, { "bidn", "bind", 1 }, { "bd", "bind", 2 }, { "bxnx", "bind", 2 },
	{ "", "", 0 }, { "", "a", 1 }, { "", "ab", 2 }, { "", "abc", 3 }, { "abcd", "", 3 },
	{ "bind", "home", 3 }, { "bind", "BIND", 3 }, { "b", "bind", 3 }, { "verbose", "verbsoe", 1 },
	{ "0123456789012345678901234567890x", "0123456789012345678901234567890y", 1 },
	{ "0123456789012345678901234567890xx", "0123456789012345678901234567890xx", 3 }, /* too long to look at */
};

START_TEST(distance)
{
	ck_assert_uint_eq(nearest_distance(pairs[_i].a, pairs[_i].b), pairs[_i].want);
	ck_assert_uint_eq(nearest_distance(pairs[_i].b, pairs[_i].a), pairs[_i].want);
}
END_TEST

START_TEST(look)
{
	struct nearest n = { .word = "bnd" }, far = { .word = "xy" }, same = { .word = "bind" };

	nearest_look(&n, NULL);
	nearest_look(&n, "home");
	ck_assert_ptr_null(n.found);
	nearest_look(&n, "bind");
	nearest_look(&n, "band");
	ck_assert_str_eq(n.found, "bind");
	nearest_look(&far, "ab"); /* two of two letters */
	ck_assert_ptr_null(far.found);
	nearest_look(&same, "bind");
	ck_assert_ptr_null(same.found);
}
END_TEST

static const struct {
	const char *command, *shown, *text;
} options[] = {
	{ "exec", "--bnd", "unknown option '--bnd': did you mean '--bind'?" },
	{ "exec", "--bind-", "unknown option '--bind-': did you mean '--bind'?" },
	{ "run", "--verbsoe", "unknown option '--verbsoe': did you mean '--verbose'?" },
	{ "exec", "--pdw", "unknown option '--pdw': did you mean '--pwd'?" },
	{ "exec", "--hlep", "unknown option '--hlep': did you mean '--help'?" },
	{ "shell", "--shel", "unknown option '--shel': did you mean '--shell'?" },
	{ "exec", "--shel", "unknown option '--shel'" }, /* it is shell's */
	{ "build", "--forec", "unknown option '--forec': did you mean '--force'?" },
	{ "build", "--bnd", "unknown option '--bnd'" },
	{ "inspect", "--jsn", "unknown option '--jsn': did you mean '--json'?" },
	{ NULL, "--quite", "unknown option '--quite': did you mean '--quiet'?" },
	{ NULL, "--versoin", "unknown option '--versoin': did you mean '--version'?" },
	{ NULL, "--bnd", "unknown option '--bnd'" },
	{ "exec", "-Z", "unknown option '-Z'" }, /* a letter is near to every other */
	{ "exec", "--nothing-like-it", "unknown option '--nothing-like-it'" },
	{ "exec", "--", "unknown option '--'" },
};

START_TEST(option)
{
	struct berth_err err = BERTH_ERR_INIT;

	ck_assert_int_eq(absent_option(options[_i].command, options[_i].shown, &err), -1);
	ck_assert_int_eq(err.code, BERTH_EUSAGE);
	ck_assert_str_eq(err.text, options[_i].text);
}
END_TEST

START_TEST(command)
{
	static const char *const rows[][2] = {
		{ "exce", "unknown command 'exce': did you mean 'exec'?" },
		{ "doctr", "unknown command 'doctr': did you mean 'doctor'?" },
		{ "Exec", "unknown command 'Exec': did you mean 'exec'?" },
		{ "frobnicate", "unknown command 'frobnicate'" },
		{ "x", "unknown command 'x'" },
		{ "", "unknown command ''" },
	};
	struct berth_err err = BERTH_ERR_INIT;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		ck_assert_int_eq(command_unknown(rows[i][0], &err), -1);
		ck_assert_str_eq(err.text, rows[i][1]);
	}
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("nearest");

	tcase_add_loop_test(tc, distance, 0, ARRAY_SIZE(pairs));
	tcase_add_test(tc, look);
	tcase_add_loop_test(tc, option, 0, ARRAY_SIZE(options));
	tcase_add_test(tc, command);
	return unit_run("nearest", tc);
}
