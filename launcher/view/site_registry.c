/* SPDX-License-Identifier: BSD-3-Clause */
/* site_registry.c - what a site says about registries; see site_registry.h. */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "launcher/view/site_registry.h"
#include "libimage/base/cleanup.h"
#include "libimage/base/err.h"

enum { PLACE_TEXT_MAX = 512 }; /* LIMIT: bytes; a host's name and a path's are shorter */

#define HOST_CHARS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_:[]"

/* HOST[:PORT], with 'path' also /PREFIX. The text alone: who connects looks closer. */
static bool is_place(const char *text, size_t n, bool path)
{
	size_t host = strspn(text, HOST_CHARS), port = 0;
	const char *colon;

	if (host > n)
		host = n;
	if (n == 0 || n > PLACE_TEXT_MAX || host == 0 || text[0] == ':' || text[0] == '.' || text[0] == '-')
		return false;
	/* "HOST:PORT" once, or "[v6]:PORT"; "https://x" ends at the second slash */
	colon = memchr(text[0] == '[' ? text + strcspn(text, "]") : text, ':', host);
	if (text[0] != '[' && colon && (size_t)(colon - text) < host) {
		port = host - (size_t)(colon - text) - 1;
		if (port == 0 || port > 5 || strspn(colon + 1, "0123456789") < port)
			return false;
	}
	if (host == n)
		return true;
	if (!path || text[host] != '/')
		return false;
	for (const char *p = text + host + 1; p < text + n; p++)
		if (!strchr("abcdefghijklmnopqrstuvwxyz0123456789._-/", *p) || (*p == '/' && p[-1] == '/'))
			return false;
	return text[n - 1] != '/';
}

static int add(struct strlist *l, const char *text, struct berth_err *err)
{
	strlist_add(l, text);
	return strlist_ok(l) ? 0 : berth_fail(err, BERTH_ESYS, ENOMEM, "cannot keep the site's registries");
}

static bool same_host(const char *a, size_t n, const char *b)
{
	cleanup_free char *copy = strndup(a, n);

	return copy && strcasecmp(site_registry_host(copy), site_registry_host(b)) == 0;
}

int site_registry_mirror(void *arg, const char *value, struct berth_err *err)
{
	struct site_registry *s = arg;
	const char *eq = strchr(value, '=');
	size_t host = eq ? (size_t)(eq - value) : 0;
	cleanup_free char *name = NULL;

	while (host > 0 && strchr(" \t", value[host - 1]))
		host--;
	if (!eq || !is_place(value, host, false))
		return berth_fail(err, BERTH_ECONFIG, 0, "'%s' is not HOST=MIRROR[,MIRROR]", value);
	name = strndup(value, host);
	for (size_t i = 0; name && i < s->mirrors.n; i++)
		if (same_host(s->mirrors.v[i], strcspn(s->mirrors.v[i], "= \t"), name))
			return berth_fail(err, BERTH_ECONFIG, 0, "'%s' has mirrors already", name);
	for (const char *p = eq; *p;) {
		size_t n;

		p += 1 + strspn(p + 1, " \t");
		n = strcspn(p, ", \t");
		if (!is_place(p, n, true))
			return berth_fail(err, BERTH_ECONFIG, 0, "'%.*s' is not HOST[:PORT][/PATH]", (int)n, p);
		p += n;
		p += strspn(p, " \t");
		if (*p && *p != ',')
			return berth_fail(err, BERTH_ECONFIG, 0, "'%s' is not HOST=MIRROR[,MIRROR]", value);
	}
	return add(&s->mirrors, value, err);
}

int site_registry_insecure(void *arg, const char *value, struct berth_err *err)
{
	struct site_registry *s = arg;

	if (!is_place(value, strlen(value), false))
		return berth_fail(err, BERTH_ECONFIG, 0, "'%s' is not HOST[:PORT]", value);
	return add(&s->insecure, value, err);
}

int site_registry_ca(void *arg, const char *value, struct berth_err *err)
{
	struct site_registry *s = arg;

	if (value[0] != '/')
		return berth_fail(err, BERTH_ECONFIG, 0, "'%s' is no absolute path", value);
	free(s->ca);
	s->ca = strdup(value);
	return s->ca ? 0 : berth_fail(err, BERTH_ESYS, ENOMEM, "cannot keep the site's registries");
}

void site_registry_done(struct site_registry *s)
{
	strlist_done(&s->mirrors);
	strlist_done(&s->insecure);
	free(s->ca);
	s->ca = NULL;
}

void site_registry_mirrors(const struct site_registry *s, const char *host, struct strlist *ret)
{
	for (size_t i = 0; i < s->mirrors.n; i++) {
		const char *line = s->mirrors.v[i], *eq = strchr(line, '=');

		if (!eq || !same_host(line, strcspn(line, "= \t"), host))
			continue;
		for (const char *p = eq + 1; *p; p += *p == ',') {
			cleanup_free char *one = NULL;
			size_t n;

			p += strspn(p, " \t");
			n = strcspn(p, ", \t");
			one = strndup(p, n);
			if (one)
				strlist_add(ret, site_registry_host(one));
			else
				ret->failed = true;
			p += n;
			p += strspn(p, " \t");
		}
	}
}

const char *site_registry_host(const char *name)
{
	if (strcasecmp(name, "docker.io") == 0 || strcasecmp(name, "index.docker.io") == 0)
		return "registry-1.docker.io";
	return name;
}
