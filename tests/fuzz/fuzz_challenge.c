/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * fuzz_challenge.c - any bytes as WWW-Authenticate: what is understood has no control characters and
 * can be said again, and its realm is a URL for everybody or for nobody.
 */
#include "config.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "libimage/base/cleanup.h"
#include "libimage/base/err.h"
#include "libimage/base/str.h"
#include "libimage/registry/challenge.h"
#include "libimage/registry/url.h"
#include "tests/fuzz/must.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void say(struct strbuf *b, const char *name, const char *value)
{
	if (!value)
		return;
	strbuf_printf(b, "%s%s=\"", b->len > strlen("Bearer ") ? "," : "", name);
	for (const char *p = value; *p; p++) {
		must((unsigned char)*p >= ' ' && *p != 0x7f);
		if (*p == '"' || *p == '\\')
			strbuf_puts(b, "\\");
		strbuf_add(b, p, 1);
	}
	strbuf_puts(b, "\"");
}

static void same(const char *a, const char *b)
{
	must(!a == !b);
	must(!a || strcmp(a, b) == 0);
}

static void look_at_realm(const char *realm)
{
	cleanup(origin_done) struct origin a = { 0 };
	cleanup(origin_done) struct origin b = { 0 };
	cleanup_free char *url = NULL;
	struct berth_err err = BERTH_ERR_INIT;

	if (origin_of(realm, &a, &err) == 0) {
		must(a.host[0] != '\0' && a.port[0] != '\0' && !strpbrk(a.host, "@/ \r\n"));
		must(origin_equal(&a, &a) && origin_trusts(&a, &a));
	} else {
		must(err.code == BERTH_ENET);
	}
	if (url_resolve("https://registry.example.org/v2/", realm, &url, &err) == 0)
		(void)origin_of(url, &b, &err);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	cleanup(challenge_done) struct challenge c = CHALLENGE_INIT;
	cleanup(challenge_done) struct challenge again = CHALLENGE_INIT;
	cleanup(strbuf_done) struct strbuf b = STRBUF_INIT;
	cleanup_free char *text = strndup((const char *)data, n);
	struct berth_err err = BERTH_ERR_INIT;

	if (!text)
		return 0;
	if (challenge_parse(text, &c, &err) < 0) {
		must(err.code == BERTH_ENET && !c.realm);
		return 0;
	}
	if (c.realm)
		look_at_realm(c.realm);
	if (!c.bearer)
		return 0;
	strbuf_puts(&b, "Bearer ");
	say(&b, "realm", c.realm);
	say(&b, "service", c.service);
	say(&b, "scope", c.scope);
	say(&b, "error", c.error);
	if (b.len > 16000)
		return 0; /* with its escapes it may be longer than what is taken */
	must(strbuf_ok(&b) && challenge_parse(b.text, &again, &err) == 0 && again.bearer);
	same(c.realm, again.realm);
	same(c.service, again.service);
	same(c.scope, again.scope);
	same(c.error, again.error);
	return 0;
}
