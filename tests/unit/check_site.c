/* SPDX-License-Identifier: BSD-3-Clause */
/* check_site.c - berth.conf's keys and the file that is shipped. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "launcher/view/site.h"
#include "libimage/base/cleanup.h"
#include "libimage/base/err.h"
#include "tests/unit/unit.h"

static const struct {
	const char *text;
	bool ok, kernel_mount;
	uint32_t start_wait_ms;
	uint64_t cache_mib;
	size_t binds;
} cases[] = {
	{ "", true, false, 30000, 8, 0 },
	{ "# nothing\n\n", true, false, 30000, 8, 0 },
	{ "kernel mount = no\n", true, false, 30000, 8, 0 },
	{ "kernel mount = root-owned", true, true, 30000, 8, 0 },
	{ "start timeout=1\n", true, false, 1000, 8, 0 },
	{ "start timeout = 120\n", true, false, 120000, 8, 0 },
	{ "block cache = 1\n", true, false, 30000, 1, 0 },
	{ "\tblock cache = 4096 \n", true, false, 30000, 4096, 0 },
	{ "bind path = /a\nbind path = /b:/c:ro\n", true, false, 30000, 8, 2 },
	{ "site store = /a\nsite store = /b/c\n", true, false, 30000, 8, 0 },
	{ "site store owner = 4294967294\ncache limit = 20G\n", true, false, 30000, 8, 0 },
	{ "site store = a\n", .ok = false },
	{ "site store = /a/../b\n", .ok = false },
	{ "site store = /a\nsite store owner = root\n", .ok = false },
	{ "site store owner = 4294967295\n", .ok = false }, /* (uid_t)-1: nobody's */
	{ "site store owner = 0\nsite store owner = 0\n", .ok = false },
	{ "cache limit = 20GB\n", .ok = false },
	{ "cache limit = -1\n", .ok = false },
	{ "cache limit = 9223372036854775808\n", .ok = false },
	{ "kernel mount = yes\n", .ok = false },
	{ "kernel mount = Root-Owned\n", .ok = false },
	{ "kernel mount =\n", .ok = false },
	{ "kernel mount = no\nkernel mount = no\n", .ok = false },
	{ "kernel-mount = no\n", .ok = false },
	{ "start timeout = 0\n", .ok = false },
	{ "start timeout = 121\n", .ok = false },
	{ "start timeout = 030\n", .ok = false },
	{ "start timeout = -1\n", .ok = false },
	{ "start timeout = 4294967297\n", .ok = false }, /* 1, if it wrapped */
	{ "start timeout = 30s\n", .ok = false },
	{ "block cache = 0\n", .ok = false },
	{ "block cache = 4097\n", .ok = false },
	{ "block cache = 8 MiB\n", .ok = false },
	{ "block cache = 18446744073709551617\n", .ok = false },
	{ "bind path = a\n", .ok = false },
	{ "bind path = /a:/dev\n", .ok = false },
	{ "bind path = /a:/\n", .ok = false },
	{ "bind path = /a:/b:rx\n", .ok = false },
	{ "bind path /a\n", .ok = false },
	{ "bindpath = /a\n", .ok = false },
	{ "start timeout = 5\nstart timeout = 5\n", .ok = false },
	{ "registry mirror = docker.io=m.site:5000\n", true, false, 30000, 8, 0 },
	{ "registry mirror = docker.io = m.site/hub , docker.io\n", true, false, 30000, 8, 0 },
	{ "registry mirror = a.b=m\nregistry mirror = a.b:5000=m\n", true, false, 30000, 8, 0 },
	{ "insecure registry = [::1]:5000\ninsecure registry = a.b\n", true, false, 30000, 8, 0 },
	{ "registry ca = /etc/ssl/ca.pem\n", true, false, 30000, 8, 0 },
	{ "registry mirror = docker.io\n", .ok = false },
	{ "registry mirror = =m.site\n", .ok = false },
	{ "registry mirror = docker.io=\n", .ok = false },
	{ "registry mirror = docker.io=m,\n", .ok = false },
	{ "registry mirror = docker.io=m n\n", .ok = false },
	{ "registry mirror = docker.io=https://m\n", .ok = false },
	{ "registry mirror = docker.io=m/\n", .ok = false },
	{ "registry mirror = docker.io=m/A\n", .ok = false },
	{ "registry mirror = docker.io=m/a//b\n", .ok = false },
	{ "registry mirror = docker.io=user@m\n", .ok = false },
	{ "registry mirror = docker.io/x=m\n", .ok = false },
	{ "registry mirror = a=m\nregistry mirror = A=n\n", .ok = false },
	{ "registry mirror = docker.io=m\nregistry mirror = index.docker.io=n\n", .ok = false },
	{ "insecure registry = http://a\n", .ok = false },
	{ "insecure registry = a/b\n", .ok = false },
	{ "insecure registry = a:\n", .ok = false },
	{ "insecure registry = a:http\n", .ok = false },
	{ "insecure registry = :5000\n", .ok = false },
	{ "insecure registry = *.site\n", .ok = false },
	{ "registry ca = ca.pem\n", .ok = false },
	{ "registry ca = /a\nregistry ca = /b\n", .ok = false },
	{ "bind path = /a\nnonsense\n", .ok = false }, /* what was read before is freed (ASan) */
};

START_TEST(parse)
{
	cleanup(site_done) struct site s = { .cache_bytes = 77 };
	struct berth_err err = BERTH_ERR_INIT;
	int rc = site_parse("berth.conf", cases[_i].text, strlen(cases[_i].text), &s, &err);

	if (!cases[_i].ok) {
		ck_assert_msg(rc == -1, "'%s' was taken", cases[_i].text);
		ck_assert_int_eq(err.code, BERTH_ECONFIG);
		ck_assert_msg(strncmp(err.text, "berth.conf:", 11) == 0, "no line in: %s", err.text);
		ck_assert_uint_eq(s.cache_bytes, 77); /* untouched */
		return;
	}
	ck_assert_msg(rc == 0, "'%s': %s", cases[_i].text, err.text);
	ck_assert(s.kernel_mount == cases[_i].kernel_mount);
	ck_assert_uint_eq(s.start_wait_ms, cases[_i].start_wait_ms);
	ck_assert_uint_eq(s.cache_bytes, cases[_i].cache_mib * 1024 * 1024);
	ck_assert_uint_eq(s.binds.n, cases[_i].binds);
}
END_TEST

START_TEST(stores)
{
	static const char text[] = "site store = /a\nsite store owner = 12\nsite store = /b/c\ncache limit = 3G\n";
	cleanup(site_done) struct site s = { 0 };
	struct berth_err err = BERTH_ERR_INIT;

	ck_assert_int_eq(site_parse("x", text, strlen(text), &s, &err), 0);
	ck_assert_uint_eq(s.stores.n, 2);
	ck_assert_str_eq(s.stores.v[0], "/a");
	ck_assert_str_eq(s.stores.v[1], "/b/c");
	ck_assert_uint_eq(s.store_owner, 12);
	ck_assert_uint_eq(s.store_limit, 3ULL << 30);
}
END_TEST

static void load_shipped(struct strbuf *out, bool uncomment)
{
	cleanup_fclose FILE *f = fopen(TOP_SRCDIR "/etc/berth.conf", "re");
	char line[512];

	ck_assert_ptr_nonnull(f);
	while (fgets(line, sizeof(line), f)) {
		/* "#key = value" is a setting; "# text" is prose. */
		bool setting = line[0] == '#' && line[1] != ' ' && line[1] != '\n' && line[1] != '#';

		strbuf_puts(out, uncomment && setting ? line + 1 : line);
	}
	ck_assert(strbuf_ok(out) && out->len > 0);
}

START_TEST(shipped)
{
	cleanup(site_done) struct site s = { 0 };
	cleanup(strbuf_done) struct strbuf text = STRBUF_INIT;
	struct berth_err err = BERTH_ERR_INIT;

	load_shipped(&text, false);
	ck_assert_msg(site_parse("shipped", text.text, text.len, &s, &err) == 0, "%s", err.text);
	ck_assert_uint_eq(s.binds.n, 0);
}
END_TEST

/* Each key is there, and what stands beside it is the default. */
START_TEST(shipped_uncommented)
{
	static const char *const keys[] = {
		"\nbind path = ", "\nkernel mount = ", "\nstart timeout = ", "\nblock cache = ",
		"\nsite store = ", "\nsite store owner = ", "\ncache limit = ",
		"\nregistry mirror = ", "\ninsecure registry = ", "\nregistry ca = ",
	};
	cleanup(site_done) struct site s = { 0 };
	cleanup(site_done) struct site plain = { 0 };
	cleanup(strbuf_done) struct strbuf text = STRBUF_INIT;
	struct berth_err err = BERTH_ERR_INIT;

	load_shipped(&text, true);
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		ck_assert_msg(strstr(text.text, keys[i]) != NULL, "no '%s'", keys[i] + 1);
	ck_assert_msg(site_parse("shipped", text.text, text.len, &s, &err) == 0, "%s", err.text);
	ck_assert_int_eq(site_parse("empty", "", 0, &plain, &err), 0);
	ck_assert_uint_ge(s.binds.n, 1);
	ck_assert(s.kernel_mount == plain.kernel_mount);
	ck_assert_uint_eq(s.start_wait_ms, plain.start_wait_ms);
	ck_assert_uint_eq(s.cache_bytes, plain.cache_bytes);
	ck_assert_uint_eq(s.store_owner, plain.store_owner);
	ck_assert_uint_eq(s.store_limit, plain.store_limit);
}
END_TEST

static const struct {
	const char *conf, *host, *places; /* "a b": what is asked, in order */
} mirrors[] = {
	{ "", "a.b", "" },
	{ "registry mirror = a.b=m:5000\n", "a.b", "m:5000 " },
	{ "registry mirror = a.b = m:5000/x , a.b\n", "A.B", "m:5000/x a.b " },
	{ "registry mirror = a.b=m\n", "a.b:5000", "" },
	{ "registry mirror = a.b=m\n", "b", "" },
	{ "registry mirror = a.b=m\nregistry mirror = c=n\n", "c", "n " },
	{ "registry mirror = docker.io=m/hub,docker.io\n", "registry-1.docker.io", "m/hub registry-1.docker.io " },
	{ "registry mirror = docker.io=m\n", "index.docker.io", "m " },
};

START_TEST(mirror)
{
	cleanup(site_done) struct site s = { 0 };
	cleanup(strlist_done) struct strlist found = STRLIST_INIT;
	cleanup(strbuf_done) struct strbuf text = STRBUF_INIT;
	struct berth_err err = BERTH_ERR_INIT;

	ck_assert_int_eq(site_parse("x", mirrors[_i].conf, strlen(mirrors[_i].conf), &s, &err), 0);
	site_registry_mirrors(&s.registry, mirrors[_i].host, &found);
	ck_assert(strlist_ok(&found));
	for (size_t i = 0; i < found.n; i++)
		strbuf_printf(&text, "%s ", found.v[i]);
	ck_assert_str_eq(text.text ? text.text : "", mirrors[_i].places);
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("site");

	tcase_add_loop_test(tc, parse, 0, ARRAY_SIZE(cases));
	tcase_add_test(tc, stores);
	tcase_add_loop_test(tc, mirror, 0, ARRAY_SIZE(mirrors));
	tcase_add_test(tc, shipped);
	tcase_add_test(tc, shipped_uncommented);
	return unit_run("site", tc);
}
