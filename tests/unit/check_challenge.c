/* SPDX-License-Identifier: BSD-3-Clause */
/* check_challenge.c - WWW-Authenticate: what registries say, and what nobody should. */
#include "config.h"

#include <string.h>

#include "libimage/base/cleanup.h"
#include "libimage/base/err.h"
#include "libimage/registry/challenge.h"
#include "tests/unit/unit.h"

static const struct {
	const char *text;
	bool basic, bearer;
	const char *realm, *service, *scope, *error;
} taken[] = {
	{ "", .basic = false },
	{ " , ,", .basic = false },
	{ "Basic", .basic = true },
	{ "Basic realm=\"x\"", .basic = true },
	{ "bASIC realm=x", .basic = true },
	{ "Bearer realm=\"https://auth.docker.io/token\",service=\"registry.docker.io\",scope=\"repository:a/b:pull\"",
	  false, true, "https://auth.docker.io/token", "registry.docker.io", "repository:a/b:pull", NULL },
	{ "Bearer realm=\"https://x/t\",service=\"x\",scope=\"a:b:pull,push\",error=\"insufficient_scope\"", false, true,
	  "https://x/t", "x", "a:b:pull,push", "insufficient_scope" },
	{ "Bearer  realm = \"https://x/t\" , service = x", false, true, "https://x/t", "x", NULL, NULL },
	{ "BEARER REALM=\"https://x/t\"", false, true, "https://x/t", NULL, NULL, NULL },
	{ "Basic realm=\"a\", Bearer realm=\"https://x/t\"", true, true, "https://x/t", NULL, NULL, NULL },
	{ "Bearer realm=\"https://x/t\", Basic realm=\"a\"", true, true, "https://x/t", NULL, NULL, NULL },
	{ "Negotiate, Basic realm=\"a\"", .basic = true },
	{ "Negotiate YII/xx+yy==, Bearer realm=\"https://x/t\"", false, true, "https://x/t", NULL, NULL, NULL },
	{ "NTLM TlRM, Basic", .basic = true },
	{ "Digest realm=\"d\", nonce=\"n,o\", Bearer realm=\"b\"", false, true, "b", NULL, NULL, NULL },
	/* the first Bearer counts, whole */
	{ "Bearer realm=\"1\", Bearer realm=\"2\", service=\"s\"", false, true, "1", NULL, NULL, NULL },
	{ "Bearer realm=\"a\\\"b\\\\c\"", false, true, "a\"b\\c", NULL, NULL, NULL },
	{ "Bearer realm=\"a, Basic b\"", false, true, "a, Basic b", NULL, NULL, NULL },
	{ "Bearer realm=\"\"", false, true, "", NULL, NULL, NULL },
	{ "Bearer odd=1, realm=x,", false, true, "x", NULL, NULL, NULL },
	{ "Bearer", .bearer = true },
	{ "Bearer realm=", .bearer = true }, /* a word of the old kind ("Negotiate YW==") */
};

static void same(const char *got, const char *want)
{
	ck_assert_int_eq(got == NULL, want == NULL);
	if (got)
		ck_assert_str_eq(got, want);
}

START_TEST(takes)
{
	cleanup(challenge_done) struct challenge c = CHALLENGE_INIT;
	struct berth_err err = BERTH_ERR_INIT;

	ck_assert_msg(challenge_parse(taken[_i].text, &c, &err) == 0, "'%s': %s", taken[_i].text, err.text);
	ck_assert(c.basic == taken[_i].basic && c.bearer == taken[_i].bearer);
	same(c.realm, taken[_i].realm);
	same(c.service, taken[_i].service);
	same(c.scope, taken[_i].scope);
	same(c.error, taken[_i].error);
}
END_TEST

static const char *const refused[] = {
	"Bearer realm=\"x",
	"Bearer realm=\"x\\",
	"Bearer realm=\"x\\\"",
	"Bearer realm=,service=x",
	"Bearer realm=\"x\"y",
	"Bearer realm=\"x\" service=\"y\"",
	"Bearer realm=\"x\", realm=\"y\"",
	"Bearer realm=\"x\", REALM=y",
	"Bearer realm=\"x\", service=s, service=s",
	"Bearer realm=\"a\nb\"",
	"Bearer realm=\"a\rb\"",
	"Bearer realm=\"a\x7f\"",
	"Bearer realm=\"a\x1b[2J\"",
	"Bearer realm=a/b",
	"Bearer realm=\"x\"\n",
	"Bearer=x",
	"Bearer/x",
	"=",
	"\"x\"",
	"realm=\"x\"",
	"Basic, =x",
	"Basic realm=\"x\";charset=utf-8",
	"Be\303\244rer realm=x",
	"\x01",
};

START_TEST(refuses)
{
	cleanup(challenge_done) struct challenge c = { .basic = true };
	struct berth_err err = BERTH_ERR_INIT;

	ck_assert_msg(challenge_parse(refused[_i], &c, &err) == -1, "'%s' was taken", refused[_i]);
	ck_assert_int_eq(err.code, BERTH_ENET);
	ck_assert(c.basic && !c.bearer && !c.realm); /* untouched */
}
END_TEST

START_TEST(refuses_long)
{
	static char text[64 * 1024];
	struct challenge c = CHALLENGE_INIT;
	struct berth_err err = BERTH_ERR_INIT;

	memset(text, 'a', sizeof(text) - 1);
	memcpy(text, "Bearer realm=", strlen("Bearer realm="));
	ck_assert_int_eq(challenge_parse(text, &c, &err), -1);
	text[16 * 1024] = '\0';
	ck_assert_int_eq(challenge_parse(text, &c, &err), 0);
	challenge_done(&c);
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("challenge");

	tcase_add_loop_test(tc, takes, 0, ARRAY_SIZE(taken));
	tcase_add_loop_test(tc, refuses, 0, ARRAY_SIZE(refused));
	tcase_add_test(tc, refuses_long);
	return unit_run("challenge", tc);
}
