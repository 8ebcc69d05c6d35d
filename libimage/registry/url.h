/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * url.h - where a request goes, so that what is meant for one server is not told to another.
 */
#ifndef BERTH_REGISTRY_URL_H
#define BERTH_REGISTRY_URL_H

#include <stdbool.h>

#include "libimage/base/str.h"

struct berth_err;

/* Of an http or https URL: what credentials are bound to. */
struct origin {
	bool https;
	char *host; /* lower case; of IPv6 with its brackets */
	char *port; /* always said */
};

/*
 * Fails: BERTH_ENET not http or https, no host, a user or password in it.
 */
int origin_of(const char *url, struct origin *ret, struct berth_err *err);
void origin_done(struct origin *o);
bool origin_equal(const struct origin *a, const struct origin *b);

/* Is this the host 'text', as users and sites name it: HOST[:PORT]? Without a port any is meant. */
bool origin_is(const struct origin *o, const char *text);

/* "HOST[:PORT]" without a path, a query or anything else. */
bool host_is_valid(const char *text);

/*
 * May a password for the registry 'o' go to 'realm'? To the same host, and to hosts that belong to
 * the registry's: Docker's, the parent domain (registry.x.org, x.org) or a sister of it
 * (registry.x.org, auth.x.org).
 */
bool origin_trusts(const struct origin *o, const struct origin *realm);

/* 'location' as 'base' means it; a new string. Fails: BERTH_ENET. */
int url_resolve(const char *base, const char *location, char **ret, struct berth_err *err);

/* Add "NAME=VALUE" to the query of the URL in 'b'. */
void url_add_query(struct strbuf *b, const char *name, const char *value);

#endif
