/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * mount.c - the text of --mount, "type=bind,source=SRC,destination=DST,ro"; see set_view.h.
 *
 * A line is one mount: fields by RFC 4180, so that a quoted one may hold commas, colons, line ends
 * and, doubled, quotes. As of other runtimes, and of Docker.
 */
#include "config.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "launcher/view/set_view.h"
#include "libimage/base/cleanup.h"
#include "libimage/base/err.h"
#include "libimage/base/str.h"

/* One mount as it is read. */
struct wish {
	char *source, *target;
	bool readonly;
};

static void wish_done(struct wish *w)
{
	free(w->source);
	free(w->target);
}

/*
 * The field at *at in 'out' (emptied before); *at then stands on what ended it: a comma, a line end
 * or the NUL.
 */
static int next_field(const char **at, struct strbuf *out, struct berth_err *err)
{
	const char *p = *at;

	out->len = 0;
	strbuf_add(out, "", 0);
	if (*p == '"') {
		for (p++; *p != '\0' && !(p[0] == '"' && p[1] != '"'); p++) {
			p += *p == '"';
			strbuf_add(out, p, 1);
		}
		if (*p == '\0')
			return berth_fail(err, BERTH_EUSAGE, 0, "a quote without an end in '%.200s'", *at);
		p++;
		if (*p != ',' && *p != '\n' && *p != '\r' && *p != '\0')
			return berth_fail(err, BERTH_EUSAGE, 0, "more after a quoted field in '%.200s'", *at);
	} else {
		size_t n = strcspn(p, ",\r\n");

		if (memchr(p, '"', n))
			return berth_fail(err, BERTH_EUSAGE, 0, "a quote within a field in '%.200s'", *at);
		strbuf_add(out, p, n);
		p += n;
	}
	if (!strbuf_ok(out))
		return berth_fail(err, BERTH_ESYS, ENOMEM, "cannot keep a mount");
	*at = p;
	return 0;
}

static int keep(char **ret, const char *value, const char *what, struct berth_err *err)
{
	if (!value || value[0] == '\0')
		return berth_fail(err, BERTH_EUSAGE, 0, "a mount whose %s is empty", what);
	if (*ret)
		return berth_fail(err, BERTH_EUSAGE, 0, "a mount with a second %s, '%.200s'", what, value);
	*ret = strdup(value);
	return *ret ? 0 : berth_fail(err, BERTH_ESYS, ENOMEM, "cannot keep a mount");
}

static bool is_one_of(const char *word, const char *const *words, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(word, words[i]) == 0)
			return true;
	return false;
}

static int take_readonly(const char *value, struct wish *w, struct berth_err *err)
{
	static const char *const yes[] = { "true", "1" }, *const no[] = { "false", "0" };

	if (value && is_one_of(value, no, ARRAY_SIZE(no)))
		return 0;
	if (value && !is_one_of(value, yes, ARRAY_SIZE(yes)))
		return berth_fail(err, BERTH_EUSAGE, 0, "'%.100s' is neither true nor false", value);
	w->readonly = true;
	return 0;
}

/* "key=value" or "key"; 'field' is changed. */
static int take_field(char *field, struct wish *w, struct berth_err *err)
{
	static const char *const source[] = { "source", "src" };
	static const char *const target[] = { "destination", "dst", "target" };
	static const char *const readonly[] = { "ro", "readonly" };
	static const char *const of_images[] = { "image-src", "id" };
	char *value = strchr(field, '=');

	if (value)
		*value++ = '\0';
	if (is_one_of(field, source, ARRAY_SIZE(source)))
		return keep(&w->source, value, "source", err);
	if (is_one_of(field, target, ARRAY_SIZE(target)))
		return keep(&w->target, value, "destination", err);
	if (is_one_of(field, readonly, ARRAY_SIZE(readonly)))
		return take_readonly(value, w, err);
	if (strcmp(field, "type") == 0) {
		if (value && strcmp(value, "bind") == 0)
			return 0;
		return berth_fail(err, BERTH_EUSAGE, 0, "a mount of type '%.100s': there is only bind",
				  value ? value : "");
	}
	if (is_one_of(field, of_images, ARRAY_SIZE(of_images)))
		return bind_refuse_image(field, err);
	berth_fail(err, BERTH_EUSAGE, 0, "unknown field '%.100s' of a mount", field);
	return berth_hint(err, "a mount is type=bind,source=SRC,destination=DST[,ro]");
}

/* The line at *at, which then stands on its end. */
static int take_line(const char **at, struct room_spec *spec, struct berth_err *err)
{
	cleanup(wish_done) struct wish w = { 0 };
	cleanup(strbuf_done) struct strbuf field = STRBUF_INIT;

	for (;; (*at)++) {
		if (next_field(at, &field, err) < 0 || take_field(field.text, &w, err) < 0)
			return -1;
		if (**at != ',')
			break;
	}
	if (w.source && w.target)
		return bind_add(&spec->binds, w.source, w.target, w.readonly, spec->cwd, err);
	berth_fail(err, BERTH_EUSAGE, 0, "a mount without a %s", w.source ? "destination" : "source");
	return berth_hint(err, "a mount is type=bind,source=SRC,destination=DST[,ro]");
}

int set_mount(struct room_spec *spec, const char *arg, struct berth_err *err)
{
	size_t before = spec->binds.n;

	for (const char *p = arg;;) {
		p += strspn(p, "\r\n");
		if (*p == '\0')
			return 0;
		if (take_line(&p, spec, err) < 0) {
			bind_list_cut(&spec->binds, before);
			return -1;
		}
	}
}
