/* SPDX-License-Identifier: BSD-3-Clause */
/* check_ids.c - the user's line in passwd and group, and none beside it that claims to be his. */
#include "config.h"

#include <errno.h>
#include <string.h>

#include "launcher/view/plan.h"
#include "libimage/base/cleanup.h"
#include "tests/unit/unit.h"

#define ANN "ann:x:2001:2001::/home/ann:/bin/sh"
#define B(text) text, sizeof(text) - 1

static const struct {
	const char *text;
	size_t n;
	const char *line, *out; /* out NULL: refused */
} cases[] = {
	{ B(""), ANN, ANN "\n" },
	{ B("root:x:0:0::/root:/bin/sh\n"), ANN, ANN "\nroot:x:0:0::/root:/bin/sh\n" },
	{ B("root:x:0:0::/root:/bin/sh"), ANN, ANN "\nroot:x:0:0::/root:/bin/sh\n" },
	{ B("ann:x:5:5::/:/bin/false\nbob:x:6:6:::\n"), ANN, ANN "\nbob:x:6:6:::\n" },	  /* name */
	{ B("zed:x:2001:5::/:/bin/false\nbob:x:6:6:::\n"), ANN, ANN "\nbob:x:6:6:::\n" }, /* id */
	{ B("zed:x:02001:5:::\n"), ANN, ANN "\n" },  /* libc reads 2001 */
	{ B("zed:x: 2001:5:::\n"), ANN, ANN "\n" },
	{ B("zed:x:+2001:5:::\n"), ANN, ANN "\n" },
	{ B("zed:x:2001"), ANN, ANN "\n" },
	{ B("annette:x:7:7:::\n"), ANN, ANN "\nannette:x:7:7:::\n" },
	{ B("an:x:20:7:::\n"), ANN, ANN "\nan:x:20:7:::\n" },
	{ B("zed:x:20011:5:::\n"), ANN, ANN "\nzed:x:20011:5:::\n" },
	{ B("+::::::\n"), ANN, ANN "\n+::::::\n" },
	{ B("bob\n\n:x:1:1\n"), ANN, ANN "\nbob\n:x:1:1\n" },
	{ B("bob:x:6:6:\x1b[2J::\nbo:x:7:7:::\n"), ANN, ANN "\nbo:x:7:7:::\n" },
	{ B("bob:x:6:6:\0::\nbo:x:7:7:::\n"), ANN, ANN "\nbo:x:7:7:::\n" },
	{ B("bob:x:6:6:::\r\nbo:x:7:7:::\n"), ANN, ANN "\nbo:x:7:7:::\n" },
	{ B("staff:x:50:bob\nwheel:x:10:\n"), "staff:x:51:", "staff:x:51:\nwheel:x:10:\n" },
	{ B("other:x:51:bob\n"), "staff:x:51:", "staff:x:51:\n" },
	{ B(""), "", NULL },
	{ B(""), "ann", NULL },
	{ B(""), "ann:x", NULL },
	{ B(""), "ann:x:", NULL },
	{ B(""), "ann:x:id:", NULL },
	{ B(""), ":x:1:", NULL },
	{ B(""), "ann:x:1:1::/:/bin/sh\nroot::0:0:::", NULL },
	{ B(""), "ann:x:1:1:\t:/:", NULL },
};

START_TEST(merge)
{
	cleanup(strbuf_done) struct strbuf out = STRBUF_INIT;
	int rc = plan_merge_ids(cases[_i].text, cases[_i].n, cases[_i].line, &out);

	if (!cases[_i].out) {
		ck_assert_int_eq(rc, -1);
		ck_assert_int_eq(errno, EINVAL);
		return;
	}
	ck_assert_int_eq(rc, 0);
	ck_assert_str_eq(out.text, cases[_i].out);
	ck_assert_uint_eq(out.len, strlen(cases[_i].out));
}
END_TEST

/* The line of 2001; NULL: none. */
static const struct {
	const char *text;
	size_t n;
	const char *line;
} finds[] = {
	{ B("root:x:0:0::/:\nann:x:2001:5::/h:/s\nbob:x:2001:6::/:\n"), "ann:x:2001:5::/h:/s" },
	{ B("ann:x:2001:5::/h:/s"), "ann:x:2001:5::/h:/s" },
	{ B("ann:x:02001:5::/h:/s\n"), "ann:x:02001:5::/h:/s" },
	{ B("ann:x:2001"), "ann:x:2001" },
	{ B(""), NULL },
	{ B("\n\n"), NULL },
	{ B("ann:x:20010:5::/h:/s\n"), NULL },
	{ B("ann:x:200:2001::/h:/s\n"), NULL },
	{ B("ann:2001:5::\n"), NULL },
	{ B("+ann:x:2001:5::/h:/s\n"), NULL },
	{ B("-ann:x:2001:5::/h:/s\n"), NULL },
	{ B("#ann:x:2001:5::/h:/s\n"), NULL },
	{ B(":x:2001:5::/h:/s\n"), NULL },
	{ B("ann:x::5::/h:/s\n"), NULL },
	{ B("ann:x:2001:5:\x1b:/h:/s\n"), NULL },
};

START_TEST(find)
{
	const char *line = NULL;
	size_t n = plan_find_id(finds[_i].text, finds[_i].n, 2001, &line);

	ck_assert_uint_eq(n, finds[_i].line ? strlen(finds[_i].line) : 0);
	ck_assert(n == 0 || memcmp(line, finds[_i].line, n) == 0);
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("ids");

	tcase_add_loop_test(tc, merge, 0, ARRAY_SIZE(cases));
	tcase_add_loop_test(tc, find, 0, ARRAY_SIZE(finds));
	return unit_run("ids", tc);
}
