/* SPDX-License-Identifier: BSD-3-Clause */
/* env.c - the environment of a task as a list of edits; see env.h. */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "launcher/view/env.h"
#include "libimage/base/cleanup.h"
#include "libimage/base/err.h"
#include "libimage/base/path.h"

/* Settings of container runtimes: meant for them, not for the program. */
static const char *const own_prefix[] = {
	"BERTH_", "APPTAINER_", "SINGULARITY_", "BERTHENV_", "APPTAINERENV_", "SINGULARITYENV_",
};

/* "BERTHENV_X=v" sets X=v; the first of them that names X wins, and --env wins over all. */
static const char *const set_prefix[] = { "SINGULARITYENV_", "APPTAINERENV_", "BERTHENV_" };

/*
 * What steers the image's loader, libc or shell with paths that mean something on the host
 * only: LD_PRELOAD of a host library kills every program of another libc.
 */
static const char *const host_prefix[] = { "LD_", "BASH_FUNC_" };
static const char *const host_name[] = {
	"BASH_ENV", "GCONV_PATH", "GETCONF_DIR", "GLIBC_TUNABLES", "LOCPATH", "NLSPATH",
};

/*
 * What enters a clean environment. Without the process manager's variables an MPI program would start
 * as many programs of one rank each, and without CUDA's on devices that are another job's.
 */
static const char *const clean_prefix[] = { "PMI", "SLURM", "OMPI" };
static const char *const clean_name[] = {
	"TERM", "CUDA_VISIBLE_DEVICES",
	"http_proxy", "https_proxy", "ftp_proxy", "all_proxy", "no_proxy",
	"HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "ALL_PROXY", "NO_PROXY",
};

/* The image is known inside by these names; many programs look for the last pair. */
static const char *const image_name[] = {
	"BERTH_CONTAINER", "APPTAINER_CONTAINER", "SINGULARITY_CONTAINER",
};
static const char *const base_name[] = { "BERTH_NAME", "APPTAINER_NAME", "SINGULARITY_NAME" };

void env_edits_done(struct env_edits *e)
{
	for (size_t i = 0; i < e->n; i++) {
		free(e->v[i].name);
		free(e->v[i].value);
	}
	free(e->v);
	memset(e, 0, sizeof(*e));
}

static int no_memory(struct berth_err *err)
{
	return berth_fail(err, BERTH_ESYS, ENOMEM, "cannot prepare the environment");
}

/* Append an edit; value NULL unsets. */
static int edit(struct env_edits *e, const char *name, size_t name_len, const char *value,
		struct berth_err *err)
{
	struct env_edit *v = reallocarray(e->v, e->n + 1, sizeof(*v));

	if (!v)
		return no_memory(err);
	e->v = v;
	v[e->n] = (struct env_edit){
		.name = strndup(name, name_len),
		.value = value ? strdup(value) : NULL,
	};
	e->n++; /* also where half of it failed, so that it is freed */
	if (!v[e->n - 1].name || (value && !v[e->n - 1].value))
		return no_memory(err);
	return 0;
}

int env_edits_add(struct env_edits *e, const char *name, const char *value, struct berth_err *err)
{
	return edit(e, name, strlen(name), value, err);
}

bool env_edits_set_by(const struct env_edits *e, const char *name)
{
	for (size_t i = e->n; i > 0; i--)
		if (strcmp(e->v[i - 1].name, name) == 0)
			return e->v[i - 1].value != NULL;
	return false;
}

static bool starts_with_any(const char *entry, const char *const *prefix, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (strncmp(entry, prefix[i], strlen(prefix[i])) == 0)
			return true;
	return false;
}

static bool name_is(const char *entry, size_t name_len, const char *name)
{
	return strlen(name) == name_len && memcmp(entry, name, name_len) == 0;
}

static bool enters_clean(const char *entry, size_t name_len)
{
	if (starts_with_any(entry, clean_prefix, ARRAY_SIZE(clean_prefix)))
		return true;
	for (size_t i = 0; i < ARRAY_SIZE(clean_name); i++)
		if (name_is(entry, name_len, clean_name[i]))
			return true;
	return false;
}

static bool stays_out(const char *entry, size_t name_len, const struct room_spec *spec)
{
	if (spec->cleanenv && !enters_clean(entry, name_len))
		return true;
	for (size_t i = 0; i < spec->no_env.n; i++)
		if (name_is(entry, name_len, spec->no_env.v[i]))
			return true;
	if (starts_with_any(entry, own_prefix, ARRAY_SIZE(own_prefix)) ||
	    starts_with_any(entry, host_prefix, ARRAY_SIZE(host_prefix)))
		return true;
	for (size_t i = 0; i < ARRAY_SIZE(host_name); i++)
		if (name_is(entry, name_len, host_name[i]))
			return true;
	return false;
}

const char *env_host_value(const char *const *host, const char *name)
{
	size_t n = strlen(name);

	for (size_t i = 0; host[i]; i++)
		if (strncmp(host[i], name, n) == 0 && host[i][n] == '=')
			return host[i] + n + 1;
	return NULL;
}

/* PATH and LD_LIBRARY_PATH are built up from up to three settings each and set once. */
struct path_parts {
	const char *whole, *before, *after;
};

/* One NAME=VALUE that the user set for inside. */
static int set_pair(struct env_edits *e, const char *pair, struct path_parts *path, struct path_parts *libs,
		    struct berth_err *err)
{
	const struct {
		const char *name;
		const char **part;
	} parts[] = {
		{ "PATH", &path->whole }, { "PREPEND_PATH", &path->before }, { "APPEND_PATH", &path->after },
		{ "LD_LIBRARY_PATH", &libs->whole }, { "PREPEND_LD_LIBRARY_PATH", &libs->before },
		{ "APPEND_LD_LIBRARY_PATH", &libs->after },
	};
	const char *eq = strchr(pair, '=');
	size_t n = (size_t)(eq - pair);

	for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
		if (name_is(pair, n, parts[i].name)) {
			*parts[i].part = eq + 1;
			return 0;
		}
	}
	if (name_is(pair, n, "HOME")) /* the home that is bound is the home there is */
		return 0;
	return edit(e, pair, n, eq + 1, err);
}

int env_injected(const char *const *host, const struct room_spec *spec, struct strlist *ret,
		 struct berth_err *err)
{
	for (size_t p = 0; p < ARRAY_SIZE(set_prefix); p++) {
		for (size_t i = 0; host[i]; i++) {
			const char *pair = str_after(host[i], set_prefix[p]);

			if (pair && pair[0] != '=' && strchr(pair, '='))
				strlist_add(ret, pair);
		}
	}
	for (size_t i = 0; i < spec->env.n; i++)
		strlist_add(ret, spec->env.v[i]);
	return strlist_ok(ret) ? 0 : no_memory(err);
}

int env_join(const char *before, const char *whole, const char *after, struct strbuf *ret,
	     struct berth_err *err)
{
	const char *part[] = { before, whole, after };

	for (size_t i = 0; i < ARRAY_SIZE(part); i++)
		if (part[i] && part[i][0] != '\0')
			strbuf_printf(ret, "%s%s", ret->len > 0 ? ":" : "", part[i]);
	return strbuf_ok(ret) ? 0 : no_memory(err);
}

/* Set 'name' of its parts, where there are any. */
static int set_list(struct env_edits *e, const char *name, const struct path_parts *p, const char *whole,
		    struct berth_err *err)
{
	cleanup(strbuf_done) struct strbuf value = STRBUF_INIT;

	if (!whole && !p->before && !p->after)
		return 0;
	if (env_join(p->before, whole, p->after, &value, err) < 0)
		return -1;
	return env_edits_add(e, name, value.text ? value.text : "", err);
}

static int plan(const char *const *host, const struct room_spec *spec, struct env_edits *e,
		struct berth_err *err)
{
	const char *path = env_host_value(host, "PATH");
	cleanup(strlist_done) struct strlist pairs = STRLIST_INIT;
	struct path_parts parts = { 0 }, libs = { 0 };

	for (size_t i = 0; host[i]; i++) {
		size_t n = strcspn(host[i], "=");

		if (host[i][n] == '=' && n > 0 && stays_out(host[i], n, spec) &&
		    edit(e, host[i], n, NULL, err) < 0)
			return -1;
	}
	if (spec->cleanenv && env_edits_add(e, "LANG", "C", err) < 0)
		return -1;
	if (spec->home && env_edits_add(e, "HOME", spec->home, err) < 0)
		return -1;
	if (path && !spec->cleanenv && env_edits_add(e, "USER_PATH", path, err) < 0)
		return -1;
	for (size_t i = 0; i < ARRAY_SIZE(image_name); i++)
		if (env_edits_add(e, image_name[i], spec->image, err) < 0 ||
		    env_edits_add(e, base_name[i], path_base(spec->image), err) < 0)
			return -1;
	if (env_injected(host, spec, &pairs, err) < 0)
		return -1;
	for (size_t i = 0; i < pairs.n; i++)
		if (set_pair(e, pairs.v[i], &parts, &libs, err) < 0)
			return -1;
	if (set_list(e, "LD_LIBRARY_PATH", &libs, libs.whole, err) < 0)
		return -1;
	return set_list(e, "PATH", &parts, parts.whole ? parts.whole : ENV_DEFAULT_PATH, err);
}

int env_plan(const char *const *host, const struct room_spec *spec, struct env_edits *ret,
	     struct berth_err *err)
{
	struct env_edits e = { 0 };

	if (plan(host, spec, &e, err) < 0) {
		env_edits_done(&e);
		return -1;
	}
	*ret = e;
	return 0;
}

/* Is 'name' edited at position 'from' or later? */
static bool edited(const struct env_edits *e, size_t from, const char *name, size_t name_len)
{
	for (size_t i = from; i < e->n; i++)
		if (name_is(name, name_len, e->v[i].name))
			return true;
	return false;
}

int env_apply(const char *const *host, const struct env_edits *edits, struct strlist *ret,
	      struct berth_err *err)
{
	struct strlist out = STRLIST_INIT;

	for (size_t i = 0; host[i]; i++) {
		size_t n = strcspn(host[i], "=");

		if (host[i][n] == '=' && n > 0 && !edited(edits, 0, host[i], n))
			strlist_add(&out, host[i]);
	}
	for (size_t i = 0; i < edits->n; i++) {
		const struct env_edit *v = &edits->v[i];
		cleanup_free char *pair = NULL;

		if (!v->value || edited(edits, i + 1, v->name, strlen(v->name)))
			continue;
		if (asprintf(&pair, "%s=%s", v->name, v->value) < 0) {
			pair = NULL;
			out.failed = true;
			break;
		}
		strlist_add(&out, pair);
	}
	if (!strlist_ok(&out)) {
		strlist_done(&out);
		return no_memory(err);
	}
	*ret = out;
	return 0;
}
