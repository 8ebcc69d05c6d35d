/* SPDX-License-Identifier: BSD-3-Clause */
/* site.c - berth.conf's keys; see site.h. */
#include "config.h"
#include "paths.h"

#include <string.h>

#include "launcher/view/site.h"
#include "libimage/base/cleanup.h"
#include "libimage/base/conf.h"
#include "libimage/base/err.h"
#include "libimage/base/num.h"

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

static const struct conf_key site_keys[] = {
	{ "bind path", true, set_bind },
	{ "kernel mount", false, set_kernel_mount },
	{ "start timeout", false, set_start },
	{ "block cache", false, set_cache },
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
