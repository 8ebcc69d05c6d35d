/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * exchange.c - requests that are repeated, redirected and authorised; see place.h.
 *
 * One exchange is a sequence of calls (http.h). What comes next is decided in exchange_step(), so
 * that several can go on at a time.
 */
#include "config.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "libimage/base/cleanup.h"
#include "libimage/base/num.h"
#include "libimage/oci/token.h"
#include "libimage/registry/place.h"

enum {
	HOPS_MAX = 5,		      /* LIMIT: registries redirect once, to where the bytes lie */
	AUTHS_MAX = 2,		      /* LIMIT: once, and once more for a token that ended meanwhile */
	RETRY_TRIES = 5,	      /* LIMIT: 15 s in all, the time a load balancer needs */
	UNREACHABLE_TRIES = 2,	      /* LIMIT: a wrong name does not become right */
	DELAY_FIRST_MS = 500,	      /* LIMIT: each time twice that */
	DELAY_MAX_MS = 30 * 1000,     /* LIMIT: see above */
	ASKED_MAX_MS = 5 * 60 * 1000, /* LIMIT: of a Retry-After; who has to wait longer comes back later */
	PUMP_MS = 1000,		      /* LIMIT: nothing depends on it; what happens wakes */
};

int64_t clock_ms(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

void secret_free(char **text)
{
	if (*text)
		explicit_bzero(*text, strlen(*text));
	free(*text);
	*text = NULL;
}

void exchange_done(struct exchange *x)
{
	http_drop(&x->call);
	free(x->url);
	free(x->home);
	x->url = x->home = NULL;
	x->state = EXCHANGE_IDLE;
}

static const char *host_of(const struct exchange *x)
{
	return x->place ? x->place->host : "the token server";
}

static void fail_now(struct exchange *x)
{
	x->state = EXCHANGE_FAILED;
	http_drop(&x->call);
}

/* As the registry's own answer, or because nothing came: with its words and with what to do. */
static void fail_status(struct exchange *x)
{
	long status = x->call.status;
	char reason[160] = "";

	if (x->call.text.text)
		oci_reason(x->call.text.text, x->call.text.len, reason, sizeof(reason));
	if (status == 401 || status == 403) {
		berth_fail(&x->err, BERTH_EDENIED, 0, "%s: '%s' refuses it%s%s", x->what, host_of(x),
			   reason[0] ? ": " : "", reason);
		berth_hint(&x->err, "check the name, as registries say so of what is not there, too; 'berth registry "
				    "login' makes you known to one");
	} else if (status == 404) {
		berth_fail(&x->err, BERTH_ENOTFOUND, 0, "%s: '%s' has none%s%s", x->what, host_of(x),
			   reason[0] ? ": " : "", reason);
	} else {
		berth_fail(&x->err, BERTH_ENET, 0, "%s: '%s' answers %ld%s%s", x->what, host_of(x), status,
			   reason[0] ? ": " : "", reason);
		if (status == 429)
			berth_hint(&x->err, "it limits how much one may ask for: log in, or come back later");
	}
	fail_now(x);
}

static void fail_call(struct exchange *x)
{
	x->err = x->call.err;
	berth_context(&x->err, "%s from '%s'", x->what, host_of(x));
	fail_now(x);
}

/* What Retry-After says, in milliseconds; -1: nothing, or nothing that makes sense. */
static int64_t asked_ms(const char *text)
{
	uint64_t s;
	time_t when;

	if (!text)
		return -1;
	if (num_parse_u64(text, UINT32_MAX, &s) == 0)
		return (int64_t)s * 1000;
	when = curl_getdate(text, NULL);
	if (when == (time_t)-1)
		return -1;
	return when > time(NULL) ? (int64_t)(when - time(NULL)) * 1000 : 0;
}

/* Half of it to all of it, so that many who failed together do not come back together. */
static int64_t delay_ms(unsigned int tries)
{
	int64_t ms = DELAY_FIRST_MS;
	uint32_t r = 0;

	while (tries-- > 0 && ms < DELAY_MAX_MS)
		ms *= 2;
	if (ms > DELAY_MAX_MS)
		ms = DELAY_MAX_MS;
	if (getrandom(&r, sizeof(r), GRND_NONBLOCK) != (ssize_t)sizeof(r))
		r = 0;
	return ms / 2 + (int64_t)(r % (uint64_t)(ms / 2 + 1));
}

static void note(const struct exchange *x, int64_t wait_ms)
{
	cleanup(strbuf_done) struct strbuf b = STRBUF_INIT;

	if (!x->r->opt.note)
		return;
	if (x->call.err.code != BERTH_OK)
		strbuf_printf(&b, "%s from '%s': %s", x->what, host_of(x), x->call.err.text);
	else
		strbuf_printf(&b, "%s: '%s' answers %ld", x->what, host_of(x), x->call.status);
	strbuf_printf(&b, "; once more in %.1f s", (double)wait_ms / 1000);
	if (strbuf_ok(&b))
		x->r->opt.note(x->r->opt.note_arg, b.text);
}

/* Once more, later; or it has failed. */
static void retry(struct exchange *x)
{
	unsigned int most = x->call.unreachable ? UNREACHABLE_TRIES : RETRY_TRIES;
	int64_t asked = asked_ms(x->call.head.retry_after), wait = delay_ms(x->tries);

	if (asked > wait)
		wait = asked;
	if (x->once || x->tries >= most || wait > ASKED_MAX_MS) {
		if (x->call.err.code != BERTH_OK)
			fail_call(x);
		else
			fail_status(x);
		if (wait > ASKED_MAX_MS)
			berth_hint(&x->err, "it wants to be asked again in %lld minutes", (long long)wait / 60000);
		return;
	}
	note(x, wait);
	/* Links to where the bytes lie are good for some minutes: ask for a new one. */
	if (x->home) {
		free(x->url);
		x->url = take_ptr(&x->home);
		x->hops = 0;
	}
	x->tries++;
	x->wake_ms = clock_ms() + wait;
	x->state = EXCHANGE_WAITS;
	http_drop(&x->call);
}

/*
 * To where the server points. The new place is another server's unless scheme, host and port are the
 * same; exchange_start() compares. What came by TLS is not fetched without.
 */
static void redirect(struct exchange *x)
{
	cleanup(origin_done) struct origin was = { 0 }, now = { 0 };
	cleanup_free char *url = NULL;

	if (x->fixed || !x->call.head.location || ++x->hops > HOPS_MAX) {
		berth_fail(&x->err, BERTH_ENET, 0, "%s: '%s' redirects %s", x->what, host_of(x),
			   x->fixed ? "what must not be" : x->call.head.location ? "without an end" : "to nowhere");
		fail_now(x);
		return;
	}
	if (url_resolve(x->url, x->call.head.location, &url, &x->err) < 0 ||
	    origin_of(x->url, &was, &x->err) < 0 || origin_of(url, &now, &x->err) < 0) {
		berth_context(&x->err, "%s: '%s' redirects", x->what, host_of(x));
		fail_now(x);
		return;
	}
	if (!now.https && !origin_equal(&was, &now) && !registry_insecure(x->r, &now)) {
		berth_fail(&x->err, BERTH_ENET, 0, "%s: '%s' redirects to '%.100s' without TLS", x->what, host_of(x),
			   now.host);
		berth_hint(&x->err, "if that is right, the administrator can name it: 'insecure registry' in "
				    "berth.conf(5)");
		fail_now(x);
		return;
	}
	if (x->home)
		free(x->url);
	else
		x->home = x->url;
	x->url = take_ptr(&url);
	http_drop(&x->call);
	exchange_start(x);
}

static void authorise(struct exchange *x)
{
	cleanup(origin_done) struct origin now = { 0 };
	cleanup(strbuf_done) struct strbuf asked = STRBUF_INIT;

	if (!x->place || origin_of(x->url, &now, &x->err) < 0 || !origin_equal(&now, &x->place->origin)) {
		fail_status(x);
		return;
	}
	/* Another exchange has got a new token meanwhile. */
	if (x->turn != x->place->turn) {
		http_drop(&x->call);
		exchange_start(x);
		return;
	}
	if (++x->auths > AUTHS_MAX || x->call.head.challenges.len == 0) {
		place_forget(x->place);
		fail_status(x);
		return;
	}
	strbuf_puts(&asked, x->call.head.challenges.text);
	if (!strbuf_ok(&asked)) {
		berth_fail(&x->err, BERTH_ESYS, ENOMEM, "cannot log in");
	} else if (place_authorise(x->r, x->place, asked.text, &x->err) == 0) {
		if (x->once) { /* the stream has gone: its owner begins again */
			berth_fail(&x->err, BERTH_ENET, 0, "%s: '%s' wanted to know who asks", x->what, host_of(x));
			fail_now(x);
			return;
		}
		http_drop(&x->call);
		exchange_start(x);
		return;
	} else if (x->err.code == BERTH_OK) {
		/* Nothing is known of the user: the refusal is the answer. */
		fail_status(x);
		return;
	}
	fail_now(x);
}

/* The place speaks no TLS and need not: http from now on, for this and for all that follow. */
static bool without_tls(struct exchange *x)
{
	cleanup(origin_done) struct origin plain = { 0 };
	cleanup(strbuf_done) struct strbuf url = STRBUF_INIT;
	struct berth_err ignored = BERTH_ERR_INIT;

	if (!x->call.not_tls || !x->place || !x->place->insecure || x->hops > 0 ||
	    strncmp(x->url, "https:", strlen("https:")) != 0)
		return false;
	strbuf_printf(&url, "http%s", x->url + strlen("https"));
	if (!strbuf_ok(&url) || origin_of(url.text, &plain, &ignored) < 0)
		return false;
	free(x->url);
	x->url = take_ptr(&url.text);
	origin_done(&x->place->origin);
	x->place->origin = plain;
	plain = (struct origin){ 0 };
	return true;
}

void exchange_start(struct exchange *x)
{
	cleanup(origin_done) struct origin now = { 0 };
	struct http_call *c = &x->call;

	c->url = x->url;
	if (!x->url) {
		berth_fail(&x->err, BERTH_ESYS, ENOMEM, "cannot ask '%s'", host_of(x));
		fail_now(x);
		return;
	}
	if (origin_of(x->url, &now, &x->err) < 0) {
		fail_now(x);
		return;
	}
	c->insecure = registry_insecure(x->r, &now);
	if (x->place) {
		bool its = origin_equal(&now, &x->place->origin);

		c->authorization = its ? x->place->authorization : NULL;
		x->turn = x->place->turn;
	}
	if (http_start(x->r->http, c, &x->err) < 0)
		fail_now(x);
	else
		x->state = EXCHANGE_RUNS;
}

void exchange_step(struct exchange *x)
{
	struct http_call *c = &x->call;

	if (x->state == EXCHANGE_WAITS && clock_ms() >= x->wake_ms)
		exchange_start(x);
	if (x->state != EXCHANGE_RUNS || !c->done)
		return;
	if (without_tls(x)) {
		http_drop(c);
		exchange_start(x);
	} else if (c->err.code != BERTH_OK && c->lost) {
		retry(x);
	} else if (c->err.code != BERTH_OK) {
		fail_call(x);
	} else if (c->status >= 200 && c->status < 300) {
		x->state = EXCHANGE_DONE;
	} else if (c->status == 301 || c->status == 302 || c->status == 303 || c->status == 307 ||
		   c->status == 308) {
		redirect(x);
	} else if (c->status == 401) {
		authorise(x);
	} else if (c->status == 408 || c->status == 429 || c->status == 500 || c->status == 502 ||
		   c->status == 503 || c->status == 504 || (c->status == 403 && x->home)) {
		retry(x);
	} else {
		fail_status(x);
	}
}

int exchange_wait_ms(const struct exchange *x, int most_ms)
{
	int64_t left = x->wake_ms - clock_ms();

	if (x->state != EXCHANGE_WAITS || left > most_ms)
		return most_ms;
	return left > 0 ? (int)left : 0;
}

int exchange_run(struct exchange *x, struct berth_err *err)
{
	for (exchange_start(x); x->state != EXCHANGE_DONE; exchange_step(x)) {
		if (x->state == EXCHANGE_FAILED) {
			*err = x->err;
			return -1;
		}
		if (http_pump(x->r->http, exchange_wait_ms(x, PUMP_MS), err) < 0) {
			fail_now(x);
			return -1;
		}
	}
	return 0;
}
