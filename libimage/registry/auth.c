/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * auth.c - what a registry is told about the user; see place.h.
 *
 * Basic: the password itself, to the registry. Bearer: a token, which a server gives that the registry
 * names ("realm"); the password goes there, so the name is looked at first.
 */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libimage/base/cleanup.h"
#include "libimage/oci/base64.h"
#include "libimage/oci/token.h"
#include "libimage/registry/challenge.h"
#include "libimage/registry/place.h"

enum {
	ANSWER_MAX = 256 * 1024, /* LIMIT: bytes; a token has a few KiB */
	SCOPES_MAX = 8,		 /* LIMIT: of one challenge; two are usual at most */
};

static void wipe(struct strbuf *b)
{
	if (b->text)
		explicit_bzero(b->text, b->size);
	strbuf_done(b);
}

void place_forget(struct place *p)
{
	if (p->authorization)
		p->turn++;
	secret_free(&p->authorization);
}

static int remember(struct place *p, const char *scheme, const char *value, struct berth_err *err)
{
	char *line = NULL;

	if (asprintf(&line, "%s %s", scheme, value) < 0)
		return berth_fail(err, BERTH_ESYS, ENOMEM, "cannot log in");
	place_forget(p);
	p->authorization = line;
	p->turn++;
	return 0;
}

/* "USER:PASSWORD" in base64; a new string. */
static char *basic(const struct credential *c)
{
	char *plain = NULL, *coded = NULL;
	int n = asprintf(&plain, "%s:%s", c->user ? c->user : "", c->password);

	if (n < 0)
		return NULL;
	coded = malloc(BASE64_SIZE((size_t)n));
	if (coded)
		base64_encode(plain, (size_t)n, coded);
	secret_free(&plain);
	return coded;
}

static int use_basic(struct place *p, struct berth_err *err)
{
	char *coded = basic(&p->cred);
	int rc = coded ? remember(p, "Basic", coded, err) : berth_fail(err, BERTH_ESYS, ENOMEM, "cannot log in");

	secret_free(&coded);
	return rc;
}

/*
 * May 'realm' be asked, and be told a password? It may not lie behind a weaker connection than the
 * registry itself, nor with somebody else.
 */
static int check_realm(const struct place *p, const char *realm, bool secret, struct berth_err *err)
{
	cleanup(origin_done) struct origin to = { 0 };
	bool trusted;

	if (origin_of(realm, &to, err) < 0)
		return berth_context(err, "'%s' names a token server", p->host);
	trusted = origin_trusts(&p->origin, &to);
	if (!to.https && (p->origin.https || !p->insecure || strcmp(p->origin.host, to.host) != 0))
		return berth_fail(err, BERTH_EDENIED, 0,
				  "'%s' has tokens given out by '%.100s' without TLS: refused", p->host, to.host);
	if (secret && !trusted) {
		berth_fail(err, BERTH_EDENIED, 0, "'%s' wants your password sent to '%.100s': refused", p->host,
			   to.host);
		return berth_hint(err, "a token server is to be of the registry's own domain");
	}
	return 0;
}

/* What is asked for: what the server says it needs, or what we know we want. */
static void add_scopes(const struct registry *r, const struct place *p, const char *said, struct strbuf *url,
		       bool query)
{
	cleanup(strbuf_done) struct strbuf all = STRBUF_INIT;
	unsigned int n = 0;

	if (said && said[0] != '\0')
		strbuf_puts(&all, said);
	else if (p->repo)
		strbuf_printf(&all, "repository:%s:pull%s", p->repo, r->opt.push ? ",push" : "");
	if (r->from)
		strbuf_printf(&all, " repository:%s:pull", r->from);
	if (!strbuf_ok(&all)) {
		url->failed = true;
		return;
	}
	if (!query) {
		url_add_query(url, "scope", all.text ? all.text : "");
		return;
	}
	for (char *save = NULL, *one = all.text ? strtok_r(all.text, " ", &save) : NULL; one && n < SCOPES_MAX;
	     one = strtok_r(NULL, " ", &save), n++)
		url_add_query(url, "scope", one);
}

/* The form of OAuth 2, for an identity token. The strbuf begins with "?", as url_add_query() writes. */
static void make_form(const struct registry *r, const struct place *p, const struct challenge *c,
		      struct strbuf *form)
{
	url_add_query(form, "grant_type", "refresh_token");
	url_add_query(form, "service", c->service ? c->service : p->host);
	url_add_query(form, "client_id", PACKAGE_NAME);
	add_scopes(r, p, c->scope, form, false);
	url_add_query(form, "refresh_token", p->cred.identity_token);
}

/* Ask the token server; a password goes in a header, an identity token in the body. */
static int get_token(struct registry *r, struct place *p, const struct challenge *c, struct oci_token *ret,
		     struct berth_err *err)
{
	cleanup(strbuf_done) struct strbuf url = STRBUF_INIT;
	cleanup(wipe) struct strbuf form = STRBUF_INIT, line = STRBUF_INIT;
	cleanup(exchange_done) struct exchange x = { .r = r, .what = "a token", .fixed = true };
	char *coded = NULL;

	x.call = (struct http_call){ .method = "GET", .small = true, .body_max = ANSWER_MAX };
	strbuf_puts(&url, c->realm);
	if (p->cred.identity_token) {
		make_form(r, p, c, &form);
		x.call.method = "POST";
		x.call.type = "application/x-www-form-urlencoded";
		x.call.body = form.text ? form.text + 1 : "";
		x.call.nbody = form.len > 0 ? form.len - 1 : 0;
	} else {
		if (c->service)
			url_add_query(&url, "service", c->service);
		if (p->cred.password && p->cred.user && p->cred.user[0] != '\0')
			url_add_query(&url, "account", p->cred.user);
		add_scopes(r, p, c->scope, &url, true);
	}
	if (!p->cred.identity_token && p->cred.password) {
		coded = basic(&p->cred);
		strbuf_printf(&line, "Basic %s", coded ? coded : "");
		line.failed = line.failed || !coded;
		secret_free(&coded);
		x.call.authorization = line.text;
	}
	if (!strbuf_ok(&url) || !strbuf_ok(&form) || !strbuf_ok(&line))
		return berth_fail(err, BERTH_ESYS, ENOMEM, "cannot log in");
	x.url = take_ptr(&url.text);
	if (exchange_run(&x, err) < 0)
		return berth_context(err, "logging in to '%s'", p->host);
	if (oci_token_parse(x.call.text.text ? x.call.text.text : "", x.call.text.len, ret, err) < 0)
		return berth_context(err, "the token server of '%s'", p->host);
	return 0;
}

static int use_bearer(struct registry *r, struct place *p, const struct challenge *c, struct berth_err *err)
{
	bool secret = p->cred.password || p->cred.identity_token;
	struct oci_token token = { 0 };
	int rc;

	if (p->cred.registry_token)
		return remember(p, "Bearer", p->cred.registry_token, err);
	if (check_realm(p, c->realm, secret, err) < 0)
		return -1;
	rc = get_token(r, p, c, &token, err);
	if (rc == 0)
		rc = remember(p, "Bearer", token.text, err);
	oci_token_done(&token);
	return rc;
}

int place_authorise(struct registry *r, struct place *p, const char *challenges, struct berth_err *err)
{
	cleanup(challenge_done) struct challenge c = CHALLENGE_INIT;

	if (challenge_parse(challenges, &c, err) < 0)
		return berth_context(err, "'%s'", p->host);
	if (!p->cred_known && creds_find(r, p, &p->cred, err) < 0)
		return -1;
	p->cred_known = true;
	if (c.bearer && c.realm)
		return use_bearer(r, p, &c, err);
	if (c.basic && p->cred.password)
		return use_basic(p, err);
	return -1; /* with 'err' as it was: what the server said is the reason */
}
