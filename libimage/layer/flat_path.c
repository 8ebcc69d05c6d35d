/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * flat_path.c - the paths of entries: what they may be, and where they lead in the tree.
 *
 * A path is a list of names to look up, nothing else: no file system is asked, and a link is only
 * followed within the tree that is being made.
 */
#include "config.h"

#include <string.h>

#include "libimage/base/err.h"
#include "libimage/layer/flat_priv.h"

static int bad(const char *path, const char *what, const char *why, struct berth_err *err)
{
	return berth_fail(err, BERTH_EIMAGE, 0, "the %s '%.200s' %s", what, path, why);
}

int flat_plain(const struct flat *f, const char *path, const char *what, char *out, struct berth_err *err)
{
	unsigned int depth = 0;
	size_t at = 0;

	if (path[0] == '\0')
		return bad(path, what, "is empty", err);
	while (*path) {
		size_t n = strcspn(path, "/");

		if (n > FLAT_NAME_MAX)
			return bad(path, what, "has a component of more than 255 bytes", err);
		if (n == 2 && path[0] == '.' && path[1] == '.')
			return bad(path, what, "leads upwards with '..'", err);
		if (n > 0 && !(n == 1 && path[0] == '.')) {
			if (at + 1 + n >= PATH_MAX)
				return bad(path, what, "is longer than a path may be", err);
			if (++depth > f->limits->depth)
				return bad(path, what, "goes through too many directories", err);
			if (at > 0)
				out[at++] = '/';
			memcpy(out + at, path, n);
			at += n;
		}
		path += n;
		path += *path == '/';
	}
	out[at] = '\0';
	return 0;
}

/* The directory that 'm' is for an entry below it, of the layer that is read now. 1, 0 hidden, -1. */
static int pass_through(struct flat *f, uint32_t m, const char *path, uint32_t *ret, struct berth_err *err)
{
	const struct mark *mark = &f->marks[m];

	if (f->layer > mark->cut_below)
		return 0;
	if (mark_lives(mark) && !mark_is_dir(mark)) {
		/* Of this very layer, else it would be a cut. */
		if (!S_ISLNK(mark->node->st.st_mode) || mark->node->same)
			return bad(path, "name", "lies below a file that is no directory", err);
		m = flat_side(f, m, err);
		if (m == 0)
			return -1;
	}
	*ret = m;
	return 1;
}

int flat_walk(struct flat *f, const char *path, bool implies, uint32_t *ret, struct berth_err *err)
{
	const char *last = strrchr(path, '/'), *p = path;
	size_t dir_n = last ? (size_t)(last - path) : 0;
	uint32_t at = 0;

	if (path[0] == '\0') {
		*ret = 0;
		return 1;
	}
	/* Entries of one directory come in a row. */
	if (f->last_known && f->last_n == dir_n && memcmp(f->last, path, dir_n) == 0) {
		at = f->last_mark;
		p = last ? last + 1 : path;
	}
	for (;;) {
		size_t n = strcspn(p, "/");
		int rc = pass_through(f, at, path, &at, err);

		if (rc <= 0)
			return rc;
		if (implies && f->marks[at].implied == 0)
			f->marks[at].implied = f->layer;
		if (p[n] == '\0' && implies) {
			memcpy(f->last, path, dir_n);
			f->last_n = dir_n;
			f->last_mark = at;
			f->last_known = true;
		}
		at = flat_get(f, at, p, n, err);
		if (at == 0)
			return -1;
		if (p[n] == '\0')
			break;
		p += n + 1;
	}
	*ret = at;
	return 1;
}

uint32_t flat_find(const struct flat *f, const char *path)
{
	uint32_t at = 0;

	for (const char *p = path; *p;) {
		const struct mark *mark = &f->marks[at];
		size_t n = strcspn(p, "/");

		if (mark_lives(mark) && S_ISLNK(mark->node->st.st_mode))
			at = mark->side;
		if (at == 0 && p != path)
			return 0;
		at = flat_lookup(f, at, p, n);
		if (at == 0)
			return 0;
		p += n;
		p += *p == '/';
	}
	return at;
}
