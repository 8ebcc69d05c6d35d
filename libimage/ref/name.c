/* SPDX-License-Identifier: BSD-3-Clause */
/* name.c - the name of an image in a registry; see name.h. */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "libimage/base/cleanup.h"
#include "libimage/base/err.h"
#include "libimage/base/num.h"
#include "libimage/ref/image_ref.h"
#include "libimage/ref/name.h"

#define LOWER "abcdefghijklmnopqrstuvwxyz"
#define UPPER "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGIT "0123456789"

enum { TAG_MAX = 128, PORT_MAX = 65535 }; /* LIMIT: the distribution specification; TCP */

/* "docker.io" and its other names, of which repositories without a '/' are "library/..." */
static const char *const hub_names[] = { "docker.io", "index.docker.io", REF_HUB_HOST };

/* The bytes of the first component if that is a host, else 0: as Docker tells them apart. */
static size_t host_len(const char *text)
{
	size_t n = strcspn(text, "/@");

	if (text[n] != '/')
		return 0;
	if (memchr(text, '.', n) || memchr(text, ':', n) || strcspn(text, UPPER) < n ||
	    (n == strlen("localhost") && memcmp(text, "localhost", n) == 0))
		return n;
	return 0;
}

bool name_has_host(const char *text)
{
	return host_len(text) > 0;
}

/* Letters, digits and dashes between dots, no dash at an end; or [an IPv6 address]; or nothing more. */
static bool is_host(const char *host, size_t n)
{
	const char *label = host;

	if (n > 2 && host[0] == '[' && host[n - 1] == ']')
		return strspn(host + 1, DIGIT "abcdefABCDEF:") == n - 2;
	if (n == 0 || strspn(host, LOWER UPPER DIGIT "-.") < n)
		return false;
	for (size_t i = 0; i <= n; i++) {
		if (i < n && host[i] != '.')
			continue;
		if (label == host + i || label[0] == '-' || host[i - 1] == '-')
			return false;
		label = host + i + 1;
	}
	return true;
}

static int check_host(const char *host, struct berth_err *err)
{
	const char *port = strrchr(host, ':');
	size_t n = strlen(host);
	uint64_t number;

	/* the colon of [::1] is none before a port */
	if (port && strchr(port, ']'))
		port = NULL;
	if (port) {
		n = (size_t)(port - host);
		if (num_parse_u64(port + 1, PORT_MAX, &number) < 0 || number == 0)
			return berth_fail(err, BERTH_EUSAGE, 0,
					  "the registry's port is no number from 1 to 65535");
	}
	if (!is_host(host, n))
		return berth_fail(err, BERTH_EUSAGE, 0, "the registry's name is no host name");
	return 0;
}

/* How a run of separators may look: one '.', one or two '_', any number of '-'. */
static size_t separator_len(const char *p)
{
	size_t n;

	if (*p == '.')
		return 1;
	if (*p == '_')
		return p[1] == '_' ? 2 : 1;
	n = strspn(p, "-");
	return n;
}

/* Components of lower-case words, with separators between words. */
static bool is_repo(const char *p)
{
	for (;;) {
		size_t n = strspn(p, LOWER DIGIT);

		if (n == 0)
			return false;
		p += n;
		if (*p == '\0')
			return true;
		n = *p == '/' ? 1 : separator_len(p);
		if (n == 0)
			return false;
		p += n;
	}
}

static int check_repo(const char *repo, struct berth_err *err)
{
	if (is_repo(repo))
		return 0;
	berth_fail(err, BERTH_EUSAGE, 0,
		   repo[0] == '\0' ? "it names no repository"
				   : "the repository is no name that registries have");
	if (strcspn(repo, UPPER) < strlen(repo))
		return berth_hint(err, "repositories are written in lower case");
	return berth_hint(err,
			  "a repository is words of a-z and 0-9, with '.', '_', '__', '-' or '/' between "
			  "them");
}

static int check_tag(const char *tag, struct berth_err *err)
{
	size_t n = strspn(tag, LOWER UPPER DIGIT "_.-");

	if (n > 0 && n <= TAG_MAX && tag[n] == '\0' && tag[0] != '.' && tag[0] != '-')
		return 0;
	berth_fail(err, BERTH_EUSAGE, 0, "the tag is no name that registries have");
	return berth_hint(err,
			  "a tag is up to 128 letters, digits, '_', '.' and '-', and does not begin with "
			  "the last two");
}

static bool is_hub(const char *host)
{
	for (size_t i = 0; i < ARRAY_SIZE(hub_names); i++)
		if (strcmp(host, hub_names[i]) == 0)
			return true;
	return false;
}

/* 'rest' is "REPO" or "REPO:TAG", without host and digest; it is cut where the tag begins. */
static int parse_repo(char *rest, struct image_ref *ref, struct berth_err *err)
{
	bool hub = strcmp(ref->host, REF_HUB_HOST) == 0;
	char *colon = strrchr(rest, ':');
	const char *tag = NULL;

	if (colon) {
		*colon = '\0';
		tag = colon + 1;
		if (check_tag(tag, err) < 0)
			return -1;
	} else if (!digest_is_set(&ref->digest)) {
		tag = "latest";
	}
	if (check_repo(rest, err) < 0)
		return -1;
	ref->tag = tag ? strdup(tag) : NULL;
	ref->repo = malloc(strlen("library/") + strlen(rest) + 1);
	if (!ref->repo || (tag && !ref->tag))
		return berth_fail(err, BERTH_ESYS, ENOMEM, "cannot keep an image's name");
	ref->repo[0] = '\0';
	if (hub && !strchr(rest, '/'))
		memcpy(ref->repo, "library/", strlen("library/") + 1);
	memcpy(ref->repo + strlen(ref->repo), rest, strlen(rest) + 1);
	if (strlen(ref->host) + 1 + strlen(ref->repo) > NAME_MAX_BYTES)
		return berth_fail(err, BERTH_EUSAGE, 0, "host and repository are longer than %d bytes",
				  NAME_MAX_BYTES);
	return 0;
}

int name_parse(const char *text, struct image_ref *ref, struct berth_err *err)
{
	const char *at = strchr(text, '@');
	size_t n = host_len(text), end = at ? (size_t)(at - text) : strlen(text);
	cleanup_free char *host = n > 0 ? strndup(text, n) : strdup(REF_HUB_HOST);
	cleanup_free char *rest = strndup(text + (n > 0 ? n + 1 : 0), end - (n > 0 ? n + 1 : 0));

	if (!host || !rest)
		return berth_fail(err, BERTH_ESYS, ENOMEM, "cannot keep an image's name");
	if (check_host(host, err) < 0 || (at && digest_parse(at + 1, &ref->digest, err) < 0))
		return -1;
	ref->host = is_hub(host) ? strdup(REF_HUB_HOST) : take_ptr(&host);
	if (!ref->host)
		return berth_fail(err, BERTH_ESYS, ENOMEM, "cannot keep an image's name");
	return parse_repo(rest, ref, err);
}
