/* SPDX-License-Identifier: BSD-3-Clause */
/* inspect_parts.c - labels, scripts and definition of an image; see inspect_parts.h. */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "launcher/cli/image_files.h"
#include "launcher/cli/inspect_parts.h"
#include "launcher/cli/json_text.h"
#include "launcher/cli/labels.h"
#include "libimage/base/cleanup.h"
#include "libimage/base/err.h"

#define SING_DIR "/.singularity.d"
#define APPS_DIR "/scif/apps"

/* The parts that are one file each, in the order of the text and, last, of the JSON. */
static const struct {
	enum inspect_part part;
	const char *file, *key;
} part_files[] = {
	{ PART_HELP, "runscript.help", "helpfile" },
	{ PART_DEFFILE, "Singularity", "deffile" },
	{ PART_RUNSCRIPT, "runscript", "runscript" },
	{ PART_STARTSCRIPT, "startscript", "startscript" },
	{ PART_TEST, "test", "test" },
};
static const char *const json_order[] = { "runscript", "test", "helpfile", "deffile", "startscript" };

/* Is it a script that Apptainer calls the environment: 10-docker*.sh or 9*-environment.sh? */
static bool is_environment(const char *name)
{
	static const char definition[] = "-environment.sh", script[] = ".sh";
	size_t n = strlen(name);

	if (name[0] == '9')
		return n >= sizeof(definition) && strcmp(name + n - strlen(definition), definition) == 0;
	return str_after(name, "10-docker") && n > strlen(script) && strcmp(name + n - strlen(script), script) == 0;
}

struct inspect {
	struct image_files files;
	unsigned int parts;
	struct strbuf *out;
	unsigned int indent; /* of JSON; 0: text */
	bool first;	     /* of the JSON object's members */
	const struct inspect_built *built; /* then without space; or NULL */
};

static void inspect_done(struct inspect *i)
{
	image_files_done(&i->files);
}

static int no_memory(struct berth_err *err)
{
	return berth_fail(err, BERTH_ESYS, ENOMEM, "cannot show the image");
}

static char *join(const char *dir, const char *name)
{
	char *path = NULL;

	return asprintf(&path, "%s/%s", dir, name) < 0 ? NULL : path;
}

/* Text of the image's, with a newline at its end: but for lines and tabs as a message shows it. */
static void put_text(struct inspect *in, const char *text, size_t n)
{
	for (const char *p = text, *end = text + n; p < end;) {
		size_t len = strcspn(p, "\n\t");
		cleanup_free char *part = strndup(p, len), *shown = malloc(4 * len + 1);

		if (!part || !shown) {
			in->out->failed = true;
			return;
		}
		str_escape(part, shown, 4 * len + 1);
		strbuf_puts(in->out, shown);
		p += len;
		if (p < end && *p == '\0') /* strcspn() stops there too */
			strbuf_puts(in->out, "\\x00");
		else if (p < end)
			strbuf_add(in->out, p, 1);
		p += p < end;
	}
	if (n == 0 || text[n - 1] != '\n')
		strbuf_puts(in->out, "\n");
}

static void new_line(struct inspect *in)
{
	if (in->built)
		return;
	strbuf_puts(in->out, "\n");
	for (unsigned int i = 0; i < in->indent; i++)
		strbuf_puts(in->out, "\t");
}

static void put_key(struct inspect *in, const char *key)
{
	strbuf_puts(in->out, in->first ? "" : ",");
	new_line(in);
	json_text_string(in->out, key, strlen(key));
	strbuf_puts(in->out, in->built ? ":" : ": ");
	in->first = false;
}

static void open_object(struct inspect *in, const char *key)
{
	put_key(in, key);
	strbuf_puts(in->out, "{");
	in->indent++;
	in->first = true;
}

static void close_object(struct inspect *in)
{
	in->indent--;
	if (!in->first)
		new_line(in);
	strbuf_puts(in->out, "}");
	in->first = false;
}

static void trim(struct strbuf *text)
{
	while (text->len > 0 && text->text[text->len - 1] == '\n')
		text->text[--text->len] = '\0';
}

/* Read a file as others show it: without the newlines at its end. */
static int read_part(const struct inspect *in, const char *path, struct strbuf *ret, struct berth_err *err)
{
	int rc = path ? image_files_read(&in->files, path, ret, err) : no_memory(err);

	if (rc > 0)
		trim(ret);
	return rc;
}

static int put_file(struct inspect *in, const char *dir, const char *file, const char *key, struct berth_err *err)
{
	cleanup(strbuf_done) struct strbuf text = STRBUF_INIT;
	cleanup_free char *path = join(dir, file);
	int rc = read_part(in, path, &text, err);

	if (rc < 0)
		return -1;
	if (in->built && strcmp(key, "deffile") == 0 && strcmp(dir, SING_DIR) == 0) {
		strbuf_done(&text);
		strbuf_puts(&text, in->built->definition);
		trim(&text);
	}
	if (text.len == 0)
		return 0;
	if (in->indent > 0) {
		put_key(in, key);
		json_text_string(in->out, text.text, text.len);
	} else {
		put_text(in, text.text, text.len);
	}
	return 0;
}

static int put_environment(struct inspect *in, const char *dir, struct berth_err *err)
{
	cleanup(strlist_done) struct strlist names = STRLIST_INIT;
	cleanup_free char *env = join(dir, "env");
	bool any = false;

	if (!env)
		return no_memory(err);
	if (image_files_list(&in->files, env, &names, err) < 0)
		return -1;
	for (size_t i = 0; i < names.n; i++) {
		cleanup(strbuf_done) struct strbuf text = STRBUF_INIT;
		cleanup_free char *path = join(env, names.v[i]);
		int rc;

		if (!is_environment(names.v[i]))
			continue;
		rc = read_part(in, path, &text, err);
		if (rc < 0)
			return -1;
		if (rc == 0)
			continue;
		if (in->indent > 0) {
			if (!any)
				open_object(in, "environment");
			put_key(in, path);
			json_text_string(in->out, text.text ? text.text : "", text.len);
		} else {
			strbuf_puts(in->out, "=== ");
			put_text(in, path, strlen(path));
			in->out->len--; /* the line goes on */
			strbuf_puts(in->out, " ===\n");
			put_text(in, text.text ? text.text : "", text.len);
			strbuf_puts(in->out, "\n");
		}
		any = true;
	}
	if (any && in->indent > 0)
		close_object(in);
	return 0;
}

/* The builder's labels in place of those of the same names, all sorted. */
static void join_labels(const struct strlist *own, const struct strlist *built, struct strlist *ret)
{
	for (size_t i = 0, k = 0; i < own->n || k < built->n;) {
		int c = i >= own->n ? 1 : k >= built->n ? -1 : strcmp(own->v[i], built->v[k]);
		const struct strlist *from = c < 0 ? own : built;
		size_t at = c < 0 ? i : k;

		strlist_add(ret, from->v[at]);
		strlist_add(ret, from->v[at + 1]);
		i += c <= 0 ? 2 : 0;
		k += c >= 0 ? 2 : 0;
	}
}

static int read_labels(struct inspect *in, const char *dir, struct strlist *ret, struct berth_err *err)
{
	cleanup(strbuf_done) struct strbuf text = STRBUF_INIT;
	cleanup(strlist_done) struct strlist own = STRLIST_INIT;
	bool built = in->built && strcmp(dir, SING_DIR) == 0;
	cleanup_free char *path = join(dir, "labels.json");

	if (read_part(in, path, &text, err) < 0)
		return -1;
	if (text.len > 0 && labels_parse(text.text, text.len, built ? &own : ret, err) < 0)
		return berth_context(err, "'%s'", path);
	if (built)
		join_labels(&own, in->built->labels, ret);
	return strlist_ok(ret) ? 0 : no_memory(err);
}

static int put_labels(struct inspect *in, const char *dir, struct berth_err *err)
{
	cleanup(strlist_done) struct strlist labels = STRLIST_INIT;

	if (read_labels(in, dir, &labels, err) < 0)
		return -1;
	if (labels.n == 0)
		return 0;
	if (in->indent > 0)
		open_object(in, "labels");
	for (size_t i = 0; i < labels.n; i += 2) {
		cleanup_free char *line = NULL;

		if (in->indent > 0) {
			put_key(in, labels.v[i]);
			json_text_string(in->out, labels.v[i + 1], strlen(labels.v[i + 1]));
			continue;
		}
		if (asprintf(&line, "%s: %s", labels.v[i], labels.v[i + 1]) < 0) {
			line = NULL;
			return no_memory(err);
		}
		put_text(in, line, strlen(line));
	}
	if (in->indent > 0)
		close_object(in);
	return 0;
}

static int put_one(struct inspect *in, const char *dir, size_t i, struct berth_err *err)
{
	if (!(in->parts & part_files[i].part))
		return 0;
	return put_file(in, dir, part_files[i].file, part_files[i].key, err);
}

/* The parts below 'dir', which is the image's or an app's. */
static int put_parts(struct inspect *in, const char *dir, struct berth_err *err)
{
	for (size_t i = 0; in->indent == 0 && i < ARRAY_SIZE(part_files); i++)
		if (put_one(in, dir, i, err) < 0)
			return -1;
	if ((in->parts & PART_ENVIRONMENT) && put_environment(in, dir, err) < 0)
		return -1;
	if ((in->parts & PART_LABELS) && put_labels(in, dir, err) < 0)
		return -1;
	for (size_t k = 0; in->indent > 0 && k < ARRAY_SIZE(json_order); k++)
		for (size_t i = 0; i < ARRAY_SIZE(part_files); i++)
			if (strcmp(part_files[i].key, json_order[k]) == 0 && put_one(in, dir, i, err) < 0)
				return -1;
	return 0;
}

/* The directory of the app 'name', or NULL where there is none. */
static int app_dir(struct inspect *in, const char *name, char **ret, struct berth_err *err)
{
	cleanup(strlist_done) struct strlist names = STRLIST_INIT;

	if (asprintf(ret, "%s/%s/scif", APPS_DIR, name) < 0) {
		*ret = NULL;
		return no_memory(err);
	}
	return image_files_list(&in->files, *ret, &names, err);
}

/* Only the name, as text; with their own parts, as JSON. */
static int put_apps(struct inspect *in, struct berth_err *err)
{
	cleanup(strlist_done) struct strlist names = STRLIST_INIT;
	bool any = false;

	if (image_files_list(&in->files, APPS_DIR, &names, err) < 0)
		return -1;
	for (size_t i = 0; i < names.n; i++) {
		cleanup_free char *dir = NULL;
		int rc = app_dir(in, names.v[i], &dir, err);

		if (rc < 0)
			return -1;
		if (rc == 0)
			continue;
		if (in->indent == 0) {
			put_text(in, names.v[i], strlen(names.v[i]));
			continue;
		}
		if (!any)
			open_object(in, "apps");
		any = true;
		open_object(in, names.v[i]);
		if (put_parts(in, dir, err) < 0)
			return -1;
		close_object(in);
	}
	if (any)
		close_object(in);
	return 0;
}

static int put_app(struct inspect *in, const char *app, struct berth_err *err)
{
	cleanup_free char *dir = NULL;
	int rc = strchr(app, '/') || app[0] == '.' ? 0 : app_dir(in, app, &dir, err);

	if (rc < 0)
		return -1;
	if (rc == 0) {
		berth_fail(err, BERTH_ENOTFOUND, 0, "the image has no app '%s'", app);
		return berth_hint(err, "--list-apps says which it has");
	}
	if (in->indent > 0) {
		open_object(in, "apps");
		open_object(in, app);
	}
	if (put_parts(in, dir, err) < 0)
		return -1;
	if (in->indent > 0) {
		close_object(in);
		close_object(in);
	}
	return 0;
}

static int put_image(struct inspect *in, const char *path, const char *app, bool json, struct berth_err *err)
{
	if (image_files_open(path, &in->files, err) < 0)
		return -1;
	if (json) {
		strbuf_puts(in->out, "{");
		in->indent = 1;
		open_object(in, "data");
		open_object(in, "attributes");
	}
	if (app) {
		if (put_app(in, app, err) < 0)
			return -1;
	} else {
		if (((in->parts & PART_APPS) && put_apps(in, err) < 0) || put_parts(in, SING_DIR, err) < 0)
			return -1;
	}
	if (json) {
		close_object(in);
		close_object(in);
		put_key(in, "type");
		strbuf_puts(in->out, "\"container\"");
		close_object(in);
		strbuf_puts(in->out, in->built ? "" : "\n");
	}
	return strbuf_ok(in->out) ? 0 : no_memory(err);
}

int inspect_parts(const char *path, const char *app, unsigned int parts, bool json, struct strbuf *out,
		  struct berth_err *err)
{
	cleanup(inspect_done) struct inspect in = {
		.files = IMAGE_FILES_INIT, .parts = parts, .out = out, .first = true,
	};

	return put_image(&in, path, app, json, err);
}

int inspect_built(const char *path, const struct inspect_built *built, struct strbuf *out, struct berth_err *err)
{
	cleanup(inspect_done) struct inspect in = {
		.files = IMAGE_FILES_INIT, .parts = PART_ALL, .out = out, .first = true, .built = built,
	};

	return put_image(&in, path, NULL, true, err);
}
