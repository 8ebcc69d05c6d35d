/* SPDX-License-Identifier: BSD-3-Clause */
/* image_config.c - what an image says of itself; see image_config.h. */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "libimage/base/cleanup.h"
#include "libimage/base/err.h"
#include "libimage/oci/image_config.h"
#include "libimage/oci/json.h"

static int no_memory(struct berth_err *err)
{
	return berth_fail(err, BERTH_ESYS, ENOMEM, "cannot keep an image's config");
}

static int read_text(const struct json *obj, const char *key, char **ret, struct berth_err *err)
{
	const char *text;

	if (json_get_string(obj, key, &text, err) < 0)
		return -1;
	if (!text || text[0] == '\0')
		return 0;
	*ret = strdup(text);
	return *ret ? 0 : no_memory(err);
}

static int too_many(const char *key, struct berth_err *err)
{
	return berth_fail(err, BERTH_EIMAGE, 0, "'%s' has more than %d entries", key, CONFIG_WORDS_MAX);
}

static int read_list(const struct json *obj, const char *key, struct strlist *ret, struct berth_err *err)
{
	const struct json *arr;

	if (json_get_array(obj, key, &arr, err) < 0)
		return -1;
	if (json_count(arr) > CONFIG_WORDS_MAX)
		return too_many(key, err);
	for (size_t i = 0; i < json_count(arr); i++) {
		const char *text = json_text(json_at(arr, i));

		if (!text)
			return berth_fail(err, BERTH_EIMAGE, 0, "'%s' has an entry that is no string", key);
		strlist_add(ret, text);
	}
	return strlist_ok(ret) ? 0 : no_memory(err);
}

struct pair {
	const char *key, *value;
};

static int by_key(const void *a, const void *b)
{
	return strcmp(((const struct pair *)a)->key, ((const struct pair *)b)->key);
}

/* An object's keys, with their values if these are strings and wanted; sorted, so that no order is of
 * meaning. */
static int read_pairs(const struct json *parent, const char *name, bool values, struct strlist *ret,
		      struct berth_err *err)
{
	cleanup_free struct pair *pairs = NULL;
	const struct json *obj;
	size_t n = 0;

	if (json_get_object(parent, name, &obj, err) < 0)
		return -1;
	for (struct json_each e = JSON_EACH(obj); json_next(&e);)
		n++;
	if (n > CONFIG_WORDS_MAX)
		return too_many(name, err);
	pairs = calloc(n + 1, sizeof(*pairs));
	if (!pairs)
		return no_memory(err);
	n = 0;
	for (struct json_each e = JSON_EACH(obj); json_next(&e);) {
		pairs[n++] = (struct pair){ e.key, json_text(e.value) };
		if (values && !json_text(e.value))
			return berth_fail(err, BERTH_EIMAGE, 0, "'%s' has a value that is no string", name);
	}
	qsort(pairs, n, sizeof(*pairs), by_key);
	for (size_t i = 0; i < n; i++) {
		strlist_add(ret, pairs[i].key);
		if (values)
			strlist_add(ret, pairs[i].value);
	}
	return strlist_ok(ret) ? 0 : no_memory(err);
}

static int read_run(const struct json *root, struct oci_config *c, struct berth_err *err)
{
	const struct json *run;

	if (json_get_object(root, "config", &run, err) < 0)
		return -1;
	if (read_list(run, "Entrypoint", &c->entrypoint, err) < 0 ||
	    read_list(run, "Cmd", &c->cmd, err) < 0 || read_list(run, "Env", &c->env, err) < 0 ||
	    read_pairs(run, "Labels", true, &c->labels, err) < 0 ||
	    read_pairs(run, "ExposedPorts", false, &c->ports, err) < 0 ||
	    read_pairs(run, "Volumes", false, &c->volumes, err) < 0)
		return -1;
	return read_text(run, "WorkingDir", &c->workdir, err) < 0 ||
		       read_text(run, "User", &c->user, err) < 0 ||
		       read_text(run, "StopSignal", &c->stop_signal, err) < 0
		   ? -1
		   : 0;
}

static int read_diff_ids(const struct json *root, size_t nlayer, struct oci_config *c, struct berth_err *err)
{
	const struct json *rootfs, *ids = NULL;

	if (json_get_object(root, "rootfs", &rootfs, err) < 0 ||
	    json_get_array(rootfs, "diff_ids", &ids, err) < 0)
		return -1;
	c->ndiff = json_count(ids);
	if (c->ndiff != nlayer)
		return berth_fail(err, BERTH_EIMAGE, 0, "the config is of %zu layers, the manifest of %zu",
				  c->ndiff, nlayer);
	c->diff_id = calloc(c->ndiff + 1, sizeof(*c->diff_id));
	if (!c->diff_id)
		return no_memory(err);
	for (size_t i = 0; i < c->ndiff; i++) {
		const char *text = json_text(json_at(ids, i));

		if (digest_parse(text ? text : "", &c->diff_id[i], err) < 0)
			return berth_context(err, "diff_ids");
	}
	return 0;
}

static int read_all(const struct json *root, size_t nlayer, struct oci_config *c, struct berth_err *err)
{
	const char *os, *architecture, *variant;

	if (json_get_string(root, "os", &os, err) < 0 ||
	    json_get_string(root, "architecture", &architecture, err) < 0 ||
	    json_get_string(root, "variant", &variant, err) < 0 ||
	    oci_platform_set(&c->platform, os, architecture, variant, err) < 0)
		return -1;
	if (read_run(root, c, err) < 0 || read_diff_ids(root, nlayer, c, err) < 0 ||
	    read_text(root, "created", &c->created, err) < 0)
		return -1;
	c->created_s = -1;
	if (c->created)
		(void)oci_time_parse(c->created, &c->created_s); /* what is no time says nothing */
	return 0;
}

int oci_config_parse(const void *bytes, size_t n, size_t nlayer, struct oci_config *ret,
		     struct berth_err *err)
{
	cleanup(json_freep) struct json *root = NULL;
	cleanup(oci_config_done) struct oci_config c = { 0 };

	if (json_parse(bytes, n, &root, err) < 0)
		return berth_context(err, "the image's config");
	if (!json_is_object(root))
		return berth_fail(err, BERTH_EIMAGE, 0, "the image's config is no object");
	if (read_all(root, nlayer, &c, err) < 0)
		return berth_context(err, "the image's config");
	*ret = c;
	c = (struct oci_config){ 0 };
	return 0;
}

void oci_config_done(struct oci_config *c)
{
	strlist_done(&c->entrypoint);
	strlist_done(&c->cmd);
	strlist_done(&c->env);
	strlist_done(&c->labels);
	strlist_done(&c->ports);
	strlist_done(&c->volumes);
	free(c->workdir);
	free(c->user);
	free(c->stop_signal);
	free(c->created);
	free(c->diff_id);
	*c = (struct oci_config){ 0 };
}

static void put_list(struct json_out *o, const char *key, const struct strlist *l)
{
	if (l->n == 0)
		return;
	json_key(o, key);
	json_open(o, '[');
	for (size_t i = 0; i < l->n; i++)
		json_put_string(o, l->v[i]);
	json_close(o, ']');
}

static void put_set(struct json_out *o, const char *key, const struct strlist *l)
{
	if (l->n == 0)
		return;
	json_key(o, key);
	json_open(o, '{');
	for (size_t i = 0; i < l->n; i++) {
		json_key(o, l->v[i]);
		json_open(o, '{');
		json_close(o, '}');
	}
	json_close(o, '}');
}

static void put_run(struct json_out *o, const struct oci_config *c)
{
	json_open(o, '{');
	put_list(o, "Cmd", &c->cmd);
	put_list(o, "Entrypoint", &c->entrypoint);
	put_list(o, "Env", &c->env);
	if (c->labels.n > 0) {
		json_key(o, "Labels");
		json_open(o, '{');
		for (size_t i = 0; i + 1 < c->labels.n; i += 2)
			json_member(o, c->labels.v[i], c->labels.v[i + 1]);
		json_close(o, '}');
	}
	json_member(o, "User", c->user);
	put_set(o, "Volumes", &c->volumes);
	json_member(o, "WorkingDir", c->workdir);
	put_set(o, "ExposedPorts", &c->ports);
	json_member(o, "StopSignal", c->stop_signal);
	json_close(o, '}');
}

int oci_config_format_run(const struct oci_config *c, struct strbuf *out, struct berth_err *err)
{
	struct json_out o = { .text = out };

	put_run(&o, c);
	return strbuf_ok(out) ? 0 : no_memory(err);
}

int oci_config_format(const struct oci_config *c, struct strbuf *out, struct berth_err *err)
{
	struct json_out o = { .text = out };
	char time[OCI_TIME_SIZE];

	json_open(&o, '{');
	json_member(&o, "created", c->created_s >= 0 ? oci_time_format(c->created_s, time) : NULL);
	json_member(&o, "architecture", c->platform.architecture);
	json_member(&o, "variant", c->platform.variant[0] ? c->platform.variant : NULL);
	json_member(&o, "os", c->platform.os);
	json_key(&o, "config");
	put_run(&o, c);
	json_key(&o, "rootfs");
	json_open(&o, '{');
	json_member(&o, "type", "layers");
	json_key(&o, "diff_ids");
	json_open(&o, '[');
	for (size_t i = 0; i < c->ndiff; i++)
		json_put_string(&o, c->diff_id[i].text);
	json_close(&o, ']');
	json_close(&o, '}');
	json_close(&o, '}');
	return strbuf_ok(out) ? 0 : no_memory(err);
}
