/* SPDX-License-Identifier: BSD-3-Clause */
/* check_attach.c - whose process it is that berth enter is to join. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "launcher/room/attach.h"
#include "libimage/base/cleanup.h"
#include "libimage/base/str.h"
#include "tests/unit/unit.h"

#define IDS "\nUid:\t1000\t1000\t1000\t1000\nGid:\t100\t100\t100\t100"

static const struct {
	const char *text, *want; /* "uid gid groups"; NULL: refused */
} cases[] = {
	{ "Name:\tx" IDS "\nFDSize:\t64\nGroups:\t4 24 100 \nNStgid:\t7\n", "1000 100 4 24 100" },
	{ "Name:\tx" IDS "\nGroups:\t \n", "1000 100" },
	{ "Name:\tx" IDS "\nGroups:\n", "1000 100" },
	{ "Name:\tx" IDS "\nGroups:\t4294967294 \n", "1000 100 4294967294" },
	{ "Name:\tx" IDS "\nGroups:\t4", "1000 100 4" },
	{ "Name:\tx" IDS "\n", NULL },
	{ "Name:\tx\nUid:\t1000\t0\t1000\t1000\nGid:\t1\t1\t1\t1\nGroups:\t1\n", NULL }, /* setuid just now */
	{ "Name:\tx\nUid:\t1000\t1000\t0\t1000\nGid:\t1\t1\t1\t1\nGroups:\t1\n", NULL },
	{ "Name:\tx\nUid:\t1000\t1000\t1000\t0\nGid:\t1\t1\t1\t1\nGroups:\t1\n", NULL },
	{ "Name:\tx\nUid:\t1\t1\t1\t1\nGid:\t1\t1\t1\t0\nGroups:\t1\n", NULL },
	{ "Name:\tx\nUid:\t1\t1\t1\nGid:\t1\t1\t1\t1\nGroups:\t1\n", NULL },
	{ "Name:\tx\nGid:\t1\t1\t1\t1\nGroups:\t1\n", NULL },
	{ "", NULL },
};

START_TEST(status)
{
	cleanup(attach_target_done) struct attach_target t = ATTACH_TARGET_INIT;
	cleanup(strbuf_done) struct strbuf got = STRBUF_INIT;
	int rc = attach_parse_status(cases[_i].text, &t);

	if (!cases[_i].want) {
		ck_assert_int_eq(rc, -1);
		return;
	}
	ck_assert_int_eq(rc, 0);
	strbuf_printf(&got, "%u %u", t.uid, t.gid);
	for (size_t i = 0; i < t.ngroups; i++)
		strbuf_printf(&got, " %u", t.groups[i]);
	ck_assert_str_eq(got.text, cases[_i].want);
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("join");

	tcase_add_loop_test(tc, status, 0, ARRAY_SIZE(cases));
	return unit_run("attach", tc);
}
