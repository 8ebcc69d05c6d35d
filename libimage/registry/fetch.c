/* SPDX-License-Identifier: BSD-3-Clause */
/* fetch.c - blobs, some at a time; see registry.h. */
#include "config.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libimage/base/cleanup.h"
#include "libimage/base/num.h"
#include "libimage/registry/place.h"

enum {
	PARALLEL_DEFAULT = 3,
	PARALLEL_MAX = 16,	     /* LIMIT: registries refuse who opens more */
	PROGRESS_BYTES = 256 * 1024, /* with so much more, a lost connection counts as the first */
	ANEW_MAX = 1,		     /* LIMIT: how often a server may have less than it had before */
	PUMP_MAX_MS = 1000,	     /* LIMIT: nothing depends on it; what happens wakes */
};

/* A blob that is being fetched. */
struct fetch {
	struct exchange x;
	struct registry_job *job;
	uint64_t mark;	   /* the most that job->have was when it was counted as progress */
	unsigned int anew; /* how often it was begun anew */
	bool begun;	   /* this answer's first bytes were looked at */
	char label[128];
};

/* Does the 206 begin where it was asked to? "bytes 100-199/200" */
static bool range_is(const char *text, uint64_t from)
{
	char want[48];
	int n = snprintf(want, sizeof(want), "bytes %" PRIu64 "-", from);

	return text && strncmp(text, want, (size_t)n) == 0;
}

/* The first bytes of an answer: from where are they, and will they be enough? */
static int begin(struct fetch *f, const struct http_call *c, struct berth_err *err)
{
	struct registry_job *j = f->job;
	uint64_t from = c->status == 206 ? c->from : 0;

	f->begun = true;
	if (c->status == 206 && c->from == 0)
		return berth_fail(err, BERTH_ENET, 0, "a part, where the whole was asked for");
	if (c->status == 206 && !range_is(c->head.content_range, c->from))
		return berth_fail(err, BERTH_ENET, 0, "another part than was asked for");
	if (c->length >= 0 && (from > j->size || (uint64_t)c->length != j->size - from))
		return berth_fail(err, BERTH_EIMAGE, 0, "it has %" PRIu64 " bytes, not the %" PRIu64 " that its "
				  "manifest says", from + (uint64_t)c->length, j->size);
	if (from == c->from)
		return 0;
	/* The server knows no ranges. What comes again is no progress, or it could go on so for ever. */
	j->have = 0;
	return j->restart(j->arg, err);
}

static int on_data(void *arg, const struct http_call *c, const void *p, size_t n, struct berth_err *err)
{
	struct fetch *f = arg;
	struct registry_job *j = f->job;

	if (!f->begun && begin(f, c, err) < 0)
		return -1;
	if (n > j->size - j->have)
		return berth_fail(err, BERTH_EIMAGE, 0, "more bytes than the %" PRIu64 " that the manifest says",
				  j->size);
	if (j->data(j->arg, p, n, err) < 0)
		return -1;
	j->have += n;
	if (j->have > f->mark && j->have - f->mark >= PROGRESS_BYTES) {
		f->mark = j->have;
		f->x.tries = 0;
	}
	return 0;
}

static void start(struct registry *r, struct fetch *f, struct registry_job *j)
{
	struct place *p = registry_place(r);

	*f = (struct fetch){ .job = j, .mark = j->have };
	(void)snprintf(f->label, sizeof(f->label), "blob %.26s...", j->digest.text);
	f->x = (struct exchange){ .r = r, .place = p, .what = f->label,
				  .url = place_url(p, "%s/blobs/%s", p->repo, j->digest.text) };
	f->x.call = (struct http_call){ .method = "GET", .from = j->have, .data = on_data, .arg = f };
	exchange_start(&f->x);
}

/*
 * An answer has come to its end, or to one. With less than all of it the connection was lost, whatever
 * the server's headers said; it goes on from there. Returns 1: nothing more to do; 0; -1 and *err.
 */
static int settle(struct fetch *f, struct berth_err *err)
{
	struct registry_job *j = f->job;
	struct http_call *c = &f->x.call;

	if (j->have == j->size) {
		exchange_done(&f->x);
		return j->end && j->end(j->arg, err) < 0 ? -1 : 1;
	}
	c->status = 0;
	c->lost = true;
	berth_fail(&c->err, BERTH_ENET, 0, "it ends after %" PRIu64 " of %" PRIu64 " bytes", j->have, j->size);
	f->x.state = EXCHANGE_RUNS;
	return 0;
}

/* Another blob lies there than the one whose first bytes are here: from the start. Returns as step(). */
static int again(struct registry *r, struct fetch *f, struct berth_err *err)
{
	struct registry_job *j = f->job;
	unsigned int anew = f->anew + 1;

	if (anew > ANEW_MAX)
		return berth_fail(err, BERTH_ENET, 0, "%s: '%s' does not go on where it broke off", f->label,
				  f->x.place->host);
	j->have = 0;
	exchange_done(&f->x);
	if (j->restart(j->arg, err) < 0)
		return -1;
	start(r, f, j);
	f->anew = anew;
	return 0;
}

/* Move one on. Returns 1: it has ended; 0; -1 and *err. */
static int step(struct registry *r, struct fetch *f, struct berth_err *err)
{
	struct http_call *c = &f->x.call;

	if (f->x.state == EXCHANGE_RUNS && c->done) {
		if (c->status == 416 && c->from > 0)
			return again(r, f, err);
		/* What goes wrong after the last byte does not matter. */
		if (f->begun && f->job->have == f->job->size)
			f->x.state = EXCHANGE_DONE;
	}
	if (f->x.state == EXCHANGE_WAITS) {
		c->from = f->job->have;
		f->begun = false;
	}
	if (f->x.state != EXCHANGE_DONE)
		exchange_step(&f->x);
	if (f->x.state == EXCHANGE_FAILED) {
		*err = f->x.err;
		return -1;
	}
	return f->x.state == EXCHANGE_DONE ? settle(f, err) : 0;
}

/* All of it is there since an earlier attempt. */
static bool is_whole(const struct registry_job *j)
{
	return j->size > 0 && j->have == j->size;
}

/* It failed here; perhaps there is another place that the site named. */
static bool elsewhere(struct registry *r, struct fetch *f, const struct berth_err *err)
{
	struct registry_job *j = f->job;
	bool here = f->x.place == registry_place(r);

	if (err->code != BERTH_ENET && err->code != BERTH_ENOTFOUND && err->code != BERTH_EDENIED)
		return false;
	/* Of several that fail together the first has moved on for all. */
	if (here && !registry_next_place(r, err))
		return false;
	exchange_done(&f->x);
	start(r, f, j);
	return true;
}

static int fetch_all(struct registry *r, struct fetch *slots, size_t nslots, struct registry_job *v, size_t n,
		     struct berth_err *err)
{
	size_t next = 0, active = 0;

	for (;;) {
		int wait = PUMP_MAX_MS;
		bool moved = false;

		for (size_t i = 0; i < nslots; i++) {
			struct fetch *f = &slots[i];
			int rc;

			while (!f->job && next < n && is_whole(&v[next])) {
				struct registry_job *j = &v[next++];

				if (j->end && j->end(j->arg, err) < 0)
					return -1;
			}
			if (!f->job && next < n) {
				start(r, f, &v[next++]);
				active++;
			}
			if (!f->job)
				continue;
			rc = step(r, f, err);
			if (rc < 0 && !elsewhere(r, f, err))
				return -1;
			if (rc == 1) {
				f->job = NULL;
				active--;
				moved = true;
			}
			wait = exchange_wait_ms(&f->x, wait);
		}
		if (active == 0 && next == n)
			return 0;
		if (!moved && http_pump(r->http, wait, err) < 0)
			return -1;
	}
}

int registry_fetch(struct registry *r, struct registry_job *v, size_t n, struct berth_err *err)
{
	size_t nslots = r->opt.parallel > 0 ? r->opt.parallel : PARALLEL_DEFAULT;
	struct fetch *slots;
	int rc;

	if (nslots > PARALLEL_MAX)
		nslots = PARALLEL_MAX;
	slots = calloc(nslots, sizeof(*slots));
	if (!slots)
		return berth_fail(err, BERTH_ESYS, ENOMEM, "cannot fetch blobs");
	rc = fetch_all(r, slots, nslots, v, n, err);
	for (size_t i = 0; i < nslots; i++)
		exchange_done(&slots[i].x);
	free(slots);
	return rc;
}
