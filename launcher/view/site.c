/* SPDX-License-Identifier: BSD-3-Clause */
/* site.c - berth.conf's keys; see site.h. */
#include "config.h"
#include "paths.h"

#include <errno.h>
#include <string.h>

#include "launcher/view/site.h"
#include "libimage/base/cleanup.h"
#include "libimage/base/conf.h"
#include "libimage/base/err.h"
#include "libimage/base/num.h"
#include "libimage/base/path.h"

enum {
	START_DEFAULT_S = 30, /* LIMIT: a cold metadata server answers in less */
	START_MAX_S = 120,    /* LIMIT: below Slurm's usual UnkillableStepTimeout and patience */
	CACHE_DEFAULT_MIB = 8,
	CACHE_MAX_MIB = 4096, /* LIMIT: beyond that the page cache is the better place */
};

static int set_bind(void *arg, const char *value, struct berth_err *err)
{
	struct site *s = arg;

	if (bind_parse(value, &s->binds, err) == 0)
		return 0;
	return berth_hint(err, "a bind path is /SOURCE[:/TARGET[:ro]], see berth.conf(5)");
}

static int set_kernel_mount(void *arg, const char *value, struct berth_err *err)
{
	struct site *s = arg;

	if (strcmp(value, "no") != 0 && strcmp(value, "root-owned") != 0)
		return berth_fail(err, BERTH_ECONFIG, 0, "'%s' is neither no nor root-owned", value);
	s->kernel_mount = strcmp(value, "root-owned") == 0;
	return 0;
}

static int set_number(const char *value, uint64_t max, uint64_t *ret, struct berth_err *err)
{
	uint64_t v = 0;

	if (num_parse_u64(value, max, &v) < 0 || v == 0)
		return berth_fail(err, BERTH_ECONFIG, 0, "'%s' is not a number from 1 to %llu", value,
				  (unsigned long long)max);
	*ret = v;
	return 0;
}

static int set_start(void *arg, const char *value, struct berth_err *err)
{
	struct site *s = arg;
	uint64_t v = 0;

	if (set_number(value, START_MAX_S, &v, err) < 0)
		return -1;
	s->start_wait_ms = (uint32_t)v * 1000;
	return 0;
}

static int set_cache(void *arg, const char *value, struct berth_err *err)
{
	struct site *s = arg;
	uint64_t v = 0;

	if (set_number(value, CACHE_MAX_MIB, &v, err) < 0)
		return -1;
	s->cache_bytes = v * 1024 * 1024;
	return 0;
}

static int set_store(void *arg, const char *value, struct berth_err *err)
{
	struct site *s = arg;

	if (!path_is_target(value))
		return berth_fail(err, BERTH_ECONFIG, 0, "'%s' is no absolute path", value);
	strlist_add(&s->stores, value);
	return strlist_ok(&s->stores) ? 0 : berth_fail(err, BERTH_ESYS, ENOMEM, "cannot note '%s'", value);
}

static int set_store_owner(void *arg, const char *value, struct berth_err *err)
{
	struct site *s = arg;
	uint64_t v;

	/* A number: names are asked of servers, and this file is read at every start. */
	if (num_parse_u64(value, UINT32_MAX - 1, &v) < 0)
		return berth_fail(err, BERTH_ECONFIG, 0, "'%s' is not the number of a user", value);
	s->store_owner = (uint32_t)v;
	return 0;
}

static int set_store_limit(void *arg, const char *value, struct berth_err *err)
{
	struct site *s = arg;

	if (num_parse_size(value, INT64_MAX, &s->store_limit) == 0)
		return 0;
	return berth_fail(err, BERTH_ECONFIG, 0, "'%s' is no size, as 500M or 20G", value);
}

static int set_mirror(void *arg, const char *value, struct berth_err *err)
{
	return site_registry_mirror(&((struct site *)arg)->registry, value, err);
}

static int set_insecure(void *arg, const char *value, struct berth_err *err)
{
	return site_registry_insecure(&((struct site *)arg)->registry, value, err);
}

static int set_ca(void *arg, const char *value, struct berth_err *err)
{
	return site_registry_ca(&((struct site *)arg)->registry, value, err);
}

static const struct conf_key site_keys[] = {
	{ "bind path", true, set_bind },
	{ "kernel mount", false, set_kernel_mount },
	{ "start timeout", false, set_start },
	{ "block cache", false, set_cache },
	{ "site store", true, set_store },
	{ "site store owner", false, set_store_owner },
	{ "cache limit", false, set_store_limit },
	{ "registry mirror", true, set_mirror },
	{ "insecure registry", true, set_insecure },
	{ "registry ca", false, set_ca },
};

static struct site site_defaults(void)
{
	return (struct site){
		.start_wait_ms = START_DEFAULT_S * 1000,
		.cache_bytes = (uint64_t)CACHE_DEFAULT_MIB * 1024 * 1024,
	};
}

void site_done(struct site *s)
{
	bind_list_done(&s->binds);
	strlist_done(&s->stores);
	site_registry_done(&s->registry);
}

int site_load(struct site *ret, struct berth_err *err)
{
	struct site s = site_defaults();

	if (conf_load(BERTH_CONF, 0, site_keys, ARRAY_SIZE(site_keys), &s, err) < 0) {
		if (err->hint[0] == '\0')
			berth_hint(err, "the administrator must correct it, see berth.conf(5)");
		site_done(&s);
		return -1;
	}
	*ret = s;
	return 0;
}

int site_parse(const char *name, const char *text, size_t n, struct site *ret, struct berth_err *err)
{
	struct site s = site_defaults();

	if (conf_parse(name, text, n, site_keys, ARRAY_SIZE(site_keys), &s, err) < 0) {
		site_done(&s);
		return -1;
	}
	*ret = s;
	return 0;
}
