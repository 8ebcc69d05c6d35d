/* SPDX-License-Identifier: BSD-3-Clause */
/* sif_metadata.c - what a SIF file says about itself; see sif_metadata.h. */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "launcher/cli/json_text.h"
#include "launcher/cli/sif_metadata.h"
#include "libimage/base/cleanup.h"
#include "libimage/base/err.h"
#include "libimage/base/fd.h"
#include "libimage/base/log.h"
#include "libimage/sif/sif.h"

enum {
	TEXT_MAX = 1024 * 1024, /* LIMIT: bytes of an object that is shown, as of a file in the image */
	DEPTH_MAX = 8,	  /* LIMIT: objects in each other; the form has six */
	FILES_MAX = 4096, /* LIMIT: apps, and scripts of all of them */
};

#define SING_DIR "/.singularity.d"

/* Where the reader is: the names of the objects around it. */
struct place {
	struct json_reader r;
	char *key[DEPTH_MAX];
	size_t depth;
	struct sif_metadata *m;
};

void sif_metadata_done(struct sif_metadata *m)
{
	for (size_t i = 0; i < m->n; i++) {
		free(m->v[i].path);
		strbuf_done(&m->v[i].text);
	}
	free(m->v);
	*m = (struct sif_metadata)SIF_METADATA_INIT;
}

static struct sif_metadata_file *find(const struct sif_metadata *m, const char *path)
{
	for (size_t i = m->n; i-- > 0;) /* the newest is the one that is added to */
		if (strcmp(m->v[i].path, path) == 0)
			return &m->v[i];
	return NULL;
}

const struct strbuf *sif_metadata_find(const struct sif_metadata *m, const char *path)
{
	const struct sif_metadata_file *f = find(m, path);

	return f ? &f->text : NULL;
}

/* The file dir/name, which is made if it is not there. NULL: too many, or no memory. */
static struct sif_metadata_file *get(struct sif_metadata *m, const char *dir, const char *name)
{
	cleanup_free char *path = NULL;
	struct sif_metadata_file *f;

	if (asprintf(&path, "%s/%s", dir, name) < 0) {
		path = NULL;
		return NULL;
	}
	f = find(m, path);
	if (f || m->n == FILES_MAX)
		return f;
	if (m->n == m->size) {
		size_t size = m->size ? 2 * m->size : 16;
		struct sif_metadata_file *v = reallocarray(m->v, size, sizeof(*v));

		if (!v)
			return NULL;
		m->v = v;
		m->size = size;
	}
	m->v[m->n] = (struct sif_metadata_file){ .path = take_ptr(&path), .text = STRBUF_INIT };
	return &m->v[m->n++];
}

static bool put(struct sif_metadata *m, const char *dir, const char *name, const char *text)
{
	struct sif_metadata_file *f = get(m, dir, name);

	if (!f)
		return false;
	strbuf_done(&f->text); /* of a name that stands twice the last counts */
	strbuf_puts(&f->text, text);
	return strbuf_ok(&f->text);
}

/* A label joins the others, as JSON again: labels.json is read from there. */
static bool put_label(struct sif_metadata *m, const char *dir, const char *name, const char *value)
{
	struct sif_metadata_file *f = get(m, dir, "labels.json");

	if (!f)
		return false;
	if (f->text.len > 0)
		f->text.text[--f->text.len] = '\0'; /* the bracket */
	strbuf_puts(&f->text, f->text.len > 0 ? "," : "{");
	json_text_string(&f->text, name, strlen(name));
	strbuf_puts(&f->text, ":");
	json_text_string(&f->text, value, strlen(value));
	strbuf_puts(&f->text, "}");
	return strbuf_ok(&f->text);
}

/* One text, of the 'n' names in 'key' below the image's attributes, or an app's. */
static bool take_part(struct sif_metadata *m, const char *dir, char *const *key, size_t n, const char *text)
{
	static const struct {
		const char *key, *file;
	} files[] = {
		{ "runscript", "runscript" }, { "startscript", "startscript" }, { "test", "test" },
		{ "helpfile", "runscript.help" }, { "deffile", "Singularity" },
	};

	if (n == 2 && strcmp(key[0], "labels") == 0)
		return put_label(m, dir, key[1], text);
	if (n == 2 && strcmp(key[0], "environment") == 0) {
		const char *name = str_after(key[1], dir);

		name = name ? str_after(name, "/env/") : NULL;
		return !name || strchr(name, '/') || put(m, dir, key[1] + strlen(dir) + 1, text);
	}
	for (size_t i = 0; n == 1 && i < ARRAY_SIZE(files); i++)
		if (strcmp(files[i].key, key[0]) == 0)
			return put(m, dir, files[i].file, text);
	return true;
}

/* "data", "attributes", "apps", NAME: the app's directory, a new string; NULL: that is none. */
static char *app_dir(const struct place *p)
{
	char *dir = NULL;

	if (p->depth < 4 || strcmp(p->key[2], "apps") != 0 || strchr(p->key[3], '/'))
		return NULL;
	return asprintf(&dir, "/scif/apps/%s/scif", p->key[3]) < 0 ? NULL : dir;
}

static bool is_attribute(const struct place *p)
{
	return p->depth >= 3 && strcmp(p->key[0], "data") == 0 && strcmp(p->key[1], "attributes") == 0;
}

static bool take_text(const struct place *p, const char *text)
{
	cleanup_free char *dir = NULL;

	if (!is_attribute(p))
		return true;
	if (strcmp(p->key[2], "apps") != 0)
		return take_part(p->m, SING_DIR, p->key + 2, p->depth - 2, text);
	dir = app_dir(p);
	return !dir || take_part(p->m, dir, p->key + 4, p->depth - 4, text);
}

/* A string of its own; NULL: there is none. */
static char *take_string(struct json_reader *r)
{
	cleanup(strlist_done) struct strlist one = STRLIST_INIT;

	if (!json_string(r, &one) || !strlist_ok(&one))
		return NULL;
	return strdup(one.v[0]);
}

static bool take_value(struct place *p);

static bool take_member(struct place *p)
{
	cleanup_free char *key = take_string(&p->r);
	bool ok;

	if (!key || p->depth == DEPTH_MAX || !json_take(&p->r, ':'))
		return false;
	p->key[p->depth++] = key;
	ok = take_value(p);
	p->depth--;
	return ok;
}

static bool take_object(struct place *p)
{
	cleanup_free char *dir = p->depth == 4 && is_attribute(p) ? app_dir(p) : NULL;

	/* An app of which nothing is said is there all the same. */
	if (dir && !get(p->m, dir, "."))
		return false;
	if (json_take(&p->r, '}'))
		return true;
	do {
		if (!take_member(p))
			return false;
	} while (json_take(&p->r, ','));
	return json_take(&p->r, '}');
}

/* An object, a string, or null; the form has nothing else. */
static bool take_value(struct place *p)
{
	cleanup_free char *text = NULL;

	if (json_take(&p->r, '{'))
		return take_object(p);
	if (p->r.end - p->r.p >= 4 && memcmp(p->r.p, "null", 4) == 0) {
		p->r.p += 4;
		return true;
	}
	text = take_string(&p->r);
	return text && take_text(p, text);
}

bool sif_metadata_parse(const char *text, size_t n, struct sif_metadata *ret)
{
	cleanup(sif_metadata_done) struct sif_metadata m = SIF_METADATA_INIT;
	struct place p = { .r = { text, text + n }, .m = &m };
	bool ok = take_value(&p);

	json_skip_space(&p.r);
	if (!ok || p.r.p != p.r.end)
		return false;
	sif_metadata_done(ret);
	m.complete = true;
	*ret = m;
	m = (struct sif_metadata)SIF_METADATA_INIT;
	return true;
}

int sif_metadata_list(const struct sif_metadata *m, const char *path, struct strlist *ret)
{
	bool any = false;

	for (size_t i = 0; i < m->n; i++) {
		const char *name = str_after(m->v[i].path, path);
		cleanup_free char *first = NULL;

		if (!name || *name++ != '/')
			continue;
		any = true;
		first = strndup(name, strcspn(name, "/"));
		if (!first)
			ret->failed = true;
		else if (ret->n == 0 || strcmp(ret->v[ret->n - 1], first) != 0)
			strlist_add(ret, first);
	}
	return any;
}

/* The first object of the type, of that name where one is given. Returns 1, 0, or -1. */
static int read_object(const struct sif *s, int32_t type, const char *name, struct strbuf *ret, struct berth_err *err)
{
	for (uint32_t i = 0; i < s->slots; i++) {
		cleanup_free char *text = NULL;
		struct sif_object o;
		int rc = sif_object_get(s, i, &o, err);

		if (rc < 0)
			return -1;
		if (rc == 0 || o.type != type || (name && strcmp(o.name, name) != 0))
			continue;
		if (o.size > TEXT_MAX) {
			log_line(LOG_WARN, "object %u of the image is larger than 1 MiB: left out", o.id);
			return 0;
		}
		text = malloc((size_t)o.size + 1);
		if (!text)
			return berth_fail(err, BERTH_ESYS, ENOMEM, "cannot read the image");
		if (fd_pread_full(s->fd, text, (size_t)o.size, (off_t)o.offset) < 0)
			return berth_fail(err, BERTH_ESYS, errno, "cannot read the image");
		strbuf_add(ret, text, (size_t)o.size);
		return strbuf_ok(ret) ? 1 : berth_fail(err, BERTH_ESYS, ENOMEM, "cannot read the image");
	}
	return 0;
}

int sif_metadata_read(int fd, struct sif_metadata *ret, struct berth_err *err)
{
	cleanup(strbuf_done) struct strbuf json = STRBUF_INIT, definition = STRBUF_INIT;
	struct sif s;
	int rc;

	if (sif_open(fd, &s, err) < 0)
		return -1;
	rc = read_object(&s, SIF_JSON, SIF_METADATA_NAME, &json, err);
	if (rc > 0 && !sif_metadata_parse(json.text ? json.text : "", json.len, ret))
		log_line(LOG_WARN, "the image's " SIF_METADATA_NAME " is none: looking into its file system");
	if (rc < 0 || read_object(&s, SIF_DEFFILE, NULL, &definition, err) < 0)
		return -1;
	if (definition.len == 0 || find(ret, SING_DIR "/Singularity"))
		return 0;
	if (!put(ret, SING_DIR, "Singularity", definition.text))
		return berth_fail(err, BERTH_ESYS, ENOMEM, "cannot read the image");
	return 0;
}
