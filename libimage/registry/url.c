/* SPDX-License-Identifier: BSD-3-Clause */
/* url.c - where a request goes; see url.h. */
#include "config.h"

#include <ctype.h>
#include <curl/curl.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "libimage/base/cleanup.h"
#include "libimage/base/err.h"
#include "libimage/registry/url.h"

enum { HOST_TEXT_MAX = 255 }; /* LIMIT: bytes; a name in the DNS has at most 253 */

static void url_freep(CURLU **u)
{
	curl_url_cleanup(*u);
}

static void curl_freep(char **p)
{
	curl_free(*p);
}

void origin_done(struct origin *o)
{
	free(o->host);
	free(o->port);
	*o = (struct origin){ 0 };
}

static char *get(CURLU *u, CURLUPart part, unsigned int flags)
{
	cleanup(curl_freep) char *text = NULL;

	return curl_url_get(u, part, &text, flags) == CURLUE_OK ? strdup(text) : NULL;
}

int origin_of(const char *url, struct origin *ret, struct berth_err *err)
{
	cleanup(url_freep) CURLU *u = curl_url();
	cleanup_free char *scheme = NULL, *host = NULL, *port = NULL, *user = NULL, *password = NULL;
	char shown[200];

	str_escape(url, shown, sizeof(shown));
	if (!u)
		return berth_fail(err, BERTH_ESYS, ENOMEM, "cannot read a URL");
	if (curl_url_set(u, CURLUPART_URL, url, 0) != CURLUE_OK)
		return berth_fail(err, BERTH_ENET, 0, "'%s' is no URL", shown);
	scheme = get(u, CURLUPART_SCHEME, 0);
	host = get(u, CURLUPART_HOST, 0);
	port = get(u, CURLUPART_PORT, CURLU_DEFAULT_PORT);
	user = get(u, CURLUPART_USER, 0);
	password = get(u, CURLUPART_PASSWORD, 0);
	/* The text is not shown: it may hold the password of whoever wrote it. */
	if (user || password)
		return berth_fail(err, BERTH_ENET, 0, "a URL with a user's name in it");
	if (!scheme || !host || !port || (strcmp(scheme, "https") != 0 && strcmp(scheme, "http") != 0))
		return berth_fail(err, BERTH_ENET, 0, "'%s' is no http or https URL", shown);
	for (char *p = host; *p; p++)
		*p = (char)tolower((unsigned char)*p);
	ret->https = strcmp(scheme, "https") == 0;
	ret->host = take_ptr(&host);
	ret->port = take_ptr(&port);
	return 0;
}

bool origin_equal(const struct origin *a, const struct origin *b)
{
	return a->https == b->https && a->host && b->host && strcmp(a->host, b->host) == 0 &&
	       strcmp(a->port, b->port) == 0;
}

bool host_is_valid(const char *text)
{
	cleanup(strbuf_done) struct strbuf url = STRBUF_INIT;
	struct berth_err ignored = BERTH_ERR_INIT;
	struct origin o = { 0 };

	if (text[0] == '\0' || strlen(text) > HOST_TEXT_MAX ||
	    text[strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_:[]")] != '\0')
		return false;
	strbuf_printf(&url, "https://%s/", text);
	if (!strbuf_ok(&url) || origin_of(url.text, &o, &ignored) < 0)
		return false;
	origin_done(&o);
	return true;
}

bool origin_is(const struct origin *o, const char *text)
{
	cleanup(strbuf_done) struct strbuf url = STRBUF_INIT;
	cleanup(origin_done) struct origin other = { 0 };
	struct berth_err ignored = BERTH_ERR_INIT;
	const char *behind = strrchr(text, ']');

	if (!host_is_valid(text))
		return false;
	strbuf_printf(&url, "%s://%s/", o->https ? "https" : "http", text);
	if (!strbuf_ok(&url) || origin_of(url.text, &other, &ignored) < 0)
		return false;
	return strcmp(o->host, other.host) == 0 &&
	       (!strchr(behind ? behind : text, ':') || strcmp(o->port, other.port) == 0);
}

/* A name, and no address: those have no parents. */
static bool is_name(const char *host)
{
	const char *last = strrchr(host, '.');

	return host[0] != '[' && last && last[1] != '\0' && !isdigit((unsigned char)last[1]);
}

bool origin_trusts(const struct origin *o, const struct origin *realm)
{
	const char *parent = strchr(o->host, '.'), *sister = strchr(realm->host, '.');

	if (strcmp(o->host, realm->host) == 0)
		return true;
	if (strcmp(o->host, "registry-1.docker.io") == 0)
		return strcmp(realm->host, "auth.docker.io") == 0;
	if (!is_name(o->host) || !is_name(realm->host) || !parent || !strchr(parent + 1, '.'))
		return false;
	return strcmp(parent + 1, realm->host) == 0 || (sister && strcmp(parent, sister) == 0);
}

int url_resolve(const char *base, const char *location, char **ret, struct berth_err *err)
{
	cleanup(url_freep) CURLU *u = curl_url();

	if (!u)
		return berth_fail(err, BERTH_ESYS, ENOMEM, "cannot read a URL");
	if (curl_url_set(u, CURLUPART_URL, base, 0) != CURLUE_OK ||
	    curl_url_set(u, CURLUPART_URL, location, CURLU_URLENCODE) != CURLUE_OK ||
	    curl_url_set(u, CURLUPART_FRAGMENT, NULL, 0) != CURLUE_OK)
		return berth_fail(err, BERTH_ENET, 0, "the answer points to what is no URL");
	*ret = get(u, CURLUPART_URL, 0);
	return *ret ? 0 : berth_fail(err, BERTH_ESYS, ENOMEM, "cannot read a URL");
}

void url_add_query(struct strbuf *b, const char *name, const char *value)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~";

	strbuf_printf(b, "%s%s=", b->text && strchr(b->text, '?') ? "&" : "?", name);
	for (const char *p = value; *p; p++) {
		if (strchr(plain, *p))
			strbuf_add(b, p, 1);
		else
			strbuf_printf(b, "%%%02X", (unsigned int)(unsigned char)*p);
	}
}
