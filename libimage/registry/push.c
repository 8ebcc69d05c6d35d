/* SPDX-License-Identifier: BSD-3-Clause */
/* push.c - blobs and manifests to a registry; see registry.h. */
#include "config.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "libimage/base/cleanup.h"
#include "libimage/base/num.h"
#include "libimage/registry/place.h"

enum {
	CHUNK_BYTES = 64 * 1024 * 1024, /* proxies in front of registries refuse 100 MiB and more at once */
	SEND_TRIES = 5,			/* LIMIT: without a byte more there, each a try of all that http does */
	ANSWER_MAX = 64 * 1024,		/* LIMIT: bytes; nobody reads it */
};

/* A blob on its way. */
struct upload {
	struct registry *r;
	const struct digest *digest;
	int fd;
	uint64_t at, size; /* where in 'fd', and how many */
	uint64_t sent;	   /* how many the registry has said it has */
	char *url;	   /* where to go on: each answer says a new one */
	uint64_t next, end; /* of the request that runs */
	char label[128];
};

static ssize_t read_chunk(void *arg, void *buf, size_t n, struct berth_err *err)
{
	struct upload *u = arg;
	ssize_t got;

	if (n > u->end - u->next)
		n = (size_t)(u->end - u->next);
	if (n == 0)
		return 0;
	do
		got = pread(u->fd, buf, n, (off_t)(u->at + u->next));
	while (got < 0 && errno == EINTR);
	if (got <= 0)
		return berth_fail(err, BERTH_ESYS, got < 0 ? errno : ENODATA, "cannot read what is to be sent");
	u->next += (uint64_t)got;
	return got;
}

/* Where the upload goes on, as an answer says. It must be on the registry itself: the data is the user's. */
static int follow(struct upload *u, const struct exchange *x, struct berth_err *err)
{
	cleanup(origin_done) struct origin to = { 0 };
	struct place *p = registry_place(u->r);
	char *url = NULL;

	if (!x->call.head.location)
		return berth_fail(err, BERTH_ENET, 0, "%s: '%s' does not say where to send it", u->label, p->host);
	if (url_resolve(x->url, x->call.head.location, &url, err) < 0)
		return -1;
	free(u->url);
	u->url = url;
	if (origin_of(url, &to, err) < 0)
		return -1;
	/* Behind a proxy that ends TLS registries often say http://: the host and the way there stay. */
	if (!to.https && p->origin.https && strcmp(to.host, p->origin.host) == 0) {
		cleanup(strbuf_done) struct strbuf b = STRBUF_INIT;

		strbuf_printf(&b, "https%s", url + strlen("http"));
		if (!strbuf_ok(&b))
			return berth_fail(err, BERTH_ESYS, ENOMEM, "cannot send");
		free(u->url);
		u->url = take_ptr(&b.text);
		return 0;
	}
	if (!to.https && !origin_equal(&to, &p->origin))
		return berth_fail(err, BERTH_ENET, 0, "%s: '%s' wants it sent to '%.100s' without TLS: refused",
				  u->label, p->host, to.host);
	return 0;
}

/* "0-99" or "bytes=0-99": what a registry has of an upload. Returns how many, or UINT64_MAX: not said. */
static uint64_t range_end(const char *text)
{
	const char *p = text ? strchr(text, '-') : NULL;
	uint64_t v;

	return p && num_parse_u64(p + 1, UINT64_MAX - 1, &v) == 0 ? v + 1 : UINT64_MAX;
}

/* After a request that was lost: how much arrived? Returns 0 and u->sent, or -1 and *err. */
static int ask_how_far(struct upload *u, struct berth_err *err)
{
	cleanup(exchange_done) struct exchange x = { .r = u->r, .place = registry_place(u->r), .what = u->label,
						     .fixed = true, .url = strdup(u->url) };
	uint64_t have;

	x.call = (struct http_call){ .method = "GET", .small = true, .body_max = ANSWER_MAX };
	if (exchange_run(&x, err) < 0)
		return -1;
	/* "0-0" is said of nothing and of one byte: both may be sent again from the start of a chunk. */
	have = range_end(x.call.head.range);
	u->sent = have == UINT64_MAX || have <= 1 ? 0 : have;
	if (u->sent > u->size)
		return berth_fail(err, BERTH_ENET, 0, "%s: the registry has more than was sent", u->label);
	return x.call.head.location ? follow(u, &x, err) : 0;
}

/*
 * One request: a chunk (PATCH), or, with 'last', all that is left and the digest (PUT).
 * Returns 0; 1: it was lost on the way; -1 and *err.
 */
static int send_part(struct upload *u, bool last, struct berth_err *err)
{
	struct source source = { .arg = u, .read = read_chunk };
	cleanup(strbuf_done) struct strbuf url = STRBUF_INIT;
	cleanup(exchange_done) struct exchange x = { .r = u->r, .place = registry_place(u->r), .what = u->label,
						     .fixed = true, .once = true };
	char range[64];

	u->next = u->sent;
	u->end = last || u->size - u->sent < CHUNK_BYTES ? u->size : u->sent + CHUNK_BYTES;
	strbuf_puts(&url, u->url);
	if (last)
		url_add_query(&url, "digest", u->digest->text);
	if (!strbuf_ok(&url))
		return berth_fail(err, BERTH_ESYS, ENOMEM, "cannot send");
	x.url = take_ptr(&url.text);
	(void)snprintf(range, sizeof(range), "%" PRIu64 "-%" PRIu64, u->next, u->end - 1);
	x.call = (struct http_call){ .method = last ? "PUT" : "PATCH", .type = "application/octet-stream",
				     .body_max = ANSWER_MAX };
	if (u->end > u->next) {
		x.call.upload = &source;
		x.call.nupload = u->end - u->next;
		x.call.range = last && u->next == 0 ? NULL : range;
	}
	if (exchange_run(&x, err) < 0)
		return err->code == BERTH_ENET && err->sys == 0 ? 1 : -1;
	if (last)
		return 0;
	u->sent = u->end;
	return follow(u, &x, err);
}

/* Everything, with as many requests as it takes; a lost one costs what had not arrived. */
static int send_all(struct upload *u, struct berth_err *err)
{
	uint64_t best = 0;

	for (unsigned int tries = 0; tries < SEND_TRIES; tries++) {
		int rc = 0;

		while (rc == 0 && u->size - u->sent > CHUNK_BYTES)
			rc = send_part(u, false, err);
		if (rc == 0)
			rc = send_part(u, true, err);
		if (rc <= 0)
			return rc;
		if (u->r->opt.note)
			u->r->opt.note(u->r->opt.note_arg, err->text);
		if (ask_how_far(u, err) < 0)
			return -1;
		if (u->sent > best) {
			best = u->sent;
			tries = 0;
		}
	}
	return -1; /* with what the last try said */
}

int registry_has_blob(struct registry *r, const struct digest *digest, struct berth_err *err)
{
	struct place *p = registry_place(r);
	cleanup(exchange_done) struct exchange x = { .r = r, .place = p, .what = "the blob",
						     .url = place_url(p, "%s/blobs/%s", p->repo, digest->text) };

	x.call = (struct http_call){ .method = "HEAD", .small = true };
	if (exchange_run(&x, err) == 0)
		return 1;
	return err->code == BERTH_ENOTFOUND ? 0 : -1;
}

/* Begin an upload, or have it mounted. Returns 1: mounted; 0; -1 and *err. */
static int begin(struct upload *u, const char *from, struct berth_err *err)
{
	struct place *p = registry_place(u->r);
	cleanup(strbuf_done) struct strbuf url = STRBUF_INIT;
	cleanup(exchange_done) struct exchange x = { .r = u->r, .place = p, .what = u->label, .fixed = true };
	cleanup_free char *start = place_url(p, "%s/blobs/uploads/", p->repo);

	strbuf_puts(&url, start ? start : "");
	if (from) {
		url_add_query(&url, "mount", u->digest->text);
		url_add_query(&url, "from", from);
		free(u->r->from);
		u->r->from = strdup(from);
	}
	if (!start || !strbuf_ok(&url))
		return berth_fail(err, BERTH_ESYS, ENOMEM, "cannot send");
	x.url = take_ptr(&url.text);
	x.call = (struct http_call){ .method = "POST", .small = true, .body_max = ANSWER_MAX };
	if (exchange_run(&x, err) < 0)
		return -1;
	if (x.call.status == 201)
		return 1;
	return follow(u, &x, err);
}

int registry_push_blob(struct registry *r, const struct digest *digest, int fd, uint64_t at, uint64_t size,
		       const char *from, struct berth_err *err)
{
	struct upload u = { .r = r, .digest = digest, .fd = fd, .at = at, .size = size };
	int rc = registry_has_blob(r, digest, err);

	if (rc != 0)
		return rc < 0 ? -1 : 0;
	(void)snprintf(u.label, sizeof(u.label), "blob %.26s...", digest->text);
	rc = begin(&u, from, err);
	if (rc == 0)
		rc = send_all(&u, err);
	free(u.url);
	return rc < 0 || rc > 1 ? -1 : 0;
}

int registry_push_manifest(struct registry *r, const char *what, const void *bytes, size_t n, const char *type,
			   struct berth_err *err)
{
	struct place *p = registry_place(r);
	cleanup_free char *label = NULL;
	cleanup(exchange_done) struct exchange x = { .r = r, .place = p, .fixed = true };

	if (asprintf(&label, "manifest '%s'", what) < 0)
		return berth_fail(err, BERTH_ESYS, ENOMEM, "cannot send");
	x.what = label;
	x.url = place_url(p, "%s/manifests/%s", p->repo, what);
	x.call = (struct http_call){ .method = "PUT", .type = type, .body = bytes, .nbody = n, .small = true,
				     .body_max = ANSWER_MAX };
	return exchange_run(&x, err);
}
