/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * flat_move.c - "lib/x" of an upper layer, where "lib" turned out to be a link to "usr/lib" in a lower one.
 *
 * Whoever applies layers from the lowest up follows the link, within the root, and finds usr/lib. Here
 * lib was a directory until the link came by, and what is in it moves at the end, when everything
 * is known: names that both have go to the higher layer, and what one of them hides is hidden in
 * the other. Nothing leads out of the tree: a ".." at the root stays there.
 */
#include "config.h"

#include <limits.h>
#include <string.h>

#include "libimage/base/err.h"
#include "libimage/layer/flat_priv.h"

enum { LINKS_MAX = 40 }; /* LIMIT: as the kernel's for one path */

static int merge_dirs(struct flat *f, uint32_t from, uint32_t to, struct berth_err *err);

static int lost(const struct flat *f, const char *path, const char *why, struct berth_err *err)
{
	(void)f;
	return berth_fail(err, BERTH_EIMAGE, 0, "a layer has files below a link to '%.160s', which %s", path, why);
}

static const struct tree_node *object(const struct mark *m)
{
	return m->node->same ? m->node->same : m->node;
}

/* Put the target of a link before what is left of a path. */
static int prepend(char *rest, const char *target)
{
	size_t n = strlen(target), have = strlen(rest);

	if (n + 1 + have >= PATH_MAX)
		return -1;
	memmove(rest + n + 1, rest, have + 1);
	memcpy(rest, target, n);
	rest[n] = '/';
	return 0;
}

/* The next component of 'rest', cut off; false: that was the last. */
static const char *next_name(char **rest, size_t *n)
{
	char *p = *rest + strspn(*rest, "/");

	*n = strcspn(p, "/");
	*rest = p + *n;
	return *n > 0 ? p : NULL;
}

int flat_resolve(struct flat *f, uint32_t m, const char *path, enum flat_resolve how, uint32_t *ret,
		 struct berth_err *err)
{
	bool make = how == RESOLVE_MAKE;
	char buf[PATH_MAX], *rest = buf;
	int links = 0;
	size_t n;

	if (strlen(path) >= sizeof(buf))
		return make ? lost(f, path, "is too long", err) : 0;
	memcpy(buf, path, strlen(path) + 1);
	if (path[0] == '/')
		m = 0;
	for (const char *name = next_name(&rest, &n); name; name = next_name(&rest, &n)) {
		const struct mark *mark;
		uint32_t c;

		if (flat_step(f, err) < 0)
			return -1;
		if (n == 1 && name[0] == '.')
			continue;
		if (n == 2 && name[0] == '.' && name[1] == '.') {
			const struct tree_node *up = f->marks[m].node->parent;

			m = up ? up->number : 0;
			continue;
		}
		if (n > FLAT_NAME_MAX)
			return make ? lost(f, path, "has a name that is too long", err) : 0;
		c = make ? flat_get(f, m, name, n, err) : flat_lookup(f, m, name, n);
		if (c == 0)
			return make ? -1 : 0;
		mark = &f->marks[c];
		if (mark_lives(mark) && S_ISLNK(object(mark)->st.st_mode) && (how != RESOLVE_NAME || rest[strspn(rest, "/")])) {
			char left[PATH_MAX];

			memcpy(left, rest, strlen(rest) + 1);
			if (++links > LINKS_MAX || prepend(left, object(mark)->target) < 0)
				return make ? lost(f, path, "leads in circles", err) : 0;
			memcpy(buf, left, strlen(left) + 1);
			rest = buf;
			if (buf[0] == '/')
				m = 0;
			continue;
		}
		if (mark_lives(mark) && !mark_is_dir(mark) && (how != RESOLVE_NAME || rest[strspn(rest, "/")]))
			return make ? lost(f, path, "is no directory", err) : 0;
		m = c;
	}
	*ret = m;
	return 1;
}

/* What one hides of the other, where their cuts say so. */
static int hide(struct flat *f, uint32_t by, uint32_t m, bool name, struct berth_err *err)
{
	const struct mark *a = &f->marks[by], *b = &f->marks[m];

	if (name && mark_lives(b) && b->layer > a->cut && flat_release(f, m, err) < 0)
		return -1;
	if (name && b->implied > a->cut)
		f->marks[m].implied = 0;
	if (a->cut_below == FLAT_UNCUT)
		return 0;
	return flat_strip(f, m, (uint16_t)(a->cut_below + 1), UINT16_MAX, err);
}

static void join_cuts(struct mark *to, const struct mark *from, bool name)
{
	if (name && to->cut > from->cut)
		to->cut = from->cut;
	if (to->cut_below > from->cut_below)
		to->cut_below = from->cut_below;
}

/* The file, or what else is no directory, under the name 'from' gets the name 'to', which has none. */
static void take_file(struct flat *f, uint32_t from, uint32_t to)
{
	struct mark *a = &f->marks[from], *b = &f->marks[to];
	struct tree_node *node = a->node, *parent = node->parent;

	node->parent = b->node->parent;
	b->node->parent = parent;
	a->node = b->node;
	b->node = node;
	a->node->number = from;
	b->node->number = to;
	b->layer = a->layer;
	b->side = a->side;
	b->wanting = a->wanting;
	if (b->wanting)
		f->wants[b->side].link = to;
	a->layer = 0;
	a->side = 0;
	a->wanting = false;
}

static void take_metadata(struct mark *from, struct mark *to)
{
	to->node->st = from->node->st;
	to->node->xattr = from->node->xattr;
	to->layer = from->layer;
}

/* Both are there: which one stays? After this at most one is no directory, and then the other holds nothing. */
static int settle_kinds(struct flat *f, uint32_t from, uint32_t *to, struct berth_err *err)
{
	struct mark *a = &f->marks[from], *b = &f->marks[*to];
	int rc;

	if (mark_lives(a) && !mark_is_dir(a)) {
		/* What is not hidden by 'a' comes from its own layer or above. */
		if (mark_lives(b))
			return flat_release(f, from, err);
		rc = flat_holds(f, *to, S_ISLNK(a->node->st.st_mode) ? FLAT_UNCUT : 0, err);
		if (rc < 0 || (rc == 0 && b->implied == 0))
			return rc;
		if (!S_ISLNK(a->node->st.st_mode))
			return flat_release(f, from, err);
		*to = flat_detach(f, *to, err);
		return *to != 0 ? 0 : -1;
	}
	if (!mark_lives(b) || mark_is_dir(b))
		return 0;
	if (mark_lives(a))
		return flat_release(f, *to, err);
	rc = flat_holds(f, from, S_ISLNK(b->node->st.st_mode) ? FLAT_UNCUT : 0, err);
	if (rc < 0 || (rc == 0 && a->implied == 0))
		return rc;
	if (!S_ISLNK(b->node->st.st_mode))
		return flat_release(f, *to, err);
	a->detached = true;
	return flat_add_move(f, from, *to, err);
}

/* Two marks of one name become one, 'to'. */
static int merge(struct flat *f, uint32_t from, uint32_t to, struct berth_err *err)
{
	struct mark *a, *b;

	if (hide(f, from, to, true, err) < 0 || hide(f, to, from, true, err) < 0 ||
	    settle_kinds(f, from, &to, err) < 0)
		return -1;
	for (size_t i = 0; i < f->nmoves; i++) {
		if (flat_step(f, err) < 0)
			return -1;
		if (f->moves[i].link == from)
			f->moves[i].link = to;
	}
	a = &f->marks[from];
	b = &f->marks[to];
	join_cuts(b, a, true);
	if (a->detached)
		return 0;
	if (mark_lives(a) && !mark_is_dir(a)) {
		take_file(f, from, to);
		return 0;
	}
	if (mark_lives(a) && (!mark_lives(b) || a->layer < b->layer))
		take_metadata(a, b);
	a->layer = 0;
	if (b->implied == 0 || (a->implied != 0 && a->implied < b->implied))
		b->implied = a->implied;
	return a->child != 0 ? merge_dirs(f, from, to, err) : 0;
}

static int merge_dirs(struct flat *f, uint32_t from, uint32_t to, struct berth_err *err)
{
	uint32_t c = f->marks[from].child;

	f->marks[from].child = 0;
	while (c != 0) {
		const struct mark *mark = &f->marks[c];
		uint32_t next = mark->next, there;
		int rc = 0;

		if (flat_step(f, err) < 0)
			return -1;
		if (!mark->detached) {
			there = flat_lookup(f, to, mark->node->name, strlen(mark->node->name));
			rc = there != 0 ? merge(f, c, there, err) : flat_rehang(f, c, to, err);
		}
		if (rc < 0)
			return -1;
		c = next;
	}
	return 0;
}

static bool is_within(const struct flat *f, uint32_t m, uint32_t dir)
{
	for (const struct tree_node *node = f->marks[m].node; node; node = node->parent)
		if (node->number == dir)
			return true;
	return false;
}

static int move(struct flat *f, const struct move *mv, struct berth_err *err)
{
	uint32_t to = mv->link, dir = mv->dir;
	const struct mark *link = &f->marks[to];
	int holds = flat_holds(f, dir, 0, err), rc = flat_holds(f, dir, FLAT_UNCUT, err);

	if (holds < 0 || rc < 0)
		return -1;
	if (rc == 0 && f->marks[dir].cut_below == FLAT_UNCUT)
		return 0;
	if (mark_lives(link) && S_ISLNK(object(link)->st.st_mode)) {
		char target[PATH_MAX];

		memcpy(target, object(link)->target, strlen(object(link)->target) + 1);
		rc = flat_resolve(f, link->node->parent->number, target,
				  holds ? RESOLVE_MAKE : RESOLVE_DIR, &to, err);
		if (rc <= 0)
			return rc;
		if (is_within(f, to, dir))
			return lost(f, target, "leads in circles", err);
	} else if (mark_lives(link) && !mark_is_dir(link) && flat_release(f, to, err) < 0) {
		return -1;
	}
	if (hide(f, dir, to, false, err) < 0 || hide(f, to, dir, false, err) < 0)
		return -1;
	join_cuts(&f->marks[to], &f->marks[dir], false);
	return merge_dirs(f, dir, to, err);
}

int flat_moves(struct flat *f, struct berth_err *err)
{
	/* A link that is moved onto may be one more. */
	for (size_t i = 0; i < f->nmoves; i++) {
		struct move mv = f->moves[i];

		if (move(f, &mv, err) < 0)
			return -1;
	}
	return 0;
}
