/* SPDX-License-Identifier: BSD-3-Clause */
/* check_bind.c - the text of binds: every accepted spelling, every refused one. */
#include "config.h"

#include <limits.h>
#include <string.h>

#include "launcher/view/spec.h"
#include "libimage/base/cleanup.h"
#include "libimage/base/err.h"
#include "tests/unit/unit.h"

static const struct {
	const char *in, *source, *target; /* source NULL: refused */
	bool ro;
} one[] = {
	{ "/a", "/a", "/a", false },
	{ "/a:/b", "/a", "/b", false },
	{ "/a:/b:ro", "/a", "/b", true },
	{ "/a:/b:rw", "/a", "/b", false },
	{ "/a:/b:ro,ro", "/a", "/b", true },
	{ "//a/./b/:/c//d/", "/a/b", "/c/d", false },
	{ "/a/../b:/c", "/a/../b", "/c", false },	/* the kernel walks the source */
	{ "/a\\:b", "/a:b", "/a:b", false },
	{ "/a\\,b:/c\\:d:ro", "/a,b", "/c:d", true },
	{ "/a,b:/c", "/a,b", "/c", false },		/* one bind: a comma needs no backslash */
	{ "/a\\b", "/a\\b", "/a\\b", false },		/* other backslashes stand for themselves */
	{ "/:/host", "/", "/host", false },
	{ "/proc/1:/mnt", "/proc/1", "/mnt", false },	/* as a source the user's right decides */
	{ "/a:/device", "/a", "/device", false },
	{ "/a:/system", "/a", "/system", false },
	{ "", NULL, NULL, false },
	{ ":", NULL, NULL, false },
	{ ":/b", NULL, NULL, false },
	{ "/a:", NULL, NULL, false },
	{ "/a::ro", NULL, NULL, false },
	{ "a", NULL, NULL, false },
	{ "./a", NULL, NULL, false },
	{ "~/a", NULL, NULL, false },
	{ "a:/b", NULL, NULL, false },
	{ "/a:b", NULL, NULL, false },
	{ "/a:../b", NULL, NULL, false },
	{ "/a:/b:", NULL, NULL, false },
	{ "/a:/b:xx", NULL, NULL, false },
	{ "/a:/b:RO", NULL, NULL, false },
	{ "/a:/b:ro,", NULL, NULL, false },
	{ "/a:/b:,ro", NULL, NULL, false },
	{ "/a:/b:ro,rw", NULL, NULL, false },
	{ "/a:/b:rw,ro", NULL, NULL, false },
	{ "/a:/b:ro:x", NULL, NULL, false },
	{ "/a:/b:ro:", NULL, NULL, false },
	{ "/a:/", NULL, NULL, false },
	{ "/", NULL, NULL, false },
	{ "/a://./", NULL, NULL, false },
	{ "/a:/b/../c", NULL, NULL, false },
	{ "/a:/..", NULL, NULL, false },
	{ "/a/../b", NULL, NULL, false },		/* as a target too: refused */
	{ "/a:/proc", NULL, NULL, false },
	{ "/a:/proc/self", NULL, NULL, false },
	{ "/a:/sys", NULL, NULL, false },
	{ "/a:/sys/fs", NULL, NULL, false },
	{ "/dev/shm", "/dev/shm", "/dev/shm", false },	/* in /dev only what is called so there */
	{ "/dev/./dri//:/dev/dri:ro", "/dev/dri", "/dev/dri", true },
	{ "/dev", "/dev", "/dev", false },
	{ "/dev/shm:/shm", "/dev/shm", "/shm", false },
	{ "/a:/dev", NULL, NULL, false },
	{ "/a:/dev/null", NULL, NULL, false },
	{ "/a://dev/./shm/", NULL, NULL, false },
	{ "/dev/null:/dev/zero", NULL, NULL, false },
	{ "/dev/a/../null:/dev/null", NULL, NULL, false },
	{ "/devices/../dev/null:/dev/null", NULL, NULL, false },
	{ "/proc", NULL, NULL, false },
	{ "/sys/fs", NULL, NULL, false },
};

START_TEST(parse_one)
{
	cleanup(bind_list_done) struct bind_list l = { 0 };
	struct berth_err err = BERTH_ERR_INIT;
	int rc = bind_parse(one[_i].in, &l, &err);

	if (!one[_i].source) {
		ck_assert_msg(rc == -1, "'%s' was taken", one[_i].in);
		ck_assert_int_eq(err.code, BERTH_EUSAGE);
		ck_assert(err.text[0] != '\0');
		ck_assert_uint_eq(l.n, 0);
		return;
	}
	ck_assert_msg(rc == 0, "'%s': %s", one[_i].in, err.text);
	ck_assert_uint_eq(l.n, 1);
	ck_assert_str_eq(l.v[0].source, one[_i].source);
	ck_assert_str_eq(l.v[0].target, one[_i].target);
	ck_assert(l.v[0].readonly == one[_i].ro);
}
END_TEST

/* What comes out, as "SRC>DST[!]" with blanks between; NULL: refused. */
static const struct {
	const char *in, *out;
} many[] = {
	{ "/a,/b:/c", "/a>/a /b>/c" },
	{ "/a:/b:ro,/c", "/a>/b! /c>/c" },
	{ "/a:/b:ro,ro,/c:/d", "/a>/b! /c>/d" },
	{ "/a\\,b,/c", "/a,b>/a,b /c>/c" },
	{ "", "" },
	{ ",", "" },
	{ ",/scratch", "/scratch>/scratch" },
	{ "/scratch,", "/scratch>/scratch" },
	{ "/a,,/b", "/a>/a /b>/b" },
	{ "/a,b", NULL },
	{ "/a,ro", NULL },
	{ "/a:/b,ro", NULL },
	{ "/a:/b:ro,rw", NULL },
	{ "/a:/b:ro,xx,/c", NULL },
	{ "/a, /b", NULL },
	{ "/a,/b:/dev", NULL },
	{ "/a,:", NULL },
};

START_TEST(parse_many)
{
	cleanup(bind_list_done) struct bind_list l = { 0 };
	cleanup(strbuf_done) struct strbuf got = STRBUF_INIT;
	struct berth_err err = BERTH_ERR_INIT;
	int rc;

	ck_assert_int_eq(bind_parse("/first", &l, &err), 0);
	rc = bind_parse_list(many[_i].in, &l, &err);
	if (!many[_i].out) {
		ck_assert_msg(rc == -1, "'%s' was taken", many[_i].in);
		ck_assert_int_eq(err.code, BERTH_EUSAGE);
		ck_assert_uint_eq(l.n, 1); /* none of them, and the old one still */
		return;
	}
	ck_assert_msg(rc == 0, "'%s': %s", many[_i].in, err.text);
	for (size_t i = 1; i < l.n; i++)
		strbuf_printf(&got, "%s%s>%s%s", i > 1 ? " " : "", l.v[i].source, l.v[i].target,
			      l.v[i].readonly ? "!" : "");
	ck_assert_str_eq(got.text ? got.text : "", many[_i].out);
}
END_TEST

/* From /w/x; what comes out as above. */
static const struct {
	const char *in, *out;
} at[] = {
	{ "data:/data", "/w/x/data>/data" },
	{ "data", "/w/x/data>/w/x/data" },
	{ ".", "/w/x>/w/x" },
	{ "./a/./b/:/c:ro", "/w/x/a/b>/c!" },
	{ "../b:/c", "/w/b>/c" },
	{ "../../../b", "/b>/b" },
	{ "..", "/w>/w" },
	{ "..b:/c", "/w/x/..b>/c" },
	{ "a/../b:/c", "/w/x/a/../b>/c" },	/* the kernel walks the source */
	{ "a,/b,c:/d", "/w/x/a>/w/x/a /b>/b /w/x/c>/d" },
	{ "a\\:b:/c", "/w/x/a:b>/c" },
	{ "/a:/b:ro,c", NULL },			/* an option, and no such one */
	{ "/a:b", NULL },
	{ "a/../b", NULL },			/* as a target too: refused */
	{ ":/b", NULL },
	{ "../..", NULL },			/* on "/" */
	{ "data:/data:rx", NULL },
};

START_TEST(parse_at)
{
	cleanup(bind_list_done) struct bind_list l = { 0 };
	cleanup(strbuf_done) struct strbuf got = STRBUF_INIT;
	struct berth_err err = BERTH_ERR_INIT;
	int rc = bind_parse_list_at(at[_i].in, "/w/x", &l, &err);

	if (!at[_i].out) {
		ck_assert_msg(rc == -1, "'%s' was taken", at[_i].in);
		ck_assert_int_eq(err.code, BERTH_EUSAGE);
		ck_assert_uint_eq(l.n, 0);
		return;
	}
	ck_assert_msg(rc == 0, "'%s': %s", at[_i].in, err.text);
	for (size_t i = 0; i < l.n; i++)
		strbuf_printf(&got, "%s%s>%s%s", i > 0 ? " " : "", l.v[i].source, l.v[i].target,
			      l.v[i].readonly ? "!" : "");
	ck_assert_str_eq(got.text, at[_i].out);
}
END_TEST

/* The command line's, then the variable's but for targets that are taken. */
START_TEST(append)
{
	cleanup(bind_list_done) struct bind_list l = { 0 }, more = { 0 }, none = { 0 };
	struct berth_err err = BERTH_ERR_INIT;

	ck_assert_int_eq(bind_parse_list("/a,/b:/c", &l, &err), 0);
	ck_assert_int_eq(bind_parse_list("/d:/c,/e:/c/x,/f,/g:/f", &more, &err), 0);
	ck_assert_int_eq(bind_list_append(&l, &more, &err), 0);
	ck_assert_uint_eq(more.n, 0);
	ck_assert_int_eq(bind_list_append(&l, &none, &err), 0);
	ck_assert_uint_eq(l.n, 5);
	ck_assert_str_eq(l.v[1].source, "/b");
	ck_assert_str_eq(l.v[2].source, "/e");
	ck_assert_str_eq(l.v[3].source, "/f");
	ck_assert_str_eq(l.v[4].source, "/g"); /* among themselves they lie one over the other */
}
END_TEST

START_TEST(too_long)
{
	cleanup(bind_list_done) struct bind_list l = { 0 };
	struct berth_err err = BERTH_ERR_INIT;
	char text[PATH_MAX + 16];

	memset(text, 'x', sizeof(text));
	text[0] = '/';
	text[PATH_MAX] = '\0';
	ck_assert_int_eq(bind_parse(text, &l, &err), -1);
	ck_assert_int_eq(err.code, BERTH_EUSAGE);
	/* A component longer than any file system has. */
	text[300] = '\0';
	ck_assert_int_eq(bind_parse(text, &l, &err), -1);
	ck_assert_uint_eq(l.n, 0);
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("bind");

	tcase_add_loop_test(tc, parse_one, 0, ARRAY_SIZE(one));
	tcase_add_loop_test(tc, parse_many, 0, ARRAY_SIZE(many));
	tcase_add_loop_test(tc, parse_at, 0, ARRAY_SIZE(at));
	tcase_add_test(tc, append);
	tcase_add_test(tc, too_long);
	return unit_run("bind", tc);
}
