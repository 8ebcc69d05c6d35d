/* SPDX-License-Identifier: BSD-3-Clause */
/* check_url.c - where requests go: whose password may go there, too, and whose not. */
#include "config.h"

#include <string.h>

#include "libimage/base/cleanup.h"
#include "libimage/base/err.h"
#include "libimage/registry/url.h"
#include "tests/unit/unit.h"

static const struct {
	const char *url, *host, *port; /* host NULL: refused */
	bool https;
} origins[] = {
	{ "https://a.b/v2/", "a.b", "443", true },
	{ "http://a.b/v2/", "a.b", "80", false },
	{ "HTTPS://A.B:443", "a.b", "443", true },
	{ "https://a.b:5000/x?y=z#f", "a.b", "5000", true },
	{ "https://[::1]:5000/", "[::1]", "5000", true },
	{ "https://a.b/x@y:z", "a.b", "443", true },
	{ "https://a.b@c.d/", NULL, NULL, false },
	{ "https://a:b@c.d/", NULL, NULL, false },
	{ "https://:@c.d/", NULL, NULL, false },
	{ "file:///etc/passwd", NULL, NULL, false },
	{ "ftp://a/", NULL, NULL, false },
	{ "gopher://a/", NULL, NULL, false },
	{ "https:///x", "x", "443", true }, /* as curl connects */
	{ "https://", NULL, NULL, false },
	{ "https:///", NULL, NULL, false },
	{ "https://a b/", NULL, NULL, false },
	{ "https://a:99999/", NULL, NULL, false },
	{ "https://a:x/", NULL, NULL, false },
	{ "/v2/", NULL, NULL, false },
	{ "a.b/v2", NULL, NULL, false },
	{ "", NULL, NULL, false },
	{ "https://a\n/", NULL, NULL, false },
	{ "javascript:x", NULL, NULL, false },
};

START_TEST(origin)
{
	cleanup(origin_done) struct origin o = { 0 };
	struct berth_err err = BERTH_ERR_INIT;
	int rc = origin_of(origins[_i].url, &o, &err);

	if (!origins[_i].host) {
		ck_assert_msg(rc == -1, "'%s' was taken, host '%s'", origins[_i].url, o.host);
		ck_assert_int_eq(err.code, BERTH_ENET);
		return;
	}
	ck_assert_msg(rc == 0, "'%s': %s", origins[_i].url, err.text);
	ck_assert_str_eq(o.host, origins[_i].host);
	ck_assert_str_eq(o.port, origins[_i].port);
	ck_assert(o.https == origins[_i].https);
}
END_TEST

static const struct {
	const char *a, *b;
	bool equal;
} pairs[] = {
	{ "https://a/x", "https://A:443/y", true },
	{ "http://a/x", "http://a:80/", true },
	{ "https://a/", "http://a/", false },
	{ "https://a/", "http://a:443/", false },
	{ "https://a:5000/", "https://a/", false },
	{ "https://a.b/", "https://b/", false },
	{ "https://a/", "https://a./", false },
	{ "https://127.0.0.1/", "https://localhost/", false },
};

START_TEST(equal)
{
	cleanup(origin_done) struct origin a = { 0 };
	cleanup(origin_done) struct origin b = { 0 };
	struct berth_err err = BERTH_ERR_INIT;

	ck_assert_int_eq(origin_of(pairs[_i].a, &a, &err), 0);
	ck_assert_int_eq(origin_of(pairs[_i].b, &b, &err), 0);
	ck_assert(origin_equal(&a, &b) == pairs[_i].equal);
}
END_TEST

static const struct {
	const char *registry, *realm;
	bool trusted;
} realms[] = {
	{ "https://registry-1.docker.io/", "https://auth.docker.io/token", true },
	{ "https://registry.gitlab.com/", "https://gitlab.com/jwt/auth", true },
	{ "https://registry.example.org:5050/", "https://gitlab.example.org/jwt/auth", true },
	{ "https://ghcr.io/", "https://ghcr.io/token", true },
	{ "https://a.example.org/", "https://a.example.org:8443/token", true },
	{ "https://127.0.0.1:5000/", "https://127.0.0.1:5001/", true },
	{ "https://registry-1.docker.io/", "https://auth.docker.io.evil.org/", false },
	{ "https://registry-1.docker.io/", "https://evil.docker.io/", false },
	{ "https://ghcr.io/", "https://evil.io/", false },
	{ "https://ghcr.io/", "https://io/", false },
	{ "https://a.org/", "https://b.org/", false },
	{ "https://registry.example.org/", "https://evil.org/", false },
	{ "https://registry.example.org/", "https://org/", false },
	{ "https://registry.example.org/", "https://xexample.org/", false },
	{ "https://registry.example.org/", "https://a.b.example.org/", false },
	{ "https://example.org/", "https://auth.example.org/", false },
	{ "https://10.0.0.1/", "https://10.0.0.2/", false },
	{ "https://10.0.0.1/", "https://0.0.1/", false },
	{ "https://[2001:db8::1]/", "https://[2001:db8::2]/", false },
	{ "https://localhost/", "https://127.0.0.1/", false },
};

START_TEST(trust)
{
	cleanup(origin_done) struct origin a = { 0 };
	cleanup(origin_done) struct origin b = { 0 };
	struct berth_err err = BERTH_ERR_INIT;

	ck_assert_int_eq(origin_of(realms[_i].registry, &a, &err), 0);
	ck_assert_int_eq(origin_of(realms[_i].realm, &b, &err), 0);
	ck_assert_msg(origin_trusts(&a, &b) == realms[_i].trusted, "%s, %s", realms[_i].registry, realms[_i].realm);
}
END_TEST

static const struct {
	const char *text, *url;
	bool is;
} hosts[] = {
	{ "a.b", "https://a.b/", true },
	{ "a.b", "https://a.b:5000/", true },
	{ "A.b:5000", "https://a.b:5000/", true },
	{ "a.b:80", "http://a.b/", true },
	{ "[::1]", "https://[::1]:5000/", true },
	{ "[::1]:5000", "https://[::1]:5000/", true },
	{ "a.b:5001", "https://a.b:5000/", false },
	{ "a.b:443", "http://a.b/", false },
	{ "[::1]:5001", "https://[::1]:5000/", false },
	{ "b", "https://a.b/", false },
	{ "a.b.c", "https://a.b/", false },
	{ "*", "https://a.b/", false },
	{ "https://a.b", "https://a.b/", false },
	{ "", "https://a.b/", false },
};

START_TEST(named)
{
	cleanup(origin_done) struct origin o = { 0 };
	struct berth_err err = BERTH_ERR_INIT;

	ck_assert_int_eq(origin_of(hosts[_i].url, &o, &err), 0);
	ck_assert_msg(origin_is(&o, hosts[_i].text) == hosts[_i].is, "%s, %s", hosts[_i].text, hosts[_i].url);
}
END_TEST

static const struct {
	const char *base, *location, *url; /* NULL: refused */
} moves[] = {
	{ "https://a/v2/x", "https://b/y", "https://b/y" },
	{ "https://a/v2/x?q=1", "/y?z=1", "https://a/y?z=1" },
	{ "https://a/v2/x", "y", "https://a/v2/y" },
	{ "https://a/v2/x", "//b/y", "https://b/y" },
	{ "http://a:5000/x", "//b/y", "http://b/y" },
	{ "https://a/v2/x", "/y#part", "https://a/y" },
	{ "https://a/v2/x", "/a b", "https://a/a%20b" },
	{ "https://a/v2/x", "https://a b/", NULL },
	{ "https://a/v2/x", "https://a:x/", NULL },
};

START_TEST(resolve)
{
	cleanup_free char *url = NULL;
	struct berth_err err = BERTH_ERR_INIT;
	int rc = url_resolve(moves[_i].base, moves[_i].location, &url, &err);

	ck_assert_int_eq(rc, moves[_i].url ? 0 : -1);
	if (moves[_i].url)
		ck_assert_str_eq(url, moves[_i].url);
	else
		ck_assert_int_eq(err.code, BERTH_ENET);
}
END_TEST

START_TEST(query)
{
	cleanup(strbuf_done) struct strbuf b = STRBUF_INIT;

	strbuf_puts(&b, "https://a/t");
	url_add_query(&b, "service", "x y&z");
	url_add_query(&b, "scope", "repository:a/b:pull,push");
	url_add_query(&b, "c", "\xff\n%");
	ck_assert(strbuf_ok(&b));
	ck_assert_str_eq(b.text, "https://a/t?service=x%20y%26z&scope=repository%3Aa%2Fb%3Apull%2Cpush&c=%FF%0A%25");
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("url");

	tcase_add_loop_test(tc, origin, 0, ARRAY_SIZE(origins));
	tcase_add_loop_test(tc, equal, 0, ARRAY_SIZE(pairs));
	tcase_add_loop_test(tc, trust, 0, ARRAY_SIZE(realms));
	tcase_add_loop_test(tc, named, 0, ARRAY_SIZE(hosts));
	tcase_add_loop_test(tc, resolve, 0, ARRAY_SIZE(moves));
	tcase_add_test(tc, query);
	return unit_run("url", tc);
}
