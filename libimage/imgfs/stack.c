/* SPDX-License-Identifier: BSD-3-Clause */
/* stack.c - several read-only images as one tree; see stack.h. */
#include "config.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "libimage/base/cleanup.h"
#include "libimage/base/err.h"
#include "libimage/base/imgfs_wire.h"
#include "libimage/imgfs/stack.h"

enum {
	POS_BITS = 40, /* a position: the part of the directory, and the place in that part */
	TABLE_MIN = 64,
	/* LIMIT: names in a row that others hide, in one request; no honest directory has so many */
	HIDDEN_MAX = 1 << 20,
};
/* What one part says of a name, or -1 for an error. */
enum { SAYS_NOTHING, SAYS_YES, SAYS_GONE };
static const uint64_t REF_MASK = (1ull << SQUASH_REF_BITS) - 1, POS_MASK = (1ull << POS_BITS) - 1;

/* A directory that several sources have. */
struct merged {
	uint32_t n;
	uint64_t part[]; /* ids, topmost first; part[0] names it */
};

struct stack {
	uint32_t n;
	struct squash *fs[IMGFS_SOURCES_MAX];
	pthread_rwlock_t lock; /* of the table; what it points to never changes and is never freed */
	struct merged **cell;
	size_t size, used; /* size: a power of two, or 0 */
};

/* The parts of one directory, on the way. */
struct parts {
	uint32_t n;
	uint64_t id[IMGFS_SOURCES_MAX];
};

struct stack *stack_new(struct squash *const *v, uint32_t n)
{
	struct stack *s = n < 1 || n > IMGFS_SOURCES_MAX ? NULL : calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	(void)pthread_rwlock_init(&s->lock, NULL);
	s->n = n;
	for (uint32_t i = 0; i < n; i++)
		s->fs[i] = v[i];
	return s;
}

struct stack *stack_free(struct stack *s)
{
	if (!s)
		return NULL;
	for (size_t i = 0; i < s->size; i++)
		free(s->cell[i]);
	free(s->cell);
	(void)pthread_rwlock_destroy(&s->lock);
	free(s);
	return NULL;
}

static size_t slot_of(const struct stack *s, uint64_t id)
{
	size_t i = (size_t)(id * 0x9E3779B97F4A7C15u >> 20) & (s->size - 1);

	while (s->cell[i] && s->cell[i]->part[0] != id)
		i = (i + 1) & (s->size - 1);
	return i;
}

static const struct merged *find(const struct stack *s, uint64_t id)
{
	/* The lock is the stack's only changing part that a reader needs. */
	pthread_rwlock_t *lock = (pthread_rwlock_t *)(uintptr_t)&s->lock;
	const struct merged *m = NULL;

	if (s->n == 1)
		return NULL;
	(void)pthread_rwlock_rdlock(lock);
	if (s->size > 0)
		m = s->cell[slot_of(s, id)];
	(void)pthread_rwlock_unlock(lock);
	return m;
}

static int make_room(struct stack *s)
{
	size_t size = s->size ? s->size * 2 : TABLE_MIN, old_size = s->size;
	struct merged **cell, **old = s->cell;

	if (s->used * 2 < s->size)
		return 0;
	cell = calloc(size, sizeof(struct merged *));
	if (!cell)
		return -1;
	s->cell = cell;
	s->size = size;
	for (size_t i = 0; i < old_size; i++)
		if (old[i])
			s->cell[slot_of(s, old[i]->part[0])] = old[i];
	free(old);
	return 0;
}

/* Remember the parts of a directory, so that its id stands for all of them. */
static int remember(struct stack *s, const struct parts *p, struct berth_err *err)
{
	cleanup_free struct merged *m = NULL;
	int rc = 0;

	if (p->n < 2 || find(s, p->id[0]))
		return 0;
	m = malloc(sizeof(*m) + p->n * sizeof(m->part[0]));
	if (!m)
		return berth_fail(err, BERTH_ESYS, ENOMEM, "cannot merge a directory");
	m->n = p->n;
	memcpy(m->part, p->id, p->n * sizeof(m->part[0]));
	(void)pthread_rwlock_wrlock(&s->lock);
	if (make_room(s) < 0) {
		rc = berth_fail(err, BERTH_ESYS, ENOMEM, "cannot merge a directory");
	} else {
		size_t i = slot_of(s, m->part[0]);

		if (!s->cell[i]) {
			s->cell[i] = take_ptr(&m);
			s->used++;
		}
	}
	(void)pthread_rwlock_unlock(&s->lock);
	return rc;
}

static void parts_of(const struct stack *s, uint64_t id, struct parts *ret)
{
	const struct merged *m = find(s, id);

	ret->n = m ? m->n : 1;
	ret->id[0] = id;
	if (m)
		memcpy(ret->id, m->part, m->n * sizeof(m->part[0]));
}

bool stack_is_merged(const struct stack *s, uint64_t id)
{
	return find(s, id) != NULL;
}

int stack_inode(const struct stack *s, struct squash_worker *w, uint64_t id, struct squash_inode *ret,
		struct berth_err *err)
{
	uint64_t source = id >> SQUASH_REF_BITS;

	if (source >= s->n)
		return berth_fail(err, BERTH_EIMAGE, 0, "the image is damaged: no such source");
	return squash_inode_get(w, s->fs[source], id & REF_MASK, ret, err);
}

/* ---- whiteouts: only asked for where there is more than one source --------------------------- */

static bool is_marker(const char *name)
{
	return strncmp(name, ".wh.", 4) == 0;
}

/* overlayfs's: a character device 0:0. 1, 0 or -1. */
static int is_whiteout(struct squash_worker *w, struct squash *fs, uint64_t ref, mode_t type,
		       struct berth_err *err)
{
	struct squash_inode o;

	if (type != S_IFCHR)
		return 0;
	if (squash_inode_get(w, fs, ref, &o, err) < 0)
		return -1;
	return o.rdev == 0;
}

/* The OCI layer's whiteout of 'name' in the directory 'dir'. 1, 0 or -1. */
static int has_marker(struct squash_worker *w, const struct squash_inode *dir, const char *name,
		      struct berth_err *err)
{
	char marker[SQUASH_NAME_MAX + 5] = ".wh.";
	struct squash_dirent ent;

	if (strlen(name) > SQUASH_NAME_MAX - 4) /* no name is that long */
		return 0;
	memcpy(marker + 4, name, strlen(name) + 1);
	return squash_lookup(w, dir, marker, &ent, err);
}

/* Does the directory hide all that lies below it? 1, 0 or -1. */
static int is_opaque(struct squash_worker *w, const struct squash_inode *dir, struct berth_err *err)
{
	static const char *const names[] = { "trusted.overlay.opaque", "user.overlay.opaque" };
	char value[4];
	int rc = has_marker(w, dir, ".wh..opq", err);

	for (size_t i = 0; rc == 0 && i < ARRAY_SIZE(names); i++) {
		ssize_t n = squash_xattr_get(w, dir, names[i], value, sizeof(value), err);

		rc = n == -1 ? -1 : n == 1 && value[0] == 'y';
	}
	return rc;
}

/* One name in one part; *ret for SAYS_YES. */
static int look(const struct stack *s, struct squash_worker *w, uint64_t part, const char *name,
		struct stack_found *ret, struct berth_err *err)
{
	struct squash_inode dir;
	struct squash_dirent ent;
	uint64_t source = part >> SQUASH_REF_BITS;
	int rc;

	if (stack_inode(s, w, part, &dir, err) < 0)
		return -1;
	rc = squash_lookup(w, &dir, name, &ent, err);
	if (rc > 0 && s->n > 1) {
		rc = is_whiteout(w, dir.fs, ent.ref, ent.type, err);
		if (rc != 0)
			return rc < 0 ? -1 : SAYS_GONE;
		rc = 1;
	}
	if (rc > 0) {
		uint64_t id = source << SQUASH_REF_BITS | ent.ref;

		*ret = (struct stack_found){ .id = id, .type = ent.type, .ino = stack_ino(id, ent.ino) };
		return SAYS_YES;
	}
	if (rc == 0 && s->n > 1)
		rc = has_marker(w, &dir, name, err);
	return rc < 0 ? -1 : rc > 0 ? SAYS_GONE : SAYS_NOTHING;
}

/* The parts of the directory that 'first' is the topmost of, looked for in dir->id[from...]. */
static int gather(const struct stack *s, struct squash_worker *w, const struct parts *dir, uint32_t from,
		  const char *name, const struct stack_found *first, struct parts *ret,
		  struct berth_err *err)
{
	struct stack_found f = *first;
	struct squash_inode o;
	int rc;

	ret->n = 0;
	for (;;) {
		ret->id[ret->n++] = f.id;
		if (from >= dir->n)
			return 0;
		if (stack_inode(s, w, f.id, &o, err) < 0)
			return -1;
		if (!S_ISDIR(o.mode)) /* damaged; whoever asks for it is told */
			return 0;
		rc = is_opaque(w, &o, err);
		if (rc != 0)
			return rc < 0 ? -1 : 0;
		do {
			rc = look(s, w, dir->id[from++], name, &f, err);
		} while (rc == SAYS_NOTHING && from < dir->n);
		if (rc < 0)
			return -1;
		if (rc != SAYS_YES || f.type != S_IFDIR)
			return 0;
	}
}

int stack_root(struct stack *s, struct squash_worker *w, uint64_t *ret_id, struct squash_inode *ret,
	       struct berth_err *err)
{
	struct squash_inode o;
	struct parts p = { .n = 0 };
	int opaque = 0;

	for (uint32_t i = 0; i < s->n && !opaque; i++) {
		uint64_t ref = squash_info(s->fs[i])->root;

		if (squash_inode_get(w, s->fs[i], ref, &o, err) < 0)
			return -1;
		if (!S_ISDIR(o.mode))
			return berth_fail(err, BERTH_EIMAGE, 0, "the image is damaged: its root is no directory");
		if (i == 0)
			*ret = o;
		p.id[p.n++] = (uint64_t)i << SQUASH_REF_BITS | ref;
		if (s->n > 1)
			opaque = is_opaque(w, &o, err);
		if (opaque < 0)
			return -1;
	}
	*ret_id = p.id[0];
	return remember(s, &p, err);
}

int stack_lookup(struct stack *s, struct squash_worker *w, uint64_t dir, const char *name,
		 struct stack_found *ret, struct berth_err *err)
{
	struct parts at, below;
	int rc = SAYS_NOTHING;

	if (s->n == 1)
		return look(s, w, dir, name, ret, err);
	if (is_marker(name))
		return 0;
	parts_of(s, dir, &at);
	for (uint32_t i = 0; i < at.n && rc == SAYS_NOTHING; i++) {
		rc = look(s, w, at.id[i], name, ret, err);
		if (rc == SAYS_YES && ret->type == S_IFDIR && i + 1 < at.n &&
		    (gather(s, w, &at, i + 1, name, ret, &below, err) < 0 || remember(s, &below, err) < 0))
			rc = -1;
	}
	return rc == SAYS_GONE ? 0 : rc;
}

int stack_entry(const struct stack *s, struct squash_worker *w, const struct stack_found *found,
		const char *name, struct squash_inode *ret, struct berth_err *err)
{
	if (stack_inode(s, w, found->id, ret, err) < 0)
		return -1;
	if ((ret->mode & S_IFMT) != found->type)
		return berth_fail(err, BERTH_EIMAGE, 0,
				  "the image is damaged: '%s' is not what its directory says", name);
	if (found->id == squash_info(s->fs[0])->root) /* KERNEL: it takes the root from nobody, and says EIO */
		return berth_fail(err, BERTH_EIMAGE, 0, "the image is damaged: '%s' is the root itself", name);
	return 0;
}

/* A listing as it goes on. */
struct listing {
	struct stack *s;
	struct squash_worker *w;
	struct parts at;
	uint32_t part, hidden;
	stack_each each;
	void *arg;
	struct berth_err *err;
};

/* Is an entry of part 'l->part' a whiteout, or is its name taken by a part above? 1, 0 or -1. */
static int hide(struct listing *l, const struct squash_dirent *ent)
{
	struct stack_found f;
	int rc = is_whiteout(l->w, l->s->fs[l->at.id[l->part] >> SQUASH_REF_BITS], ent->ref, ent->type, l->err);

	if (rc == 0 && is_marker(ent->name))
		rc = 1;
	for (uint32_t i = 0; i < l->part && rc == 0; i++)
		rc = look(l->s, l->w, l->at.id[i], ent->name, &f, l->err);
	return rc > 0 ? 1 : rc;
}

static int list_one(void *arg, const struct squash_dirent *ent)
{
	struct listing *l = arg;
	uint64_t id = (l->at.id[l->part] & ~REF_MASK) | ent->ref;
	struct stack_found f = { .id = id, .type = ent->type, .ino = stack_ino(id, ent->ino) };
	struct parts below;
	int rc;

	if (l->s->n > 1) {
		rc = hide(l, ent);
		if (rc > 0 && ++l->hidden > HIDDEN_MAX)
			rc = berth_fail(l->err, BERTH_EIMAGE, 0, "a directory hides over %d names", HIDDEN_MAX);
		if (rc != 0)
			return rc < 0 ? -1 : 0;
		/* The id is handed out, so it must stand for all parts from now on. */
		if (ent->type == S_IFDIR && l->part + 1 < l->at.n &&
		    (gather(l->s, l->w, &l->at, l->part + 1, ent->name, &f, &below, l->err) < 0 ||
		     remember(l->s, &below, l->err) < 0))
			return -1;
	}
	return l->each(l->arg, &f, ent->name, (uint64_t)l->part << POS_BITS | ent->next);
}

int stack_list(struct stack *s, struct squash_worker *w, uint64_t dir, uint64_t from, stack_each each,
	       void *arg, struct berth_err *err)
{
	struct listing l = { .s = s, .w = w, .each = each, .arg = arg, .err = err };
	struct squash_inode o;
	int rc = 0;

	parts_of(s, dir, &l.at);
	for (uint64_t part = from >> POS_BITS; part < l.at.n && rc == 0; part++) {
		l.part = (uint32_t)part;
		if (stack_inode(s, w, l.at.id[part], &o, err) < 0)
			return -1;
		rc = squash_list(w, &o, from & POS_MASK, list_one, &l, err);
		from = 0;
	}
	return rc;
}
