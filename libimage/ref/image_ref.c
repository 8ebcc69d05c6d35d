/* SPDX-License-Identifier: BSD-3-Clause */
/* image_ref.c - what an image is called; see image_ref.h. */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "libimage/base/cleanup.h"
#include "libimage/base/err.h"
#include "libimage/base/path.h"
#include "libimage/base/str.h"
#include "libimage/ref/image_ref.h"
#include "libimage/ref/name.h"

/* LIMIT: bytes of the whole; a path may be as long */
enum { REF_TEXT_MAX = 4095 };

enum { SHOWN = 160 }; /* bytes of a name in an error text */

static int parse_registry(const char *rest, struct image_ref *ref, struct berth_err *err);
static int parse_oras(const char *rest, struct image_ref *ref, struct berth_err *err);
static int parse_layout(const char *rest, struct image_ref *ref, struct berth_err *err);
static int parse_docker_archive(const char *rest, struct image_ref *ref, struct berth_err *err);
static int parse_rest(const char *rest, struct image_ref *ref, struct berth_err *err);
static int parse_url(const char *rest, struct image_ref *ref, struct berth_err *err);

static const struct scheme {
	const char *prefix;
	enum ref_scheme scheme;
	int (*parse)(const char *rest, struct image_ref *ref, struct berth_err *err);
} schemes[] = {
	{ "docker://", REF_DOCKER, parse_registry },
	{ "oras://", REF_ORAS, parse_oras },
	{ "oci:", REF_OCI, parse_layout },
	{ "oci-archive:", REF_OCI_ARCHIVE, parse_layout },
	{ "docker-archive:", REF_DOCKER_ARCHIVE, parse_docker_archive },
	{ "docker-daemon:", REF_DOCKER_DAEMON, parse_registry },
	{ "library://", REF_LIBRARY, parse_rest },
	{ "shub://", REF_SHUB, parse_rest },
	{ "http://", REF_HTTP, parse_url },
	{ "https://", REF_HTTP, parse_url },
};

static int no_memory(struct berth_err *err)
{
	return berth_fail(err, BERTH_ESYS, ENOMEM, "cannot keep an image's name");
}

static int parse_registry(const char *rest, struct image_ref *ref, struct berth_err *err)
{
	return name_parse(rest, ref, err);
}

/* There is no registry that is meant where none is named. */
static int parse_oras(const char *rest, struct image_ref *ref, struct berth_err *err)
{
	if (!name_has_host(rest)) {
		berth_fail(err, BERTH_EUSAGE, 0, "it names no registry");
		return berth_hint(err, "oras://HOST/NAME:TAG; a host has a dot or a port, or is 'localhost'");
	}
	return name_parse(rest, ref, err);
}

/* PATH[:NAME]; the first colon ends the path, as in skopeo. */
static int parse_layout(const char *rest, struct image_ref *ref, struct berth_err *err)
{
	size_t n = strcspn(rest, ":");

	if (n == 0)
		return berth_fail(err, BERTH_EUSAGE, 0, "it names no path");
	if (rest[n] == ':' && (rest[n + 1] == '\0' || strlen(rest + n + 1) > NAME_MAX_BYTES))
		return berth_fail(err, BERTH_EUSAGE, 0, "the image's name after the path is %s",
				  rest[n + 1] ? "longer than 255 bytes" : "empty");
	ref->path = strndup(rest, n);
	ref->name = rest[n] == ':' ? strdup(rest + n + 1) : NULL;
	return ref->path && (ref->name || rest[n] != ':') ? 0 : no_memory(err);
}

static int parse_docker_archive(const char *rest, struct image_ref *ref, struct berth_err *err)
{
	if (parse_layout(rest, ref, err) < 0)
		return -1;
	return ref->name ? name_parse(ref->name, ref, err) : 0;
}

static int parse_rest(const char *rest, struct image_ref *ref, struct berth_err *err)
{
	ref->path = strdup(rest);
	return ref->path ? 0 : no_memory(err);
}

static int parse_url(const char *rest, struct image_ref *ref, struct berth_err *err)
{
	const char *host = strstr(rest, "://") + strlen("://");

	if (host[0] == '\0' || strchr("/?#:", host[0]) || rest[strcspn(rest, " \\\"<>")] != '\0')
		return berth_fail(err, BERTH_EUSAGE, 0, "this is no URL");
	return parse_rest(rest, ref, err);
}

/*
 * The scheme that 'text' begins with, or NULL: a path, unless *ret_lame is set, to the prefix that
 * was meant ("docker:alpine") or to "" for a scheme that nobody knows.
 */
static const struct scheme *scheme_of(const char *text, const char **ret_rest, const char **ret_lame)
{
	size_t n = strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789+-.");

	*ret_lame = NULL;
	if (text[0] == '.' || text[0] == '/' || text[n] != ':')
		return NULL;
	for (size_t i = 0; i < ARRAY_SIZE(schemes); i++) {
		*ret_rest = str_after(text, schemes[i].prefix);
		if (*ret_rest)
			return &schemes[i];
		/* "docker:alpine" */
		if (strcspn(schemes[i].prefix, ":") == n && memcmp(schemes[i].prefix, text, n) == 0)
			*ret_lame = schemes[i].prefix;
	}
	if (!*ret_lame && n > 0 && str_after(text + n, "://"))
		*ret_lame = "";
	return NULL;
}

static int parse(const char *text, struct image_ref *ref, struct berth_err *err)
{
	const char *rest = text, *lame;
	const struct scheme *s;

	if (strlen(text) > REF_TEXT_MAX)
		return berth_fail(err, BERTH_EUSAGE, 0, "it is longer than %d bytes", REF_TEXT_MAX);
	if (text[0] == '\0')
		return berth_fail(err, BERTH_EUSAGE, 0, "it is empty");
	s = scheme_of(text, &rest, &lame);
	if (lame) {
		berth_fail(err, BERTH_EUSAGE, 0, lame[0] ? "this is no name for an image"
							 : "Berth knows no such place for images");
		return berth_hint(err, "%s%s%sa file that is called so is named with './' before it",
				  lame[0] ? "it begins with '" : "", lame, lame[0] ? "'; " : "");
	}
	if (!s) {
		ref->scheme = REF_PATH;
		return parse_rest(text, ref, err);
	}
	if (rest[0] == '\0')
		return berth_fail(err, BERTH_EUSAGE, 0, "nothing follows '%s'", s->prefix);
	for (const char *p = text; *p; p++)
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			return berth_fail(err, BERTH_EUSAGE, 0, "it has a control character");
	ref->scheme = s->scheme;
	if (s->scheme == REF_HTTP)
		rest = text;
	return s->parse(rest, ref, err);
}

/* Who reads the error sees which name it is about. */
static int about(const char *text, struct berth_err *err)
{
	char shown[SHOWN];

	str_escape(text, shown, sizeof(shown));
	if (err->code == BERTH_EIMAGE)
		err->code = BERTH_EUSAGE;
	return berth_context(err, "'%s'", shown);
}

int image_ref_parse(const char *text, struct image_ref *ret, struct berth_err *err)
{
	cleanup(image_ref_done) struct image_ref ref = { 0 };

	if (parse(text, &ref, err) < 0)
		return about(text, err);
	*ret = ref;
	ref = (struct image_ref){ 0 };
	return 0;
}

int image_ref_parse_name(const char *text, struct image_ref *ret, struct berth_err *err)
{
	cleanup(image_ref_done) struct image_ref ref = { .scheme = REF_DOCKER };

	if (name_parse(text, &ref, err) < 0)
		return about(text, err);
	*ret = ref;
	ref = (struct image_ref){ 0 };
	return 0;
}

void image_ref_done(struct image_ref *ref)
{
	free(ref->host);
	free(ref->repo);
	free(ref->tag);
	free(ref->path);
	free(ref->name);
	*ref = (struct image_ref){ 0 };
}

bool image_ref_same_name(const struct image_ref *a, const struct image_ref *b)
{
	if (!a->host || !b->host || strcmp(a->host, b->host) != 0 || strcmp(a->repo, b->repo) != 0)
		return false;
	if (digest_is_set(&a->digest) || digest_is_set(&b->digest))
		return digest_equal(&a->digest, &b->digest);
	return a->tag && b->tag && strcmp(a->tag, b->tag) == 0;
}

static const char *prefix_of(const struct image_ref *ref)
{
	for (size_t i = 0; i < ARRAY_SIZE(schemes); i++)
		if (schemes[i].scheme == ref->scheme && ref->scheme != REF_HTTP)
			return schemes[i].prefix;
	return "";
}

char *image_ref_format(const struct image_ref *ref)
{
	struct strbuf s = STRBUF_INIT;

	strbuf_puts(&s, prefix_of(ref));
	if (ref->path) {
		strbuf_puts(&s, ref->path);
		if (ref->name)
			strbuf_printf(&s, ":%s", ref->name);
	} else if (ref->host) {
		strbuf_printf(&s, "%s/%s", strcmp(ref->host, REF_HUB_HOST) == 0 ? "docker.io" : ref->host,
			      ref->repo);
		if (ref->tag)
			strbuf_printf(&s, ":%s", ref->tag);
		if (digest_is_set(&ref->digest))
			strbuf_printf(&s, "@%s", ref->digest.text);
	}
	if (!strbuf_ok(&s))
		strbuf_done(&s);
	return s.text;
}

/* The last component, without a query and slashes after it: "x.sif" of "https://h/d/x.sif?y". */
static void put_last(struct strbuf *s, const char *text)
{
	size_t end = strcspn(text, "?#"), begin;

	while (end > 0 && text[end - 1] == '/')
		end--;
	for (begin = end; begin > 0 && text[begin - 1] != '/'; begin--)
		;
	strbuf_add(s, text + begin, end - begin);
}

/* "x" and "1" of "user/x:1". */
static void put_name_and_tag(struct strbuf *s, const char *text)
{
	const char *colon = strrchr(text, ':');
	cleanup_free char *before = NULL;

	if (colon && strchr(colon, '/'))
		colon = NULL;
	before = strndup(text, colon ? (size_t)(colon - text) : strlen(text));
	put_last(s, before ? before : "");
	strbuf_puts(s, "_");
	put_last(s, colon ? colon + 1 : "latest");
}

/* The directory's or the archive's name, and the image's. */
static void put_layout(struct strbuf *s, const struct image_ref *ref)
{
	put_last(s, ref->path);
	strbuf_puts(s, "_");
	put_last(s, ref->tag ? ref->tag : ref->name ? ref->name : "latest");
}

static void put_default_name(struct strbuf *s, const struct image_ref *ref)
{
	switch (ref->scheme) {
	case REF_PATH:
	case REF_HTTP:
		put_last(s, ref->path);
		return;
	case REF_LIBRARY:
	case REF_SHUB:
		put_name_and_tag(s, ref->path);
		break;
	case REF_OCI:
	case REF_OCI_ARCHIVE:
	case REF_DOCKER_ARCHIVE:
		put_layout(s, ref);
		break;
	case REF_DOCKER:
	case REF_ORAS:
	case REF_DOCKER_DAEMON:
	case REF_SCHEMES:
		put_last(s, ref->repo);
		if (ref->tag)
			strbuf_printf(s, "_%s", ref->tag);
		else
			strbuf_printf(s, "@%.6s_%s", ref->digest.text, digest_hex(&ref->digest));
		break;
	}
	strbuf_puts(s, ".sif");
}

char *image_ref_default_name(const struct image_ref *ref)
{
	struct strbuf s = STRBUF_INIT;

	put_default_name(&s, ref);
	if (strbuf_ok(&s) && (s.len == 0 || strcmp(s.text, ".") == 0 || strcmp(s.text, "..") == 0)) {
		strbuf_done(&s);
		strbuf_puts(&s, "image.sif");
	}
	if (!strbuf_ok(&s))
		strbuf_done(&s);
	return s.text;
}
