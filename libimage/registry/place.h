/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * place.h - what the files of this room share: the registry, the places its repository is to be had
 * at, and requests that are repeated, redirected and authorised.
 */
#ifndef BERTH_REGISTRY_PLACE_H
#define BERTH_REGISTRY_PLACE_H

#include <stdbool.h>
#include <stdint.h>

#include "libimage/base/err.h"
#include "libimage/oci/authfile.h"
#include "libimage/registry/http.h"
#include "libimage/registry/registry.h"
#include "libimage/registry/url.h"

/* The registry itself, or a mirror of it. */
struct place {
	char *host;	      /* HOST[:PORT] */
	char *repo;	      /* what the repository is called there; NULL: none */
	struct origin origin; /* where its requests go: the only one that is told 'authorization' */
	bool own;	      /* it is the one that the caller named */
	bool insecure;	      /* its certificate is not looked at; http will do */
	char *authorization;  /* a header's value; NULL: none, or not known yet */
	unsigned int turn;    /* counts how often that changed */
	struct credential cred;
	bool cred_known;
};

struct registry {
	struct registry_options opt;
	struct http *http;
	struct place *places;
	size_t nplaces, at; /* places[at] is the one that is asked */
	char *from;	    /* another repository that is read from meanwhile (mount) */
};

struct place *registry_place(struct registry *r);

/* Go on at the next place, if there is one and the failure is one of the present place's. */
bool registry_next_place(struct registry *r, const struct berth_err *err);

enum exchange_state { EXCHANGE_IDLE, EXCHANGE_RUNS, EXCHANGE_WAITS, EXCHANGE_DONE, EXCHANGE_FAILED };

/* A request and what it takes until there is an answer. Zeroed, then the caller's part set. */
struct exchange {
	/* the caller's */
	struct registry *r;
	struct place *place; /* NULL: 'url' is a token server's */
	char *url;	     /* owned; changes with redirects */
	const char *what;    /* for messages: "manifest 'latest'" */
	bool fixed;	     /* no redirects */
	bool once;	     /* nor a second try: the body is a stream; the caller looks at call.lost */
	struct http_call call;

	/* the outcome */
	enum exchange_state state;
	struct berth_err err;

	/* exchange.c's */
	char *home; /* 'url' before it was redirected; NULL: it was not */
	unsigned int hops, auths, tries;
	unsigned int turn;  /* place->turn as of the request */
	int64_t wake_ms;    /* when EXCHANGE_WAITS ends */
};

/* Ask. Fails with 'state' EXCHANGE_FAILED and 'err', as the others do. */
void exchange_start(struct exchange *x);

/* Look whether something is to be done: the call is done, or the time has come. */
void exchange_step(struct exchange *x);

/* How long http_pump() may wait as far as 'x' is concerned. */
int exchange_wait_ms(const struct exchange *x, int most_ms);

/* From start to end. Fails as the exchange did, or with EINTR. */
int exchange_run(struct exchange *x, struct berth_err *err);
void exchange_done(struct exchange *x);

/* "https://HOST[:PORT]/v2/" and 'path', formatted, as exchange.url. NULL: no memory. */
char *place_url(const struct place *p, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/*
 * The server of 'p' wants to know who asks: 'challenges' is its WWW-Authenticate. Sets
 * p->authorization. Fails: BERTH_EDENIED there is nothing to say, or it may not be said there.
 */
int place_authorise(struct registry *r, struct place *p, const char *challenges, struct berth_err *err);
void place_forget(struct place *p);

/*
 * What is known of the user at 'p': the options, then the files, then the helpers that these name.
 * 1: something; 0: nothing, in *ret neither.
 */
int creds_find(const struct registry *r, const struct place *p, struct credential *ret, struct berth_err *err);

/* Overwrite a string, free it, and forget it. */
void secret_free(char **text);

int64_t clock_ms(void);

/* Does this host allow what others do not? */
bool registry_insecure(const struct registry *r, const struct origin *o);

#endif
