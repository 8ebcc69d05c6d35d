/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * fuzz_spec.c - a room request as bytes, the text of binds, berth.conf's keys and a passwd.
 *
 * Promises held here: what is unpacked packs to the same bytes; a bind that is taken has an
 * absolute source and a target that may be mounted on; the user's line comes first in passwd.
 */
#include "config.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "launcher/view/plan.h"
#include "launcher/view/set_view.h"
#include "launcher/view/site.h"
#include "launcher/view/spec.h"
#include "libimage/base/cleanup.h"
#include "libimage/base/err.h"
#include "libimage/base/path.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define LINE "ann:x:2001:2001::/home/ann:/bin/sh"

static void must(bool ok)
{
	if (!ok)
		abort();
}

static void try_unpack(const char *bytes, size_t n)
{
	cleanup(room_spec_done) struct room_spec spec = ROOM_SPEC_INIT;
	cleanup(strbuf_done) struct strbuf again = STRBUF_INIT;
	cleanup(plan_done) struct plan plan = { 0 };
	struct berth_err err = BERTH_ERR_INIT;
	struct site site = { 0 };

	if (room_spec_unpack(bytes, n, &spec, &err) < 0) {
		must(err.code == BERTH_EBUG && err.text[0] != '\0');
		return;
	}
	must(room_spec_pack(&spec, &again, &err) == 0);
	must(again.len == n && memcmp(again.text, bytes, n) == 0);
	if (plan_make(&spec, &site, NULL, &plan, &err) == 0)
		for (size_t i = 0; i < plan.n; i++)
			must(path_is_target(plan.v[i].target) && strcmp(plan.v[i].target, "/") != 0);
}

static void try_binds(const char *text)
{
	cleanup(bind_list_done) struct bind_list l = { 0 };
	struct berth_err err = BERTH_ERR_INIT;

	if (bind_parse_list(text, &l, &err) < 0)
		must(err.code == BERTH_EUSAGE && l.n == 0);
	else if (bind_parse(text, &l, &err) < 0)
		must(err.code == BERTH_EUSAGE);
	for (size_t i = 0; i < l.n; i++)
		must(l.v[i].source[0] == '/' && path_is_target(l.v[i].target) &&
		     (!path_is_below(l.v[i].target, "/dev") || strcmp(l.v[i].source, l.v[i].target) == 0) &&
		     strcmp(l.v[i].target, "/") != 0);
}

static void try_mount(const char *text)
{
	cleanup(room_spec_done) struct room_spec spec = ROOM_SPEC_INIT;
	struct berth_err err = BERTH_ERR_INIT;

	if (set_mount(&spec, text, &err) < 0)
		must(err.code == BERTH_EUSAGE && spec.binds.n == 0);
	for (size_t i = 0; i < spec.binds.n; i++)
		must(spec.binds.v[i].source[0] == '/' && path_is_target(spec.binds.v[i].target) &&
		     strcmp(spec.binds.v[i].target, "/") != 0);
}

static void try_site(const char *bytes, size_t n)
{
	cleanup(site_done) struct site site = { 0 };
	struct berth_err err = BERTH_ERR_INIT;

	if (site_parse("fuzz", bytes, n, &site, &err) < 0)
		must(err.code == BERTH_ECONFIG);
	else
		must(site.start_wait_ms >= 1000 && site.cache_bytes >= 1024 * 1024);
}

static void try_ids(const char *bytes, size_t n)
{
	cleanup(strbuf_done) struct strbuf out = STRBUF_INIT;

	must(plan_merge_ids(bytes, n, LINE, &out) == 0);
	must(strncmp(out.text, LINE "\n", strlen(LINE) + 1) == 0);
	must(!memmem(out.text + 1, out.len - 1, "\nann:x:2001:", 12) && !memchr(out.text, '\0', out.len));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	cleanup_free char *text = malloc(size + 1);

	if (!text)
		return 0;
	if (size > 0)
		memcpy(text, data, size);
	text[size] = '\0';
	try_unpack((const char *)data, size);
	try_binds(text);
	try_mount(text);
	try_site(text, size);
	try_ids(text, size);
	return 0;
}
