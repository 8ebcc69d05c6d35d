/* SPDX-License-Identifier: BSD-3-Clause */
/* cache_store.c - the store as the site and the environment have it; see cache_store.h. */
#include "config.h"

#include <stdlib.h>

#include "launcher/cli/cache_store.h"
#include "launcher/view/site.h"
#include "libimage/base/cleanup.h"
#include "libimage/base/err.h"
#include "libimage/base/log.h"
#include "libimage/base/num.h"
#include "libimage/store/store.h"

static void say_waiting(void *arg, const char *who)
{
	(void)arg;
	log_line(LOG_NOTE, "waiting for %s, which gets the same", who);
}

int cache_store_open(bool create, bool anonymous, struct store **ret, struct berth_err *err)
{
	const char *limit = getenv("BERTH_CACHE_MAX");
	cleanup(site_done) struct site site = { 0 };
	struct store_options o = { .create = create, .anonymous = anonymous, .waiting = say_waiting };

	if (site_load(&site, err) < 0)
		return -1;
	o.site = (const char *const *)site.stores.v;
	o.nsite = site.stores.n;
	o.site_owner = site.store_owner;
	o.limit = site.store_limit;
	if (limit && limit[0] != '\0' && num_parse_size(limit, INT64_MAX, &o.limit) < 0)
		return berth_fail(err, BERTH_EUSAGE, 0, "BERTH_CACHE_MAX is '%.100s', no size as 500M or 20G",
				  limit);
	return store_open(&o, ret, err);
}
