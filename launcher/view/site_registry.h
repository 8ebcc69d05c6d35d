/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * site_registry.h - what a site says about registries: the text of the keys 'registry mirror',
 * 'insecure registry' and 'registry ca' of berth.conf.
 */
#ifndef BERTH_SITE_REGISTRY_H
#define BERTH_SITE_REGISTRY_H

#include "libimage/base/str.h"

struct berth_err;

struct site_registry {
	struct strlist mirrors;	 /* HOST=MIRROR[,MIRROR...], one line each, no host twice */
	struct strlist insecure; /* HOST[:PORT] */
	char *ca;		 /* a file, absolute; NULL: not set */
};

/* The setters of the keys (conf.h): 'arg' is a struct site_registry. */
int site_registry_mirror(void *arg, const char *value, struct berth_err *err);
int site_registry_insecure(void *arg, const char *value, struct berth_err *err);
int site_registry_ca(void *arg, const char *value, struct berth_err *err);
void site_registry_done(struct site_registry *s);

/*
 * Add to *ret where 'host' is to be looked for, in order; nothing if the site says nothing about it.
 * Docker Hub is 'docker.io', whatever 'host' calls it.
 */
void site_registry_mirrors(const struct site_registry *s, const char *host, struct strlist *ret);

/* Docker Hub under the name that answers there; others as they are. */
const char *site_registry_host(const char *name);

#endif
