/* SPDX-License-Identifier: BSD-3-Clause */
/* cache_store.h - the store as the site and the environment have it, for every command that uses it. */
#ifndef BERTH_CACHE_STORE_H
#define BERTH_CACHE_STORE_H

#include <stdbool.h>

struct berth_err;
struct store;

/*
 * Open the caller's store behind the site's (berth.conf), with the limit of BERTH_CACHE_MAX or the site.
 * 'create': it is about to be written to. 'anonymous': --disable-cache. Who waits says so (log.h).
 */
int cache_store_open(bool create, bool anonymous, struct store **ret, struct berth_err *err);

#endif
