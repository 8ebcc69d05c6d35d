/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * http.h - single requests and their answers, several at a time, with libcurl in one thread.
 *
 * Runs as:  the user.   Uses: libcurl.
 *
 * Nothing is followed, repeated or authorised here: a call is one request to one URL (exchange.h does
 * the rest). Names of hosts are checked against certificates always, but for an origin that was
 * said to be insecure. Every wait has an end: of the connection, of a silence, of a small answer as a
 * whole; and whoever makes the descriptor 'cancel_fd' readable ends all of them at once.
 */
#ifndef BERTH_REGISTRY_HTTP_H
#define BERTH_REGISTRY_HTTP_H

#include <stdbool.h>
#include <stdint.h>

#include "libimage/base/err.h"
#include "libimage/base/source.h"
#include "libimage/base/str.h"

struct http;

struct http_options {
	const char *ca_file;	/* certificates of authorities in place of the system's; NULL: the system's */
	int cancel_fd;		/* -1: none */
	unsigned int silence_s; /* give a connection up that brought nothing for so long; 0: the default */
};

/* What an answer's headers say, as far as somebody asks. NULL or "": not there. */
struct http_head {
	char *type, *location, *digest, *range, *content_range, *retry_after, *etag;
	struct strbuf challenges; /* of all WWW-Authenticate lines, with commas between */
	size_t bytes;		  /* of all lines, for the limit */
};

struct http_call {
	/* set by the caller, who keeps what is pointed to until the call is done */
	const char *method, *url;
	const char *authorization, *accept, *type; /* of the body; NULL: no such header */
	const char *body;			   /* of 'nbody' bytes; NULL: none, or 'upload' */
	size_t nbody;
	const struct source *upload; /* 'nupload' bytes */
	uint64_t nupload;
	const char *range;  /* "0-99": the Content-Range of an upload; NULL: none */
	uint64_t from;	    /* ask for what comes after so many bytes (Range) */
	bool insecure;	    /* the certificate is not looked at */
	bool small;	    /* the answer is a document: it has to come within a minute */
	size_t body_max;    /* bytes of the answer's body kept in 'text'; more is an error, unless ... */
	/* ... the status is 200 or 206 and this is set, which takes it instead; -1 and *err ends the call */
	int (*data)(void *arg, const struct http_call *c, const void *p, size_t n, struct berth_err *err);
	void *arg;

	/* set when 'done' */
	bool done;
	int64_t length; /* of the answer, as it says itself, for data(); -1: it does not */
	long status; /* 0: there was no answer; 'err' says why */
	struct http_head head;
	struct strbuf text;
	struct berth_err err; /* code BERTH_OK: the whole answer came */
	bool lost;	      /* the connection was, or never came to be: to try again makes sense */
	bool unreachable;     /* it never came to be */
	bool not_tls;	      /* because the other end does not speak TLS */

	/* http.c's */
	void *easy, *lines;
	struct http *http;
	char why[256]; /* curl's words */
};

/* Fails: BERTH_ESYS. http_close() is NULL-safe and returns NULL; all calls must have been dropped. */
int http_open(const struct http_options *opt, struct http **ret, struct berth_err *err);
struct http *http_close(struct http *h);

/* Start a call. Fails: BERTH_ESYS. */
int http_start(struct http *h, struct http_call *c, struct berth_err *err);

/*
 * Wait up to 'wait_ms' until some call is done or has moved. Fails: BERTH_ESYS EINTR by 'cancel_fd'.
 */
int http_pump(struct http *h, int wait_ms, struct berth_err *err);

/* Forget a call, done or not, and all that it holds; clears what it sent. It may be started again. */
void http_drop(struct http_call *c);

#endif
