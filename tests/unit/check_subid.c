/* SPDX-License-Identifier: BSD-3-Clause */
/* check_subid.c - lines of /etc/subuid (launcher/view/subid.h). */
#include "config.h"

#include <string.h>

#include "launcher/view/subid.h"
#include "libimage/base/cleanup.h"
#include "tests/unit/unit.h"

static const struct {
	const char *text;
	unsigned long first, count; /* 0: none found for ann, 2001 */
} rows[] = {
	{ "ann:100000:65536\n", 100000, 65536 },
	{ "2001:100000:65536\n", 100000, 65536 },
	{ "ann:100000:65536", 100000, 65536 },
	{ "bob:1:2\nann:100000:65536\nann:5:6\n", 100000, 65536 },
	{ "\n\nann:7:1\n", 7, 1 },
	{ "ann:0:5\nann:7:0\nann:9:1\n", 9, 1 },
	{ "ann:4294967294:1\n", 4294967294, 1 },
	{ "", 0, 0 },
	{ "bob:100000:65536\n", 0, 0 },
	{ "ann :1:5\n ann:1:5\n", 0, 0 },
	{ "ann::65536\n", 0, 0 },
	{ "ann:1:5:\n", 0, 0 },
	{ "ann:1:99999999999\n", 0, 0 },
	{ "ann\n:\n::\n", 0, 0 },
	{ "\n", 0, 0 },
	{ "ann", 0, 0 },
	{ "ann:", 0, 0 },
	{ "ann:1", 0, 0 },
	{ "ann:1:", 0, 0 },
	{ "ann:1:2:3\n", 0, 0 },
	{ ":1:2\n", 0, 0 },
	{ "anna:1:2\n", 0, 0 },
	{ "an:1:2\n", 0, 0 },
	{ "Ann:1:2\n", 0, 0 },
	{ "02001:1:2\n", 0, 0 },
	{ "2001x:1:2\n", 0, 0 },
	{ "ann: 1:2\n", 0, 0 },
	{ "ann:1:2 \n", 0, 0 },
	{ "ann:1:2\r\n", 0, 0 },
	{ "ann:-1:2\n", 0, 0 },
	{ "ann:1:-2\n", 0, 0 },
	{ "ann:0x1:2\n", 0, 0 },
	{ "ann:4294967295:1\n", 0, 0 },
	{ "ann:4294967294:2\n", 0, 0 },
	{ "ann:18446744073709551617:1\n", 0, 0 },
	{ "#ann:1:2\n", 0, 0 },
};

START_TEST(of_a_text)
{
	struct subid_range got = { 0, 0 };

	ck_assert(subid_find(rows[_i].text, strlen(rows[_i].text), "ann", 2001, &got) == (rows[_i].count > 0));
	ck_assert_uint_eq(got.first, rows[_i].first);
	ck_assert_uint_eq(got.count, rows[_i].count);
}
END_TEST

START_TEST(without_a_name)
{
	static const char text[] = "ann:1:2\n2001:3:4\n";
	struct subid_range got;

	ck_assert(subid_find(text, strlen(text), NULL, 2001, &got));
	ck_assert_uint_eq(got.first, 3);
	ck_assert(!subid_find(text, 9, NULL, 2001, &got)); /* what lies behind is not looked at */
}
END_TEST

START_TEST(odd_bytes)
{
	static const char nul[] = "ann\0:1:2\nann:3:4\n";
	struct subid_range got;
	char line[600];

	ck_assert(subid_find(nul, sizeof(nul) - 1, "ann", 2001, &got));
	ck_assert_uint_eq(got.first, 3);
	memset(line, '1', sizeof(line));
	memcpy(line, "ann:", 4);
	ck_assert(!subid_find(line, sizeof(line), "ann", 2001, &got));
	memset(line, 'a', sizeof(line));
	ck_assert(!subid_find(line, sizeof(line), "ann", 2001, &got));
}
END_TEST

int main(void)
{
	TCase *c = tcase_create("subid");

	tcase_add_loop_test(c, of_a_text, 0, (int)ARRAY_SIZE(rows));
	tcase_add_test(c, without_a_name);
	tcase_add_test(c, odd_bytes);
	return unit_run("subid", c);
}
