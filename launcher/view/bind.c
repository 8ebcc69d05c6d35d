/* SPDX-License-Identifier: BSD-3-Clause */
/* bind.c - the text of a bind, "SRC[:DST[:OPT[,OPT]]]"; see spec.h. */
#include "config.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

#include "launcher/view/spec.h"
#include "libimage/base/cleanup.h"
#include "libimage/base/err.h"
#include "libimage/base/path.h"

enum { BIND_PARTS = 3 };

/* What every task needs as the host has it, and where devices would work. */
static const char *const bind_kept[] = { "/proc", "/sys", "/dev" };

void bind_list_done(struct bind_list *l)
{
	for (size_t i = 0; i < l->n; i++) {
		free(l->v[i].source);
		free(l->v[i].target);
	}
	free(l->v);
	memset(l, 0, sizeof(*l));
}

void bind_list_cut(struct bind_list *list, size_t n)
{
	while (list->n > n) {
		list->n--;
		free(list->v[list->n].source);
		free(list->v[list->n].target);
	}
}

static bool escaped(const char *p)
{
	return p[0] == '\\' && (p[1] == ':' || p[1] == ',');
}

/* The first 'c' of 'text' that no backslash makes part of a path; else its end. */
static const char *find_plain(const char *text, char c)
{
	while (*text && *text != c)
		text += escaped(text) ? 2 : 1;
	return text;
}

/* A new string: 'n' bytes of 'text' without the backslashes that escape. */
static char *unescape(const char *text, size_t n)
{
	char *out = malloc(n + 1);
	size_t at = 0;

	if (!out)
		return NULL;
	for (size_t i = 0; i < n; i++) {
		if (i + 1 < n && escaped(text + i))
			i++;
		out[at++] = text[i];
	}
	out[at] = '\0';
	return out;
}

/*
 * 'source' as a new string, or NULL and *err. Where the caller stands, 'cwd', is known on his command
 * line, and not where a site or a job asks.
 */
static char *absolute_source(const char *source, const char *cwd, struct berth_err *err)
{
	cleanup_free char *path = NULL;

	if (source[0] == '\0') {
		berth_fail(err, BERTH_EUSAGE, 0, "a bind without a source");
		return NULL;
	}
	if (source[0] != '/' && !cwd) {
		berth_fail(err, BERTH_EUSAGE, 0, "the bind source '%s' is not absolute", source);
		berth_hint(err, "a bind is /SOURCE[:/TARGET[:ro]]; for one below this directory write "
				"$PWD/SOURCE");
		return NULL;
	}
	path = path_from(source[0] == '/' ? "/" : cwd, source);
	if (path && strlen(path) < PATH_MAX)
		return take_ptr(&path);
	if (path)
		berth_fail(err, BERTH_EUSAGE, ENAMETOOLONG, "the bind source '%.100s...'", path);
	else
		berth_fail(err, BERTH_ESYS, ENOMEM, "cannot keep a bind");
	return NULL;
}

static int check_target(const char *source, const char *target, struct berth_err *err)
{
	if (target[0] != '/') {
		berth_fail(err, BERTH_EUSAGE, 0, "the bind target '%s' is not absolute", target);
		return berth_hint(err, "a bind is /SOURCE[:/TARGET[:ro]]");
	}
	if (!path_is_target(target)) {
		berth_fail(err, BERTH_EUSAGE, 0, "the bind target '%.200s' is too long or has '..'", target);
		return berth_hint(err, "name the target's plain path inside the image");
	}
	if (strcmp(target, "/") == 0) {
		berth_fail(err, BERTH_EUSAGE, 0, "a bind on '/' would hide the image");
		return berth_hint(err, "name the target after the source: /SOURCE:/TARGET");
	}
	for (size_t i = 0; i < ARRAY_SIZE(bind_kept); i++) {
		if (!path_is_below(target, bind_kept[i]))
			continue;
		/* A device is there already, or is what a small /dev is to have more. */
		if (strcmp(bind_kept[i], "/dev") == 0 && strcmp(source, target) == 0)
			return 0;
		berth_fail(err, BERTH_EUSAGE, 0, "nothing can be bound on '%s'", target);
		return berth_hint(err, "the host's %s is there already, as a whole", bind_kept[i]);
	}
	return 0;
}

int bind_refuse_image(const char *name, struct berth_err *err)
{
	berth_fail(err, BERTH_EUSAGE, 0, "a bind has no option '%.100s': parts of images are not bound", name);
	return berth_hint(err, "an image is run, or its files are copied out and then bound");
}

static bool is_option(const char *p, size_t n, const char *name)
{
	size_t len = strlen(name);

	return n >= len && memcmp(p, name, len) == 0 && (n == len || p[len] == '=');
}

static int parse_flags(const char *text, size_t n, bool *ret_readonly, struct berth_err *err)
{
	int ro = 0, rw = 0;

	for (const char *p = text, *end = text + n; p <= end;) {
		const char *comma = memchr(p, ',', (size_t)(end - p));
		size_t len = (size_t)((comma ? comma : end) - p);

		if (len == 2 && memcmp(p, "ro", 2) == 0) {
			ro = 1;
		} else if (len == 2 && memcmp(p, "rw", 2) == 0) {
			rw = 1;
		} else if (is_option(p, len, "image-src") || is_option(p, len, "id")) {
			return bind_refuse_image(p[1] == 'd' ? "id" : "image-src", err);
		} else {
			berth_fail(err, BERTH_EUSAGE, 0, "unknown bind option '%.*s'",
				   len < 100 ? (int)len : 100, p);
			return berth_hint(err, "bind options are ro and rw");
		}
		p += len + 1;
	}
	if (ro && rw)
		return berth_fail(err, BERTH_EUSAGE, 0, "a bind cannot be both ro and rw");
	*ret_readonly = ro;
	return 0;
}

int bind_add(struct bind_list *list, const char *source, const char *target, bool readonly,
	     const char *cwd, struct berth_err *err)
{
	struct bind *v = reallocarray(list->v, list->n + 1, sizeof(*v)), *one;

	if (!v)
		return berth_fail(err, BERTH_ESYS, ENOMEM, "cannot keep a bind");
	list->v = v;
	one = &v[list->n++];
	*one = (struct bind){ .source = absolute_source(source, cwd, err), .readonly = readonly };
	if (one->source) {
		one->target = strdup(target ? target : one->source);
		if (!one->target)
			berth_fail(err, BERTH_ESYS, ENOMEM, "cannot keep a bind");
		else if (one->target[0] == '/')
			path_tidy(one->target);
	}
	if (one->source && one->target && check_target(one->source, one->target, err) == 0)
		return 0;
	bind_list_cut(list, list->n - 1);
	return -1;
}

int bind_parse_at(const char *text, const char *cwd, struct bind_list *list, struct berth_err *err)
{
	const char *part[BIND_PARTS] = { text, NULL, NULL }, *end = NULL;
	cleanup_free char *source = NULL, *target = NULL;
	bool readonly = false;
	size_t n = 0;

	for (const char *p = text;; p = end + 1) {
		end = find_plain(p, ':');
		if (n == BIND_PARTS) {
			berth_fail(err, BERTH_EUSAGE, 0, "too many colons in the bind '%.200s'", text);
			return berth_hint(err, "a colon in a path is written with a backslash before it");
		}
		part[n++] = p;
		if (*end == '\0')
			break;
	}
	source = unescape(part[0], n > 1 ? (size_t)(part[1] - 1 - part[0]) : strlen(part[0]));
	if (n > 1)
		target = unescape(part[1], n > 2 ? (size_t)(part[2] - 1 - part[1]) : strlen(part[1]));
	if (!source || (n > 1 && !target))
		return berth_fail(err, BERTH_ESYS, ENOMEM, "cannot keep a bind");
	if (n > 1 && target[0] == '\0')
		return berth_fail(err, BERTH_EUSAGE, 0, "no target in the bind '%.200s'", text);
	if (n > 2 && parse_flags(part[2], strlen(part[2]), &readonly, err) < 0)
		return -1;
	return bind_add(list, source, target, readonly, cwd, err);
}

/* How many colons part 'n' bytes of 'text'. */
static unsigned int colons(const char *text, size_t n)
{
	unsigned int found = 0;

	for (const char *p = find_plain(text, ':'); p < text + n; p = find_plain(p + 1, ':'))
		found++;
	return found;
}

/* The end of the bind that starts at 'text': a comma, unless an option of this bind follows. */
static const char *bind_end(const char *text)
{
	const char *end = find_plain(text, ',');

	while (*end == ',' && colons(text, (size_t)(end - text)) >= 2) {
		const char *next = find_plain(end + 1, ',');
		size_t n = (size_t)(next - end - 1);

		if (n == 0 || end[1] == '/' || colons(end + 1, n) > 0)
			break;
		end = next;
	}
	return end;
}

int bind_parse_list_at(const char *text, const char *cwd, struct bind_list *list, struct berth_err *err)
{
	size_t before = list->n;

	for (const char *p = text, *end;; p = end + 1) {
		cleanup_free char *one = NULL;

		end = bind_end(p);
		if (end > p) {
			one = strndup(p, (size_t)(end - p));
			if (!one) {
				bind_list_cut(list, before);
				return berth_fail(err, BERTH_ESYS, ENOMEM, "cannot keep a bind");
			}
			if (bind_parse_at(one, cwd, list, err) < 0) {
				bind_list_cut(list, before);
				return -1;
			}
		}
		if (*end == '\0')
			return 0;
	}
}

int bind_parse(const char *text, struct bind_list *list, struct berth_err *err)
{
	return bind_parse_at(text, NULL, list, err);
}

int bind_parse_list(const char *text, struct bind_list *list, struct berth_err *err)
{
	return bind_parse_list_at(text, NULL, list, err);
}

static bool has_target(const struct bind_list *l, size_t n, const char *target)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(l->v[i].target, target) == 0)
			return true;
	return false;
}

int bind_list_append(struct bind_list *list, struct bind_list *more, struct berth_err *err)
{
	size_t before = list->n;
	struct bind *v = reallocarray(list->v, before + more->n + 1, sizeof(*v));

	if (!v)
		return berth_fail(err, BERTH_ESYS, ENOMEM, "cannot keep a bind");
	list->v = v;
	for (size_t i = 0; i < more->n; i++) {
		if (has_target(list, before, more->v[i].target))
			continue;
		v[list->n++] = more->v[i];
		more->v[i] = (struct bind){ 0 };
	}
	bind_list_done(more);
	return 0;
}
