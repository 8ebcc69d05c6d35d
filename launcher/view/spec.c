/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * spec.c - a room_spec as bytes and back; see spec.h.
 *
 * The form: strings that end with a NUL each, "berth-spec-1" first, then "key=value" in the
 * order of room_spec_pack(). A bind is three strings: "bind=ro" or "bind=rw", source, target.
 */
#include "config.h"

#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <string.h>

#include "launcher/view/spec.h"
#include "libimage/base/cleanup.h"
#include "libimage/base/err.h"
#include "libimage/base/num.h"
#include "libimage/base/path.h"

#define SPEC_MAGIC "berth-spec-1"

void room_spec_done(struct room_spec *s)
{
	free(s->image);
	free(s->user);
	free(s->group);
	free(s->home);
	free(s->cwd);
	free(s->pwd);
	free(s->hostname);
	overlay_list_done(&s->overlays);
	bind_list_done(&s->binds);
	strlist_done(&s->env);
	free(s->home_source);
	strlist_done(&s->no_mount_paths);
	free(s->workdir);
	strlist_done(&s->scratch);
	strlist_done(&s->dns);
	strlist_done(&s->no_env);
	strlist_done(&s->env_files);
	free(s->app);
	free(s->authfile);
	memset(s, 0, sizeof(*s));
}

static int bug(struct berth_err *err, const char *what)
{
	return berth_fail(err, BERTH_EBUG, 0, "malformed room request: %s", what);
}

static bool path_ok(const char *path)
{
	return path[0] == '/' && strlen(path) < PATH_MAX;
}

/* A name that can stand in a line of passwd or group without making a second field or line. */
static bool name_ok(const char *name)
{
	if (name[0] == '\0')
		return false;
	for (const unsigned char *p = (const unsigned char *)name; *p; p++)
		if (*p < 0x20 || *p == 0x7f || *p == ':')
			return false;
	return true;
}

static int check(const struct room_spec *s, struct berth_err *err)
{
	if (!s->image || !path_ok(s->image))
		return bug(err, "no absolute image path");
	if (s->uid == (uid_t)-1 || s->gid == (gid_t)-1)
		return bug(err, "an id out of range");
	if ((s->user && !name_ok(s->user)) || (s->group && !name_ok(s->group)))
		return bug(err, "a name that passwd cannot hold");
	if ((s->home && !path_ok(s->home)) || (s->cwd && !path_ok(s->cwd)) ||
	    (s->pwd && !path_ok(s->pwd)))
		return bug(err, "a relative path");
	for (size_t i = 0; i < s->binds.n; i++)
		if (!path_ok(s->binds.v[i].source) || !path_is_target(s->binds.v[i].target) ||
		    strcmp(s->binds.v[i].target, "/") == 0)
			return bug(err, "a bind without plain paths");
	for (size_t i = 0; i < s->env.n; i++) {
		const char *eq = strchr(s->env.v[i], '=');

		if (!eq || eq == s->env.v[i])
			return bug(err, "a variable without a name");
	}
	return 0;
}

static void put_text(struct strbuf *out, const char *key, const char *value)
{
	if (!value)
		return;
	strbuf_printf(out, "%s=%s", key, value);
	strbuf_add(out, "", 1);
}

static void put_id(struct strbuf *out, const char *key, unsigned int id)
{
	strbuf_printf(out, "%s=%u", key, id);
	strbuf_add(out, "", 1);
}

int room_spec_pack(const struct room_spec *s, struct strbuf *out, struct berth_err *err)
{
	char pin[PIN_TEXT_MAX];

	if (check(s, err) < 0)
		return -1;
	strbuf_add(out, SPEC_MAGIC, sizeof(SPEC_MAGIC));
	put_text(out, "image", s->image);
	if (s->pin.kind != IMAGE_UNKNOWN) {
		image_pin_format(&s->pin, pin);
		put_text(out, "pin", pin);
	}
	put_id(out, "uid", s->uid);
	put_id(out, "gid", s->gid);
	put_text(out, "user", s->user);
	put_text(out, "group", s->group);
	put_text(out, "home", s->home);
	put_text(out, "cwd", s->cwd);
	put_text(out, "pwd", s->pwd);
	for (size_t i = 0; i < s->binds.n; i++) {
		put_text(out, "bind", s->binds.v[i].readonly ? "ro" : "rw");
		strbuf_add(out, s->binds.v[i].source, strlen(s->binds.v[i].source) + 1);
		strbuf_add(out, s->binds.v[i].target, strlen(s->binds.v[i].target) + 1);
	}
	for (size_t i = 0; i < s->env.n; i++)
		put_text(out, "env", s->env.v[i]);
	if (s->verbose)
		put_text(out, "verbose", "1");
	if (s->quiet)
		put_text(out, "quiet", "1");
	if (!strbuf_ok(out))
		return berth_fail(err, BERTH_ESYS, ENOMEM, "cannot pack the room request");
	return 0;
}

struct reader {
	const char *p, *end; /* *end is after the last NUL */
};

/* The next string, or NULL at the end. The last byte of all is known to be a NUL. */
static const char *next(struct reader *r)
{
	const char *text = r->p;

	if (text == r->end)
		return NULL;
	r->p += strlen(text) + 1;
	return text;
}

static int keep(char **field, const char *value, struct berth_err *err)
{
	if (*field)
		return bug(err, "a repeated key");
	*field = strdup(value);
	if (!*field)
		return berth_fail(err, BERTH_ESYS, ENOMEM, "cannot unpack the room request");
	return 0;
}

static int keep_id(uint32_t *field, const char *value, struct berth_err *err)
{
	uint64_t id;

	if (num_parse_u64(value, UINT32_MAX - 1, &id) < 0)
		return bug(err, "an id out of range");
	*field = (uint32_t)id;
	return 0;
}

static int keep_bind(struct bind_list *list, const char *flag, struct reader *r, struct berth_err *err)
{
	const char *source = next(r), *target = next(r);
	struct bind *v;

	if (!target)
		return bug(err, "half a bind");
	v = reallocarray(list->v, list->n + 1, sizeof(*v));
	if (!v)
		return berth_fail(err, BERTH_ESYS, ENOMEM, "cannot unpack the room request");
	list->v = v;
	v[list->n] = (struct bind){
		.source = strdup(source),
		.target = strdup(target),
		.readonly = strcmp(flag, "ro") == 0,
	};
	list->n++; /* also where half of it failed, so that it is freed */
	if (!v[list->n - 1].source || !v[list->n - 1].target)
		return berth_fail(err, BERTH_ESYS, ENOMEM, "cannot unpack the room request");
	return 0;
}

static int keep_pair(struct room_spec *s, const char *pair, struct reader *r, struct berth_err *err)
{
	const struct {
		const char *prefix;
		char **field;
	} texts[] = {
		{ "image=", &s->image }, { "user=", &s->user }, { "group=", &s->group },
		{ "home=", &s->home },	 { "cwd=", &s->cwd },	{ "pwd=", &s->pwd },
	};
	const char *value;

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		value = str_after(pair, texts[i].prefix);
		if (value)
			return keep(texts[i].field, value, err);
	}
	if ((value = str_after(pair, "uid=")))
		return keep_id(&s->uid, value, err);
	if ((value = str_after(pair, "gid=")))
		return keep_id(&s->gid, value, err);
	if ((value = str_after(pair, "pin=")))
		return image_pin_parse(value, &s->pin, err);
	if ((value = str_after(pair, "bind=")))
		return keep_bind(&s->binds, value, r, err);
	if ((value = str_after(pair, "env="))) {
		strlist_add(&s->env, value);
		return 0;
	}
	if (strcmp(pair, "verbose=1") == 0)
		s->verbose = true;
	else if (strcmp(pair, "quiet=1") == 0)
		s->quiet = true;
	else
		return bug(err, "an unknown key");
	return 0;
}

static int unpack(const char *bytes, size_t n, struct room_spec *s, struct berth_err *err)
{
	struct reader r = { .p = bytes, .end = bytes + n };
	cleanup(strbuf_done) struct strbuf again = STRBUF_INIT;
	const char *pair = next(&r);

	if (!pair || strcmp(pair, SPEC_MAGIC) != 0)
		return bug(err, "not of this version");
	while ((pair = next(&r)))
		if (keep_pair(s, pair, &r, err) < 0)
			return -1;
	if (!strlist_ok(&s->env))
		return berth_fail(err, BERTH_ESYS, ENOMEM, "cannot unpack the room request");
	/* Whatever pack() would not have written, in order, form or number, differs from what
	 * it writes now: one comparison instead of a rule for every way to be odd. */
	if (room_spec_pack(s, &again, err) < 0)
		return -1;
	if (again.len != n || memcmp(again.text, bytes, n) != 0)
		return bug(err, "not as it was packed");
	return 0;
}

int room_spec_unpack(const char *bytes, size_t n, struct room_spec *ret, struct berth_err *err)
{
	struct room_spec s = ROOM_SPEC_INIT;

	if (n == 0 || bytes[n - 1] != '\0')
		return bug(err, "no final NUL");
	if (unpack(bytes, n, &s, err) < 0) {
		room_spec_done(&s);
		if (err->code != BERTH_ESYS)
			err->code = BERTH_EBUG;
		return -1;
	}
	*ret = s;
	return 0;
}
