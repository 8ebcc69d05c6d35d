/* SPDX-License-Identifier: BSD-3-Clause */
/* check_path.c - rules about paths (libimage/base/path.h). */
#include "config.h"

#include <limits.h>
#include <string.h>

#include "libimage/base/cleanup.h"
#include "libimage/base/path.h"
#include "tests/unit/unit.h"

static const struct {
	const char *in, *out;
} tidies[] = {
	{ "//a/./b/", "/a/b" }, { "/", "/" }, { "", "." }, { "a", "a" }, { ".", "." }, { "./", "." },
	{ "./a", "a" }, { "a/.", "a" }, { "a//b", "a/b" }, { "/.", "/" }, { "////", "/" },
	{ "/a/../b", "/a/../b" }, { "..", ".." }, { "../", ".." }, { "/..", "/.." }, { ".a/.", ".a" },
	{ "/...", "/..." }, { "././.", "." }, { "/./.", "/" }, { "a/b/", "a/b" },
};

START_TEST(tidy)
{
	char buf[64];

	(void)snprintf(buf, sizeof(buf), "%s", tidies[_i].in);
	path_tidy(buf);
	ck_assert_str_eq(buf, tidies[_i].out);
	path_tidy(buf);
	ck_assert_str_eq(buf, tidies[_i].out);
}
END_TEST

START_TEST(target)
{
	static const char *const good[] = { "/", "/a", "/a/b/", "/..a", "/a..", "/...", "//a", "/." };
	static const char *const bad[] = {
		"", "a", "./a", "..", "/..", "/../a", "/a/..", "/a/../b", "/a//..", "/a/./..", " /a",
	};
	char big[PATH_MAX + 1], name[NAME_MAX + 3];

	for (size_t i = 0; i < ARRAY_SIZE(good); i++)
		ck_assert_msg(path_is_target(good[i]), "%s", good[i]);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		ck_assert_msg(!path_is_target(bad[i]), "%s", bad[i]);
	memset(big, '/', sizeof(big));
	big[PATH_MAX] = '\0';
	ck_assert(!path_is_target(big));
	big[PATH_MAX - 1] = '\0';
	ck_assert(path_is_target(big));
	memset(name, 'n', sizeof(name));
	name[0] = '/';
	name[NAME_MAX + 2] = '\0';
	ck_assert(!path_is_target(name));
	name[NAME_MAX + 1] = '\0';
	ck_assert(path_is_target(name));
}
END_TEST

static const struct {
	const char *path, *base;
	bool want;
} belows[] = {
	{ "/tmp/foobar", "/tmp/foo", false }, { "/a", "/", true }, { "/a", "/a", true },
	{ "/a/b", "/a", true }, { "/", "/", true }, { "/", "/a", false }, { "/b", "/a", false },
	{ "/a", "/a/b", false }, { "a", "/", false }, { "/A/b", "/a", false }, { "/ab", "/a", false },
	{ "/a/b/c", "/a/b", true },
};

START_TEST(below)
{
	ck_assert_int_eq(path_is_below(belows[_i].path, belows[_i].base), belows[_i].want);
}
END_TEST

START_TEST(base)
{
	ck_assert_str_eq(path_base("/a/b/c"), "c");
	ck_assert_str_eq(path_base("/"), "/");
	ck_assert_str_eq(path_base("c"), "c");
	ck_assert_str_eq(path_base("/c"), "c");
}
END_TEST

static const struct {
	const char *dir, *name, *want;
} joins[] = {
	{ "/a", "b", "/a/b" }, { "/", "b", "/b" }, { "/a", "/b", "/b" }, { "a", "b/c", "a/b/c" },
};

START_TEST(join)
{
	cleanup_free char *got = path_join(joins[_i].dir, joins[_i].name);

	ck_assert_str_eq(got, joins[_i].want);
}
END_TEST

#define HEX64 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static const struct {
	const char *path;
	bool stored;
} stored[] = {
	{ "/home/u/.berth/cache/images/" HEX64 ".sif", true }, { "/images/" HEX64 ".sif", true },
	{ "images/" HEX64 ".sif", false }, { HEX64 ".sif", false }, { "", false }, { "/images/.sif", false },
	{ "/images/" HEX64 ".json", false }, { "/images/" HEX64, false }, { "/images/x" HEX64 ".sif", false },
	{ "/images/a/" HEX64 ".sif", false }, { "/image/" HEX64 ".sif", false }, { "/images/" HEX64 "0.sif", false },
	{ "/images/" HEX64 ".sif/", false }, { "/xmages/g123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef.sif", false },
	{ "/images/G123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef.sif", false },
};

START_TEST(names_in_stores)
{
	ck_assert_msg(path_is_stored(stored[_i].path) == stored[_i].stored, "'%s'", stored[_i].path);
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("path");

	tcase_add_loop_test(tc, tidy, 0, (int)ARRAY_SIZE(tidies));
	tcase_add_test(tc, target);
	tcase_add_loop_test(tc, below, 0, (int)ARRAY_SIZE(belows));
	tcase_add_test(tc, base);
	tcase_add_loop_test(tc, join, 0, (int)ARRAY_SIZE(joins));
	tcase_add_loop_test(tc, names_in_stores, 0, ARRAY_SIZE(stored));
	return unit_run("path", tc);
}
