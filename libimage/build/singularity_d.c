/* SPDX-License-Identifier: BSD-3-Clause */
/* singularity_d.c - what a SIF image has besides the files of its layers; see singularity_d.h. */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "libimage/base/cleanup.h"
#include "libimage/base/err.h"
#include "libimage/build/singularity_d.h"
#include "libimage/build/singularity_d_text.h"
#include "libimage/oci/image_config.h"
#include "libimage/oci/json.h"

#define D ".singularity.d"

/* Characters that no shell takes for anything but themselves, not even where quotes stand in quotes. */
#define HARMLESS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./:=,@%+-"

static int no_memory(struct berth_err *err)
{
	return berth_fail(err, BERTH_ESYS, ENOMEM, "cannot keep the image's scripts");
}

/* 'text' in single quotes, which mean nothing to a shell but the next of their kind. */
static void put_quoted(struct strbuf *s, const char *text)
{
	strbuf_puts(s, "'");
	for (; *text; text++) {
		if (*text == '\'')
			strbuf_puts(s, "'\"'\"'");
		else
			strbuf_add(s, text, 1);
	}
	strbuf_puts(s, "'");
}

/* The bytes of the name in "NAME=VALUE" or "NAME"; 0 if a shell has no such variables. */
static size_t name_len(const char *entry)
{
	size_t n = strcspn(entry, "=");

	if (n == 0 || (entry[0] >= '0' && entry[0] <= '9'))
		return 0;
	return strspn(entry, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") == n ? n : 0;
}

/* Is there a later entry of the same name? It is the one that counts. */
static bool is_overruled(const struct strlist *env, size_t i, size_t n)
{
	for (size_t k = i + 1; k < env->n; k++)
		if (strncmp(env->v[k], env->v[i], n) == 0 && (env->v[k][n] == '=' || env->v[k][n] == '\0'))
			return true;
	return false;
}

/*
 * One variable, in Apptainer's spelling where that works: what the user sets counts more than the
 * image's value, but for PATH.
 */
static void put_variable(struct strbuf *s, const char *entry, size_t n)
{
	bool path = n == 4 && memcmp(entry, "PATH", 4) == 0;
	const char *value = entry[n] == '=' ? entry + n + 1 : NULL;
	int len = (int)n;

	if (!value) {
		strbuf_printf(s, "export %.*s=\"${%.*s:-}\"\n", len, entry, len, entry);
	} else if (value[strspn(value, HARMLESS)] == '\0') {
		if (path)
			strbuf_printf(s, "export PATH=\"%s\"\n", value);
		else
			strbuf_printf(s, "export %.*s=\"${%.*s:-\"%s\"}\"\n", len, entry, len, entry, value);
	} else {
		if (!path)
			strbuf_printf(s, "if [ -z \"${%.*s:-}\" ]; then\n", len, entry);
		strbuf_printf(s, "%.*s=", len, entry);
		put_quoted(s, value);
		strbuf_printf(s, "\n%sexport %.*s\n", path ? "" : "fi\n", len, entry);
	}
}

static void make_docker_env(const struct oci_config *c, struct strbuf *s)
{
	strbuf_puts(s, "#!/bin/sh\n");
	for (size_t i = 0; i < c->env.n; i++) {
		size_t n = name_len(c->env.v[i]);

		if (n > 0 && !is_overruled(&c->env, i, n))
			put_variable(s, c->env.v[i], n);
	}
}

/* OCI_CMD='"a" "b"': each word in double quotes, and in single ones what 'eval' will read. */
static void put_words(struct strbuf *s, const char *name, const struct strlist *words)
{
	struct strbuf text = STRBUF_INIT;

	for (size_t i = 0; i < words->n; i++) {
		strbuf_puts(&text, i > 0 ? " \"" : "\"");
		for (const char *p = words->v[i]; *p; p++) {
			if (strchr("\\\"$`", *p))
				strbuf_puts(&text, "\\");
			strbuf_add(&text, p, 1);
		}
		strbuf_puts(&text, "\"");
	}
	if (!strbuf_ok(&text))
		s->failed = true;
	strbuf_printf(s, "%s=", name);
	put_quoted(s, text.text ? text.text : "");
	strbuf_puts(s, "\n");
	strbuf_done(&text);
}

static void put_set(struct strbuf *s, const char *indent, const struct strlist *words, const char *rest)
{
	strbuf_printf(s, "%sset --", indent);
	for (size_t i = 0; i < words->n; i++) {
		strbuf_puts(s, " ");
		put_quoted(s, words->v[i]);
	}
	strbuf_printf(s, "%s\n", rest);
}

/* ENTRYPOINT and the arguments, or ENTRYPOINT and CMD where there are none. */
static void make_runscript(const struct oci_config *c, struct strbuf *s)
{
	strbuf_puts(s, "#!/bin/sh\n");
	put_words(s, "OCI_ENTRYPOINT", &c->entrypoint);
	put_words(s, "OCI_CMD", &c->cmd);
	if (c->entrypoint.n == 0 && c->cmd.n == 0)
		strbuf_puts(s, "if [ $# -eq 0 ]; then\n"
			       "    echo \"This image does not say what to run\" >&2\n"
			       "    exit 1\n"
			       "fi\n");
	strbuf_puts(s, "# With this variable every word is passed on as it is\n"
		       "if [ -n \"${SINGULARITY_NO_EVAL:-}\" ]; then\n");
	if (c->cmd.n > 0) {
		strbuf_puts(s, "    if [ $# -eq 0 ]; then\n");
		put_set(s, "        ", &c->cmd, "");
		strbuf_puts(s, "    fi\n");
	}
	if (c->entrypoint.n > 0)
		put_set(s, "    ", &c->entrypoint, " \"$@\"");
	strbuf_puts(s, "    exec \"$@\"\nfi\n");
	strbuf_puts(s, singularity_d_evaluate);
}

struct label {
	const char *key, *value;
};

static int by_key(const void *a, const void *b)
{
	return strcmp(((const struct label *)a)->key, ((const struct label *)b)->key);
}

/* "Friday_27_November_2026_3:34:18_UTC", as Singularity has always written it; no text if there is no date.
 */
static struct strbuf date_text(int64_t s)
{
	static const char *const days[] = { "Sunday",	"Monday", "Tuesday", "Wednesday",
					    "Thursday", "Friday", "Saturday" };
	static const char *const months[] = { "January",   "February", "March",	   "April",
					      "May",	   "June",     "July",	   "August",
					      "September", "October",  "November", "December" };
	struct strbuf out = STRBUF_INIT;
	time_t t = (time_t)s;
	struct tm tm;

	if (s >= 0 && gmtime_r(&t, &tm))
		strbuf_printf(&out, "%s_%d_%s_%d_%d:%d:%d_UTC", days[tm.tm_wday], tm.tm_mday,
			      months[tm.tm_mon], tm.tm_year + 1900, tm.tm_hour, tm.tm_min, tm.tm_sec);
	return out;
}

static void put_labels(struct label *labels, size_t n, struct strbuf *out)
{
	struct json_out o = { .text = out, .indent = "\t" };

	qsort(labels, n, sizeof(*labels), by_key);
	json_open(&o, '{');
	for (size_t i = 0; i < n; i++)
		json_member(&o, labels[i].key, labels[i].value);
	json_close(&o, '}');
}

/* The image's labels, and ours, which take the place of those of the same name. */
static int make_labels(const struct singularity_d_source *src, struct strbuf *out, struct berth_err *err)
{
	cleanup(strbuf_done) struct strbuf date = date_text(src->built_s);
	const struct label ours[] = {
		{ "org.label-schema.build-arch", src->arch },
		{ "org.label-schema.build-date", date.text },
		{ "org.label-schema.schema-version", "1.0" },
		{ "org.label-schema.usage.berth.version", PACKAGE_VERSION },
		{ "org.label-schema.usage.singularity.deffile.bootstrap", src->bootstrap },
		{ "org.label-schema.usage.singularity.deffile.from", src->from },
	};
	size_t n = 0, theirs = src->config ? src->config->labels.n / 2 : 0;
	cleanup_free struct label *all = calloc(theirs + ARRAY_SIZE(ours), sizeof(*all));

	if (!all || !strbuf_ok(&date))
		return no_memory(err);
	for (size_t i = 0; i < ARRAY_SIZE(ours); i++)
		if (ours[i].value)
			all[n++] = ours[i];
	for (size_t i = 0; i < theirs; i++) {
		const struct label l = { src->config->labels.v[2 * i], src->config->labels.v[2 * i + 1] };
		bool taken = false;

		for (size_t k = 0; k < ARRAY_SIZE(ours); k++)
			taken = taken || (ours[k].value && strcmp(ours[k].key, l.key) == 0);
		if (!taken)
			all[n++] = l;
	}
	put_labels(all, n, out);
	return strbuf_ok(out) ? 0 : no_memory(err);
}

static void add(struct singularity_d *d, struct singularity_d_entry e)
{
	e.len = e.text ? strlen(e.text) : 0;
	d->v[d->n++] = e;
}

static void add_dir(struct singularity_d *d, const char *path, mode_t mode)
{
	add(d, (struct singularity_d_entry){ SINGULARITY_D_DIR, true, mode, path, NULL, 0 });
}

static void add_file(struct singularity_d *d, const char *path, mode_t mode, bool if_missing,
		     const char *text)
{
	add(d, (struct singularity_d_entry){ SINGULARITY_D_FILE, if_missing, mode, path, text, 0 });
}

static void add_link(struct singularity_d *d, const char *path, const char *target)
{
	add(d, (struct singularity_d_entry){ SINGULARITY_D_LINK, true, 0777, path, target, 0 });
}

/* What runtimes bind over, and what programs expect. */
static void add_places(struct singularity_d *d)
{
	static const struct {
		const char *path;
		mode_t mode;
	} dirs[] = { { "dev", 0755 },
		     { "proc", 0755 },
		     { "root", 0755 },
		     { "sys", 0755 },
		     { "home", 0755 },
		     /* Apptainer makes these 0755, of use to nobody where the host's are not bound there */
		     { "tmp", 01777 },
		     { "var", 0755 },
		     { "var/tmp", 01777 },
		     { "etc", 0755 } };

	for (size_t i = 0; i < ARRAY_SIZE(dirs); i++)
		add_dir(d, dirs[i].path, dirs[i].mode);
	add_file(d, "etc/hosts", 0644, true, "");
	add_file(d, "etc/resolv.conf", 0644, true, "");
}

static void add_scripts(struct singularity_d *d, bool docker)
{
	add_dir(d, D, 0755);
	add_dir(d, D "/libs", 0755);
	add_dir(d, D "/actions", 0755);
	add_file(d, D "/actions/exec", 0755, false, singularity_d_exec);
	add_file(d, D "/actions/run", 0755, false, singularity_d_run);
	add_file(d, D "/actions/shell", 0755, false, singularity_d_shell);
	add_file(d, D "/actions/start", 0755, false, singularity_d_start);
	add_file(d, D "/actions/test", 0755, false, singularity_d_test);
	add_dir(d, D "/env", 0755);
	add_file(d, D "/env/01-base.sh", 0755, false, singularity_d_base);
	if (docker)
		add_file(d, D "/env/10-docker2singularity.sh", 0755, false, d->docker_env.text);
	add_file(d, D "/env/90-environment.sh", 0755, true, singularity_d_environment);
	add_file(d, D "/env/94-appsbase.sh", 0755, true, "");
	add_file(d, D "/env/95-apps.sh", 0755, false, singularity_d_apps);
	add_file(d, D "/env/99-base.sh", 0755, false, singularity_d_last);
	add_file(d, D "/env/99-runtimevars.sh", 0755, false, singularity_d_runtime);
	add_file(d, D "/labels.json", 0644, false, d->labels.text);
	if (docker)
		add_file(d, D "/runscript", 0755, false, d->runscript.text);
	else
		add_file(d, D "/runscript", 0755, true, singularity_d_no_runscript);
	add_file(d, D "/startscript", 0755, true, singularity_d_startscript);
	add_file(d, D "/Singularity", 0644, false, d->deffile.text);
}

int singularity_d_make(const struct singularity_d_source *src, struct singularity_d *ret,
		       struct berth_err *err)
{
	cleanup(singularity_d_done) struct singularity_d d = { .n = 0 };

	if (src->config) {
		make_docker_env(src->config, &d.docker_env);
		make_runscript(src->config, &d.runscript);
	}
	strbuf_printf(&d.deffile, "bootstrap: %s\nfrom: %s\n\n", src->bootstrap, src->from);
	if (!strbuf_ok(&d.docker_env) || !strbuf_ok(&d.runscript) || !strbuf_ok(&d.deffile))
		return no_memory(err);
	if (make_labels(src, &d.labels, err) < 0)
		return -1;
	add_places(&d);
	add_scripts(&d, src->config != NULL);
	add_link(&d, ".exec", D "/actions/exec");
	add_link(&d, ".run", D "/actions/run");
	add_link(&d, ".shell", D "/actions/shell");
	add_link(&d, ".test", D "/actions/test");
	add_link(&d, "environment", D "/env/90-environment.sh");
	add_link(&d, "singularity", D "/runscript");
	*ret = d;
	d = (struct singularity_d){ .n = 0 };
	return 0;
}

void singularity_d_done(struct singularity_d *d)
{
	strbuf_done(&d->docker_env);
	strbuf_done(&d->runscript);
	strbuf_done(&d->labels);
	strbuf_done(&d->deffile);
	d->n = 0;
}

/* A text without the white space around it: so Apptainer keeps them there. */
static void put_trimmed(struct json_out *o, const char *key, const char *text, struct strbuf *scratch)
{
	size_t n;

	text += strspn(text, " \t\r\n");
	n = strlen(text);
	while (n > 0 && strchr(" \t\r\n", text[n - 1]))
		n--;
	scratch->len = 0;
	strbuf_add(scratch, text, n);
	json_member(o, key, strbuf_ok(scratch) ? scratch->text : "");
}

static const char *text_of(const struct singularity_d *d, const char *path)
{
	for (size_t i = 0; i < d->n; i++)
		if (strcmp(d->v[i].path, path) == 0)
			return d->v[i].text;
	return NULL;
}

/* Labels, which are JSON already; on one line as the rest is. */
static int put_labels_again(struct json_out *o, const struct strbuf *labels, struct berth_err *err)
{
	cleanup(json_freep) struct json *root = NULL;

	if (json_parse(labels->text, labels->len, &root, err) < 0)
		return -1;
	json_key(o, "labels");
	json_open(o, '{');
	for (struct json_each e = JSON_EACH(root); json_next(&e);)
		json_member(o, e.key, json_text(e.value));
	json_close(o, '}');
	return 0;
}

int singularity_d_inspect(const struct singularity_d *d, struct strbuf *out, struct berth_err *err)
{
	static const char *const env[] = { "/" D "/env/10-docker2singularity.sh",
					   "/" D "/env/90-environment.sh" };
	cleanup(strbuf_done) struct strbuf scratch = STRBUF_INIT;
	struct json_out o = { .text = out };

	json_open(&o, '{');
	json_key(&o, "data");
	json_open(&o, '{');
	json_key(&o, "attributes");
	json_open(&o, '{');
	json_key(&o, "environment");
	json_open(&o, '{');
	for (size_t i = 0; i < ARRAY_SIZE(env); i++) {
		const char *text = text_of(d, env[i] + 1);

		if (text)
			put_trimmed(&o, env[i], text, &scratch);
	}
	json_close(&o, '}');
	if (put_labels_again(&o, &d->labels, err) < 0)
		return -1;
	put_trimmed(&o, "runscript", text_of(d, D "/runscript"), &scratch);
	put_trimmed(&o, "deffile", d->deffile.text, &scratch);
	put_trimmed(&o, "startscript", text_of(d, D "/startscript"), &scratch);
	json_close(&o, '}');
	json_close(&o, '}');
	json_member(&o, "type", "container");
	json_close(&o, '}');
	return strbuf_ok(out) && strbuf_ok(&scratch) ? 0 : no_memory(err);
}
