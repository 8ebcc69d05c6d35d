/* SPDX-License-Identifier: BSD-3-Clause */
/* registry.c - a repository, its places, its documents; see registry.h. */
#include "config.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libimage/base/cleanup.h"
#include "libimage/ref/hasher.h"
#include "libimage/registry/place.h"

enum {
	MANIFEST_MAX = 4 * 1024 * 1024, /* LIMIT: bytes; what registries take */
	PLACES_MAX = 16,		/* LIMIT: a site names one mirror or two */
	NAME_MAX_BYTES = 255,		/* the distribution protocol's, of a repository's name */
};

#define ACCEPT                                                                                             \
	"application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json, "           \
	"application/vnd.docker.distribution.manifest.list.v2+json, "                                     \
	"application/vnd.docker.distribution.manifest.v2+json"

struct place *registry_place(struct registry *r)
{
	return &r->places[r->at];
}

bool registry_insecure(const struct registry *r, const struct origin *o)
{
	for (const char *const *host = r->opt.insecure; host && *host; host++)
		if (origin_is(o, *host))
			return true;
	return false;
}

/* A repository's name goes into URLs as it is. */
static bool repo_is_valid(const char *repo)
{
	if (strlen(repo) > NAME_MAX_BYTES)
		return false;
	for (const char *p = repo; *p; p++) {
		bool alnum = (*p >= 'a' && *p <= 'z') || (*p >= '0' && *p <= '9');
		bool edge = p == repo || p[-1] == '/' || p[1] == '/' || p[1] == '\0';

		if (!alnum && (edge || !strchr("._-/", *p)) && !(*p == '/' && p != repo && p[1] != '\0' && p[1] != '/'))
			return false;
	}
	return repo[0] != '\0';
}

/* A tag or digest, the same. */
static int check_what(const char *what, struct digest *ret, struct berth_err *err)
{
	static const char first[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_",
			  more[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-";
	size_t n = strlen(what);

	*ret = (struct digest){ 0 };
	if (strchr(what, ':')) {
		if (digest_parse(what, ret, err) < 0) {
			err->code = BERTH_EUSAGE;
			return -1;
		}
		return 0;
	}
	if (n == 0 || n > 128 || !strchr(first, what[0]) || what[strspn(what, more)] != '\0') {
		char shown[160];

		str_escape(what, shown, sizeof(shown));
		return berth_fail(err, BERTH_EUSAGE, 0, "'%s' is no tag", shown);
	}
	return 0;
}

static void place_done(struct place *p)
{
	free(p->host);
	free(p->repo);
	origin_done(&p->origin);
	secret_free(&p->authorization);
	credential_done(&p->cred);
}

/* 'text' is HOST[:PORT][/PREFIX]; the prefix goes before the repository's name. */
static int add_place(struct registry *r, const char *text, const char *repo, const char *own, struct berth_err *err)
{
	struct place *p = &r->places[r->nplaces];
	cleanup(strbuf_done) struct strbuf url = STRBUF_INIT, name = STRBUF_INIT;
	const char *slash = strchr(text, '/');
	char shown[160];

	str_escape(text, shown, sizeof(shown));
	*p = (struct place){ .host = slash ? strndup(text, (size_t)(slash - text)) : strdup(text) };
	if (!p->host)
		return berth_fail(err, BERTH_ESYS, ENOMEM, "cannot ask '%s'", shown);
	r->nplaces++;
	if (!host_is_valid(p->host))
		return berth_fail(err, BERTH_EUSAGE, 0, "'%s' is no registry's name", shown);
	if (slash)
		strbuf_printf(&name, "%s%s%s", slash + 1, repo ? "/" : "", repo ? repo : "");
	else if (repo)
		strbuf_puts(&name, repo);
	if (name.len > 0 && !repo_is_valid(name.text)) {
		str_escape(name.text, shown, sizeof(shown));
		return berth_fail(err, BERTH_EUSAGE, 0, "'%s' is no name of a repository", shown);
	}
	p->repo = take_ptr(&name.text);
	p->own = strcmp(p->host, own) == 0;
	strbuf_printf(&url, "https://%s/", p->host);
	if (!strbuf_ok(&url))
		return berth_fail(err, BERTH_ESYS, ENOMEM, "cannot ask '%s'", shown);
	if (origin_of(url.text, &p->origin, err) < 0)
		return -1;
	p->insecure = registry_insecure(r, &p->origin);
	if (!p->own || !r->opt.plain_http)
		return 0;
	origin_done(&p->origin);
	url.len = 0;
	strbuf_printf(&url, "http://%s/", p->host);
	p->insecure = true;
	return strbuf_ok(&url) ? origin_of(url.text, &p->origin, err) : -1;
}

int registry_open(const char *host, const char *repo, const struct registry_options *opt, struct registry **ret,
		  struct berth_err *err)
{
	cleanup(registry_closep) struct registry *r = calloc(1, sizeof(*r));
	struct http_options http = { .ca_file = opt->ca_file, .cancel_fd = opt->cancel_fd,
				     .silence_s = opt->silence_s };
	size_t n = 0;

	if (!r)
		return berth_fail(err, BERTH_ESYS, ENOMEM, "cannot ask '%.100s'", host);
	r->opt = *opt;
	while (opt->mirrors && !opt->push && opt->mirrors[n])
		n++;
	if (n > PLACES_MAX)
		return berth_fail(err, BERTH_ECONFIG, 0, "more than %d mirrors of '%.100s'", PLACES_MAX, host);
	if (strchr(host, '/'))
		return berth_fail(err, BERTH_EUSAGE, 0, "'%.100s' is no registry's name", host);
	r->places = calloc(n > 0 ? n : 1, sizeof(*r->places));
	if (!r->places)
		return berth_fail(err, BERTH_ESYS, ENOMEM, "cannot ask '%.100s'", host);
	if (n == 0 && add_place(r, host, repo, host, err) < 0)
		return -1;
	for (size_t i = 0; i < n; i++)
		if (add_place(r, opt->mirrors[i], repo, host, err) < 0)
			return -1;
	if (http_open(&http, &r->http, err) < 0)
		return -1;
	*ret = take_ptr(&r);
	return 0;
}

struct registry *registry_close(struct registry *r)
{
	if (!r)
		return NULL;
	for (size_t i = 0; i < r->nplaces; i++)
		place_done(&r->places[i]);
	free(r->places);
	free(r->from);
	r->http = http_close(r->http);
	free(r);
	return NULL;
}

char *place_url(const struct place *p, const char *fmt, ...)
{
	char *path = NULL, *url = NULL;
	va_list ap;
	int rc;

	va_start(ap, fmt);
	rc = vasprintf(&path, fmt, ap);
	va_end(ap);
	if (rc < 0)
		return NULL;
	rc = asprintf(&url, "%s://%s/v2/%s", p->origin.https ? "https" : "http", p->host, path);
	free(path);
	return rc < 0 ? NULL : url;
}

int registry_ping(struct registry *r, struct berth_err *err)
{
	struct place *p = registry_place(r);
	cleanup(exchange_done) struct exchange x = { .r = r, .place = p, .url = place_url(p, "%s", ""), .what = "the registry",
						     .fixed = true };

	x.call = (struct http_call){ .method = "GET", .small = true, .body_max = MANIFEST_MAX };
	if (exchange_run(&x, err) < 0) {
		if (err->code == BERTH_ENOTFOUND)
			berth_fail(err, BERTH_ENOTFOUND, 0, "'%s' is no registry", p->host);
		return -1;
	}
	return 0;
}

void registry_doc_done(struct registry_doc *d)
{
	strbuf_done(&d->bytes);
	free(d->type);
	*d = (struct registry_doc){ 0 };
}

/* "application/json; charset=utf-8" without what follows, in lower case. */
static void plain_type(char *type)
{
	type[strcspn(type, "; \t")] = '\0';
	for (char *p = type; *p; p++)
		if (*p >= 'A' && *p <= 'Z')
			*p = (char)(*p - 'A' + 'a');
}

/* The document's digest; it must be 'want' if that is set. */
static int sum(const char *what, const struct strbuf *bytes, const struct digest *want, struct digest *ret,
	       struct berth_err *err)
{
	const char *algorithm = digest_is_set(want) ? want->text : "sha256";

	if (hasher_sum(algorithm, bytes->text ? bytes->text : "", bytes->len, ret) < 0)
		return berth_fail(err, BERTH_ESYS, ENOMEM, "cannot sum up the %s", what);
	if (!digest_is_set(want) || digest_equal(want, ret))
		return 0;
	berth_fail(err, BERTH_EIMAGE, 0, "%s: the registry sent something else, %s", what, ret->text);
	return berth_hint(err, "try again; if it stays so the registry is damaged, or somebody stands between");
}

static int get_manifest(struct registry *r, const char *what, const struct digest *want, struct registry_doc *ret,
			struct berth_err *err)
{
	struct place *p = registry_place(r);
	cleanup_free char *label = NULL;
	cleanup(registry_doc_done) struct registry_doc doc = { 0 };
	cleanup(exchange_done) struct exchange x = { .r = r, .place = p };

	if (asprintf(&label, "manifest '%s' of '%s'", what, p->repo) < 0)
		return berth_fail(err, BERTH_ESYS, ENOMEM, "cannot ask '%s'", p->host);
	x.what = label;
	x.url = place_url(p, "%s/manifests/%s", p->repo, what);
	x.call = (struct http_call){ .method = "GET", .accept = ACCEPT, .small = true, .body_max = MANIFEST_MAX };
	if (exchange_run(&x, err) < 0)
		return -1;
	if (x.call.status != 200)
		return berth_fail(err, BERTH_ENET, 0, "%s: '%s' answers %ld", label, p->host, x.call.status);
	if (!x.call.head.type)
		return berth_fail(err, BERTH_EIMAGE, 0, "%s: '%s' does not say what kind it is", label, p->host);
	doc.bytes = x.call.text;
	x.call.text = (struct strbuf)STRBUF_INIT;
	doc.type = take_ptr(&x.call.head.type);
	plain_type(doc.type);
	if (sum(label, &doc.bytes, want, &doc.digest, err) < 0)
		return -1;
	*ret = doc;
	doc = (struct registry_doc){ 0 };
	return 0;
}

bool registry_next_place(struct registry *r, const struct berth_err *err)
{
	if (r->at + 1 >= r->nplaces || err->code == BERTH_ESYS || err->code == BERTH_EUSAGE)
		return false;
	if (r->opt.note)
		r->opt.note(r->opt.note_arg, err->text);
	r->at++;
	return true;
}

int registry_manifest(struct registry *r, const char *what, struct registry_doc *ret, struct berth_err *err)
{
	struct digest want;

	if (check_what(what, &want, err) < 0)
		return -1;
	r->at = 0;
	while (get_manifest(r, what, &want, ret, err) < 0)
		if (!registry_next_place(r, err))
			return -1;
	return 0;
}

int registry_resolve(struct registry *r, const char *tag, struct digest *ret, struct berth_err *err)
{
	cleanup(registry_doc_done) struct registry_doc doc = { 0 };
	struct place *p = registry_place(r);
	cleanup(exchange_done) struct exchange x = { .r = r, .place = p, .what = "the manifest" };
	struct berth_err ignored = BERTH_ERR_INIT;
	struct digest want;

	if (check_what(tag, &want, err) < 0)
		return -1;
	x.url = place_url(p, "%s/manifests/%s", p->repo, tag);
	x.call = (struct http_call){ .method = "HEAD", .accept = ACCEPT, .small = true };
	if (!digest_is_set(&want) && exchange_run(&x, &ignored) == 0 && x.call.head.digest &&
	    digest_parse(x.call.head.digest, ret, &ignored) == 0)
		return 0;
	if (ignored.sys == EINTR) {
		*err = ignored;
		return -1;
	}
	/* The registry does not say it, or this place has none. */
	if (registry_manifest(r, tag, &doc, err) < 0)
		return -1;
	*ret = doc.digest;
	return 0;
}

static int add_bytes(void *arg, const void *bytes, size_t n, struct berth_err *err)
{
	strbuf_add(arg, bytes, n);
	return strbuf_ok(arg) ? 0 : berth_fail(err, BERTH_ESYS, ENOMEM, "cannot keep a blob");
}

static int drop_bytes(void *arg, struct berth_err *err)
{
	(void)err;
	strbuf_done(arg);
	*(struct strbuf *)arg = (struct strbuf)STRBUF_INIT;
	return 0;
}

int registry_small_blob(struct registry *r, const struct digest *digest, uint64_t size, size_t max,
			struct strbuf *ret, struct berth_err *err)
{
	cleanup(strbuf_done) struct strbuf bytes = STRBUF_INIT;
	struct registry_job job = { .digest = *digest, .size = size, .data = add_bytes, .restart = drop_bytes,
				    .arg = &bytes };
	struct digest got;

	if (size > max)
		return berth_fail(err, BERTH_EIMAGE, 0, "blob %s has %llu bytes; %zu are the most", digest->text,
				  (unsigned long long)size, max);
	if (registry_fetch(r, &job, 1, err) < 0 || sum("the blob", &bytes, digest, &got, err) < 0)
		return -1;
	*ret = bytes;
	bytes = (struct strbuf)STRBUF_INIT;
	return 0;
}
