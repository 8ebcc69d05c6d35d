/* SPDX-License-Identifier: BSD-3-Clause */
/* cache_types.c - the kinds of things in a store; see cache_types.h. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "launcher/cli/cache_types.h"
#include "libimage/base/cleanup.h"
#include "libimage/base/err.h"
#include "libimage/base/str.h"
#include "libimage/store/store.h"

#define WORDS "all, image, blob, partial, or an image's source: oci-tmp, oras, library, shub, net"

static const struct {
	const char *name;
	unsigned int kinds;
	const char *scheme, * or ; /* of an image's source; NULL: any */
} types[] = {
	{ "all", STORE_ALL, NULL, NULL },
	{ "image", STORE_IMAGE, NULL, NULL },
	{ "blob", STORE_BLOB | STORE_PARTIAL, NULL, NULL },
	{ "partial", STORE_PARTIAL | STORE_REST, NULL, NULL },
	{ "oci-tmp", STORE_IMAGE, "docker", "oci" },
	{ "oras", STORE_IMAGE, "oras:", NULL },
	{ "library", STORE_IMAGE, "library:", NULL },
	{ "shub", STORE_IMAGE, "shub:", NULL },
	{ "net", STORE_IMAGE, "http:", "https:" },
};

int cache_types_parse(const char *text, struct cache_types *t, struct berth_err *err)
{
	for (const char *p = text;; p++) {
		size_t n = strcspn(p, ","), i = 0;

		while (i < ARRAY_SIZE(types) &&
		       !(strlen(types[i].name) == n && memcmp(types[i].name, p, n) == 0))
			i++;
		if (i == ARRAY_SIZE(types)) {
			berth_fail(err, BERTH_EUSAGE, 0, "--type: there is no '%.*s' in a cache",
				   (int)(n < 64 ? n : 64), p);
			return berth_hint(err, WORDS);
		}
		t->set |= 1U << i;
		p += n;
		if (*p == '\0')
			return 0;
	}
}

bool cache_types_have(const struct cache_types *t, const struct store_entry *e)
{
	const char *source = e->meta.source ? e->meta.source : "";

	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		if (!(t->set & 1U << i) || !(types[i].kinds & e->kind))
			continue;
		if (!types[i].scheme || str_after(source, types[i].scheme) ||
		    (types[i].or &&str_after(source, types[i].or)))
			return true;
	}
	return t->set == 0;
}

const char *cache_type_of(const struct store_entry *e)
{
	return e->kind == STORE_IMAGE	  ? "image"
	       : e->kind == STORE_BLOB	  ? "blob"
	       : e->kind == STORE_PARTIAL ? "partial"
					  : "rest";
}

void cache_size_text(uint64_t bytes, char out[32])
{
	static const char *const units[] = { "KiB", "MiB", "GiB", "TiB" };
	double v = (double)bytes / 1024;
	size_t i = 0;

	while (v >= 1024 && i + 1 < ARRAY_SIZE(units)) {
		v /= 1024;
		i++;
	}
	(void)snprintf(out, 32, "%.2f %s", v, units[i]);
}
