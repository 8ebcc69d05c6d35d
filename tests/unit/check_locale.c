/* SPDX-License-Identifier: BSD-3-Clause */
/* check_locale.c - names of locales (launcher/view/locale.h). */
#include "config.h"

#include <stdint.h>
#include <string.h>

#include "launcher/view/locale.h"
#include "libimage/base/cleanup.h"
#include "tests/unit/unit.h"

static const struct {
	const char *name, *plain; /* NULL: no name */
} names[] = {
	{ "en_US.UTF-8", "en_US.utf8" },
	{ "de_DE.ISO-8859-15@euro", "de_DE.iso885915@euro" },
	{ "de_DE@euro", "de_DE@euro" },
	{ "en_US.utf8", "en_US.utf8" },
	{ "C.UTF-8", "C.utf8" },
	{ "C", "C" },
	{ "sr_YU.ISO-8859-2@cyrillic", "sr_YU.iso88592@cyrillic" },
	{ "", NULL },
	{ ".UTF-8", NULL },
	{ "a/b", NULL },
	{ "../../etc", NULL },
	{ "a b", NULL },
	{ "a\n", NULL },
	{ "a\x1b[2J", NULL },
	{ "d\xc3\xa9", NULL },
	{ "0123456789012345678901234567890123456789012345678901234567890123", NULL },
};

START_TEST(plain)
{
	char out[LOCALE_NAME_MAX];

	ck_assert(locale_plain(names[_i].name, out) == (names[_i].plain != NULL));
	if (names[_i].plain)
		ck_assert_str_eq(out, names[_i].plain);
}
END_TEST

START_TEST(variables)
{
	ck_assert(locale_is_variable("LANG=x", 4));
	ck_assert(locale_is_variable("LC_ALL=x", 6));
	ck_assert(locale_is_variable("LC_TIME=x", 7));
	ck_assert(!locale_is_variable("LANGUAGE=x", 8));
	ck_assert(!locale_is_variable("LC_=x", 3));
	ck_assert(!locale_is_variable("LAN=x", 3));
	ck_assert(!locale_is_variable("XLC_ALL=x", 7));
	ck_assert(locale_is_built_in("C") && locale_is_built_in("POSIX"));
	ck_assert(!locale_is_built_in("c") && !locale_is_built_in("") && !locale_is_built_in("C.UTF-8"));
}
END_TEST

static void put(unsigned char *head, size_t at, uint32_t v)
{
	memcpy(head + at, &v, sizeof(v));
}

START_TEST(archive)
{
	unsigned char head[LOCALE_HEAD_BYTES] = { 0 };
	size_t at = 1, n = 1;

	ck_assert(!locale_strings(head, &at, &n));
	put(head, 0, 0xde020109);
	put(head, 20, 4096);
	put(head, 24, 100);
	ck_assert(locale_strings(head, &at, &n));
	ck_assert_uint_eq(at, 4096);
	ck_assert_uint_eq(n, 100);
	put(head, 24, LOCALE_STRINGS_MAX + 1);
	ck_assert(!locale_strings(head, &at, &n));
	put(head, 24, UINT32_MAX);
	ck_assert(!locale_strings(head, &at, &n));
	put(head, 0, 0x090102de); /* of a machine with the other byte order */
	put(head, 24, 100);
	ck_assert(!locale_strings(head, &at, &n));
}
END_TEST

START_TEST(among)
{
	static const char strings[] = "en_US.utf8\0de_DE\0\0fr_FR"; /* the last has no end but the array's */

	ck_assert(locale_among(strings, sizeof(strings), "en_US.utf8"));
	ck_assert(locale_among(strings, sizeof(strings), "de_DE"));
	ck_assert(locale_among(strings, sizeof(strings), "fr_FR"));
	ck_assert(!locale_among(strings, sizeof(strings) - 1, "fr_FR"));
	ck_assert(!locale_among(strings, sizeof(strings), "en_US"));
	ck_assert(!locale_among(strings, sizeof(strings), "US.utf8"));
	ck_assert(!locale_among(strings, sizeof(strings), "de_DE.utf8"));
	ck_assert(!locale_among(strings, 0, "de_DE"));
	ck_assert(!locale_among(strings, 5, "en_US.utf8"));
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("locale");

	tcase_add_loop_test(tc, plain, 0, (int)ARRAY_SIZE(names));
	tcase_add_test(tc, variables);
	tcase_add_test(tc, archive);
	tcase_add_test(tc, among);
	return unit_run("locale", tc);
}
