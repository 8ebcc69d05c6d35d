/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * flat_link.c - hard links, whose files may come later, in lower layers, or not at all under their names.
 *
 * A link is to what its own layer and those below have under the target's name, whatever layers
 * above have made of it. Mostly that came by just before, and stays: then the link is bound at once. Else
 * it wants it, until
 *   - it comes by in a lower layer: if it is hidden under its own name, the link's node takes its bytes, and
 *     others that want it are bound to that;
 *   - the layer ends and it was passed over in it before the link came: the layer is read again;
 *   - all are through: then it is what has that name now, in the link's layer or below;
 *   - a layer takes it away: such an image is refused.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "libimage/base/err.h"
#include "libimage/layer/flat_priv.h"

enum { SEED_WANT = 1, SEED_PASSED = 2, SEED_DIR = 3 }; /* of hashes that have nothing to do with each other */

static int no_target(const struct flat *f, const struct want *w, struct berth_err *err)
{
	char link[160];

	tree_path(f->marks[w->link].node, link, sizeof(link));
	return berth_fail(err, BERTH_EIMAGE, 0, "'%s' is a hard link to '%.120s', which is not there", link, w->path);
}

/* ---- names that were passed over in this layer ---- */

static struct passed *passed_slot(const struct flat *f, uint64_t hash)
{
	size_t at = hash & (f->passed_size - 1);

	while (f->passed[at].hash != 0 && f->passed[at].hash != hash)
		at = (at + 1) & (f->passed_size - 1);
	return &f->passed[at];
}

static int passed_room(struct flat *f, struct berth_err *err)
{
	struct passed *old = f->passed;
	size_t n = f->passed_size, size = n ? n * 2 : 256;

	if (f->npassed < n - n / 4)
		return 0;
	f->passed = calloc(size, sizeof(*old));
	if (!f->passed) {
		f->passed = old;
		return flat_nomem(err);
	}
	f->passed_size = size;
	for (size_t i = 0; i < n; i++)
		if (old[i].hash != 0)
			*passed_slot(f, old[i].hash) = old[i];
	free(old);
	return 0;
}

static uint64_t passed_hash(const struct flat *f, const char *path)
{
	return flat_hash(f, path, strlen(path), (uint64_t)SEED_PASSED << 32) | 1;
}

int flat_pass(struct flat *f, const char *path, const char *link, uint32_t lead, struct berth_err *err)
{
	uint64_t hash = passed_hash(f, path);
	struct passed *p;

	if (passed_room(f, err) < 0)
		return -1;
	p = passed_slot(f, hash);
	f->npassed += p->hash == 0;
	p->hash = hash;
	p->lead = lead;
	free(p->link);
	p->link = link ? strdup(link) : NULL;
	return link && !p->link ? flat_nomem(err) : 0;
}

static void passed_clear(struct flat *f)
{
	for (size_t i = 0; i < f->passed_size; i++)
		free(f->passed[i].link);
	free(f->passed);
	f->passed = NULL;
	f->passed_size = f->npassed = 0;
}

/*
 * Was what 'w' wants, 'path', passed over? Then it must be read again, or a link took it. *path becomes
 * what it is a link to, if it is one.
 */
static void look_back(const struct flat *f, struct want *w, const char **path)
{
	w->again = false;
	w->found = 0;
	for (size_t i = 0; i < f->npassed; i++) {
		const struct passed *p = passed_slot(f, passed_hash(f, *path));

		if (p->hash == 0)
			return;
		if (!p->link) {
			w->again = p->lead == 0;
			w->found = p->lead;
			return;
		}
		*path = p->link;
	}
}

/* ---- directories that wanted paths lead through ---- */

static uint64_t *dir_slot(const struct flat *f, uint64_t hash)
{
	size_t at = hash & (f->want_dirs_size - 1);

	while (f->want_dirs[at] != 0 && f->want_dirs[at] != hash)
		at = (at + 1) & (f->want_dirs_size - 1);
	return &f->want_dirs[at];
}

static int dirs_room(struct flat *f, struct berth_err *err)
{
	uint64_t *old = f->want_dirs;
	size_t n = f->want_dirs_size, size = n ? n * 2 : 256;

	if (f->nwant_dirs < n - n / 4)
		return 0;
	f->want_dirs = calloc(size, sizeof(*old));
	if (!f->want_dirs) {
		f->want_dirs = old;
		return flat_nomem(err);
	}
	f->want_dirs_size = size;
	for (size_t i = 0; i < n; i++)
		if (old[i] != 0)
			*dir_slot(f, old[i]) = old[i];
	free(old);
	return 0;
}

static uint64_t dir_hash(const struct flat *f, const char *path, size_t n)
{
	return flat_hash(f, path, n, (uint64_t)SEED_DIR << 32) | 1;
}

/* The path itself too: what is below a file is gone, and so is the file that a directory replaces. */
static int note_dirs(struct flat *f, const char *path, struct berth_err *err)
{
	for (size_t n = 0;; n++) {
		uint64_t hash, *slot;

		if (n > 0 && path[n] != '/' && path[n] != '\0')
			continue;
		hash = dir_hash(f, path, n);
		if (dirs_room(f, err) < 0)
			return -1;
		slot = dir_slot(f, hash);
		f->nwant_dirs += *slot == 0;
		*slot = hash;
		if (path[n] == '\0')
			return 0;
	}
}

int flat_unwant(struct flat *f, const char *path, bool below, bool is_link, struct berth_err *err)
{
	size_t n = strlen(path);

	if (f->open_wants == 0 || f->second || *dir_slot(f, dir_hash(f, path, n)) == 0)
		return 0;
	for (uint32_t i = 0; i < f->nwants; i++) {
		struct want *w = &f->wants[i];

		if (flat_step(f, err) < 0)
			return -1;
		if (w->link == 0 || w->layer >= f->layer || (n > 0 && strncmp(w->path, path, n) != 0))
			continue;
		if (n > 0 && w->path[n] != '/' && (w->path[n] != '\0' || below))
			continue;
		if (!is_link)
			w->gone = true;
		if (w->until > f->layer)
			w->until = f->layer;
	}
	return 0;
}

/* ---- wants ---- */

static uint64_t want_hash(const struct flat *f, const char *path)
{
	return flat_hash(f, path, strlen(path), (uint64_t)SEED_WANT << 32);
}

/* Give the want 'i' the path it is about; it was about none, or another one. */
static int want_path(struct flat *f, uint32_t i, const char *path, struct berth_err *err)
{
	struct want *w = &f->wants[i];
	char *own = strdup(path);
	uint32_t *head;

	if (!own)
		return flat_nomem(err);
	free(w->path);
	w->path = own;
	w->hash = want_hash(f, own);
	head = &f->want_heads[w->hash % FLAT_WANT_HEADS];
	w->next = *head;
	*head = i + 1;
	return note_dirs(f, own, err);
}

static void unlist(struct flat *f, uint32_t i)
{
	uint32_t *at = &f->want_heads[f->wants[i].hash % FLAT_WANT_HEADS];

	while (*at != i + 1)
		at = &f->wants[*at - 1].next;
	*at = f->wants[i].next;
}

static int add_want(struct flat *f, uint32_t link, const char *path, struct berth_err *err)
{
	struct want *w;

	if (f->nwants == FLAT_WANTS_MAX)
		return berth_fail(err, BERTH_EIMAGE, 0, "more than %d hard links come before their files",
				  FLAT_WANTS_MAX);
	if (f->nwants == f->wants_size) {
		uint32_t size = f->wants_size ? f->wants_size * 2 : 16;

		w = reallocarray(f->wants, size, sizeof(*w));
		if (!w)
			return flat_nomem(err);
		f->wants = w;
		f->wants_size = size;
	}
	w = &f->wants[f->nwants];
	memset(w, 0, sizeof(*w));
	w->until = FLAT_UNCUT;
	look_back(f, w, &path);
	if (want_path(f, f->nwants, path, err) < 0) {
		free(w->path);
		return -1;
	}
	w->link = link;
	w->layer = f->layer;
	f->marks[link].side = f->nwants++;
	f->marks[link].wanting = true;
	f->open_wants++;
	return 0;
}

static void bind_to(struct flat *f, uint32_t link, struct tree_node *target)
{
	struct tree_node *holder = target->same ? target->same : target;

	f->marks[link].node->same = holder;
	holder->links++;
}

static void close_want(struct flat *f, struct want *w)
{
	f->marks[w->link].wanting = false;
	f->marks[w->link].side = 0;
	w->link = 0;
	f->open_wants--;
}

/* What a link took for its own came twice in its layer: the later one is it. */
static int give_back(struct flat *f, uint32_t link, struct berth_err *err)
{
	struct mark was = f->marks[link], *m = &f->marks[link];

	m->wanting = false;
	if (flat_release(f, link, err) < 0)
		return -1;
	m->layer = was.layer;
	m->wanting = was.wanting;
	m->side = was.side;
	return 0;
}

/* Upper layers want 'path', which is itself a link, to 'target' (if that is known) or 'to'. */
static int hand_on(struct flat *f, const char *path, struct tree_node *target, const char *to, struct berth_err *err)
{
	uint64_t hash;

	if (f->open_wants == 0)
		return 0;
	hash = want_hash(f, path);
	for (uint32_t i = f->want_heads[hash % FLAT_WANT_HEADS], next; i != 0; i = next) {
		struct want *w = &f->wants[i - 1];
		const char *plain = to;

		next = w->next;
		if (flat_step(f, err) < 0)
			return -1;
		if (w->link == 0 || w->hash != hash || strcmp(w->path, path) != 0)
			continue;
		if (w->found == w->link && give_back(f, w->link, err) < 0)
			return -1;
		if (target) {
			bind_to(f, w->link, target);
			close_want(f, w);
			continue;
		}
		unlist(f, i - 1);
		look_back(f, w, &plain);
		w->layer = f->layer; /* what the link there is to */
		w->until = FLAT_UNCUT;
		if (want_path(f, i - 1, plain, err) < 0)
			return -1;
	}
	return 0;
}

int flat_wanted(struct flat *f, const char *path, uint32_t m, uint32_t *ret, struct berth_err *err)
{
	uint32_t lead = 0;
	uint64_t hash;

	if (f->open_wants == 0)
		return 0;
	hash = want_hash(f, path);
	for (uint32_t i = f->want_heads[hash % FLAT_WANT_HEADS]; i != 0; i = f->wants[i - 1].next) {
		struct want *w = &f->wants[i - 1];

		if (flat_step(f, err) < 0)
			return -1;
		if (w->link == 0 || w->hash != hash || strcmp(w->path, path) != 0 || f->layer > w->until ||
		    (f->second ? !w->again : w->layer == f->layer))
			continue;
		if (w->found == w->link && give_back(f, w->link, err) < 0)
			return -1;
		if (m == 0 && lead == 0)
			lead = w->link;
		w->found = m ? m : lead;
	}
	if (lead == 0)
		return 0;
	*ret = lead;
	return 1;
}

static int target_is_dir(const char *path, const char *target, struct berth_err *err)
{
	return berth_fail(err, BERTH_EIMAGE, 0, "'%.120s' is a hard link to the directory '%.120s'", path, target);
}

static int to_itself(const char *path, struct berth_err *err)
{
	return berth_fail(err, BERTH_EIMAGE, 0, "'%.200s' is a hard link to itself", path);
}

static bool is_below(const char *path, const char *dir)
{
	size_t n = strlen(dir);

	return n > 0 && strncmp(path, dir, n) == 0 && path[n] == '/';
}

int flat_link(struct flat *f, const char *path, const char *target, struct berth_err *err)
{
	char plain[PATH_MAX];
	const char *to = plain;
	struct tree_node *known = NULL;
	const struct mark *mark;
	uint32_t t, m;
	int rc;

	if (f->second)
		return 0;
	if (flat_plain(f, target, "link target", plain, err) < 0)
		return -1;
	t = flat_find(f, plain);
	mark = &f->marks[t];
	if (is_below(plain, path))
		return berth_fail(err, BERTH_EIMAGE, 0, "'%.200s' is a hard link to what lies below it", path);
	if (plain[0] == '\0' || (t != 0 && mark->layer == f->layer && mark_is_dir(mark)))
		return target_is_dir(path, plain, err);
	if (strcmp(path, plain) == 0) {
		if (t != 0 && mark->layer == f->layer)
			return 0;
		return to_itself(path, err);
	}
	if (t != 0 && mark->layer == f->layer) {
		if (mark->wanting)
			memcpy(plain, f->wants[mark->side].path, strlen(f->wants[mark->side].path) + 1);
		else
			known = mark->node;
	}
	if (flat_unwant(f, path, true, false, err) < 0)
		return -1;
	rc = flat_claim(f, path, false, &m, err);
	if (rc < 0)
		return -1;
	if (rc == 0) {
		f->counts.hidden++;
		if (flat_pass(f, path, to, 0, err) < 0)
			return -1;
	} else if (known) {
		bind_to(f, m, known);
	} else if (strcmp(path, plain) == 0) {
		return to_itself(path, err);
	} else if (add_want(f, m, to, err) < 0) {
		return -1;
	}
	return hand_on(f, path, known, to, err);
}

/* What was found while the layer was read is bound to what it came to at its end. */
static int settle_want(struct flat *f, uint32_t i, struct berth_err *err)
{
	struct want *w = &f->wants[i];
	const struct mark *m = &f->marks[w->found];

	if (w->found == 0)
		return w->gone ? no_target(f, w, err) : 0;
	if (w->found != w->link) {
		if (!mark_lives(m) || mark_is_dir(m))
			return no_target(f, w, err);
		if (m->wanting && f->wants[m->side].found != w->found) {
			uint32_t other = m->side; /* it is a link that wants something itself */

			unlist(f, i);
			w->found = 0;
			w->again = f->wants[other].again;
			w->layer = f->wants[other].layer;
			w->until = f->wants[other].until;
			return want_path(f, i, f->wants[other].path, err);
		}
		bind_to(f, w->link, m->node);
	}
	close_want(f, w);
	return 0;
}

/* Those that are open, in the order they came, and lists of these alone. */
static void pack_wants(struct flat *f)
{
	uint32_t n = 0;

	memset(f->want_heads, 0, sizeof(f->want_heads));
	for (uint32_t i = 0; i < f->nwants; i++) {
		struct want w = f->wants[i];
		uint32_t *head = &f->want_heads[w.hash % FLAT_WANT_HEADS];

		if (w.link == 0) {
			free(w.path);
			continue;
		}
		w.next = *head;
		w.gone = false;
		*head = n + 1;
		f->marks[w.link].side = n;
		f->wants[n++] = w;
	}
	f->nwants = n;
}

int flat_links_end(struct flat *f, struct berth_err *err)
{
	bool again = false;

	if (f->second)
		passed_clear(f);
	for (uint32_t i = 0; i < f->nwants; i++) {
		struct want *w = &f->wants[i];

		if (w->link == 0)
			continue;
		if (f->second && w->found == 0)
			w->again = false;
		if (!w->again || w->found != 0) {
			if (settle_want(f, i, err) < 0)
				return -1;
		}
		again = again || (w->link != 0 && w->again);
	}
	if (again && !f->second)
		return 1;
	passed_clear(f);
	pack_wants(f);
	return 0;
}

int flat_links_finish(struct flat *f, struct berth_err *err)
{
	for (bool more = true; more && f->open_wants > 0;) {
		more = false;
		for (uint32_t i = 0; i < f->nwants; i++) {
			struct want *w = &f->wants[i];
			const struct mark *m;
			uint32_t t;
			int rc;

			if (w->link == 0)
				continue;
			rc = flat_resolve(f, 0, w->path, RESOLVE_NAME, &t, err);
			if (rc < 0)
				return -1;
			m = &f->marks[t];
			if (rc == 0 || m->wanting || !mark_lives(m) || mark_is_dir(m) || m->layer < w->layer)
				continue;
			bind_to(f, w->link, m->node);
			close_want(f, w);
			more = true;
		}
	}
	for (uint32_t i = 0; i < f->nwants; i++)
		if (f->wants[i].link != 0)
			return no_target(f, &f->wants[i], err);
	return 0;
}

void flat_links_free(struct flat *f)
{
	passed_clear(f);
	for (uint32_t i = 0; i < f->nwants; i++)
		free(f->wants[i].path);
	free(f->wants);
	free(f->want_dirs);
}
