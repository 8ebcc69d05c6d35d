/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * site.h - what the site decided in berth.conf, with the defaults where it said nothing.
 */
#ifndef BERTH_SITE_H
#define BERTH_SITE_H

#include <stdbool.h>
#include <stdint.h>

#include "launcher/view/site_registry.h"
#include "launcher/view/spec.h"
#include "libimage/base/str.h"

struct site {
	struct bind_list binds; /* 'bind path = SRC[:DST[:ro]]', any number; a missing SRC is skipped */
	bool kernel_mount;	/* 'kernel mount = no | root-owned'; default no */
	uint32_t start_wait_ms; /* 'start timeout = SECONDS', 1 to 120; default 30 */
	uint64_t cache_bytes;	/* 'block cache = MIB', 1 to 4096; default 8 MiB */
	struct strlist stores;	/* 'site store = DIR', any number: libimage/store/store.h */
	uint32_t store_owner;	/* 'site store owner = UID'; default 0, root, who may always */
	uint64_t store_limit;	/* 'cache limit = SIZE' of a user's own store; 0, the default: none */
	struct site_registry registry;
};

/* Read BERTH_CONF (conf.h's checks), or take the defaults where there is no such file. */
int site_load(struct site *ret, struct berth_err *err);
/* The same from text, for tests; 'name' is for messages. */
int site_parse(const char *name, const char *text, size_t n, struct site *ret, struct berth_err *err);
void site_done(struct site *s);

#endif
