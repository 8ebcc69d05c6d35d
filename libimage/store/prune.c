/* SPDX-License-Identifier: BSD-3-Clause */
/* prune.c - remove what is not used; see store.h. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>

#include "libimage/base/cleanup.h"
#include "libimage/base/str.h"
#include "libimage/store/store_i.h"

/* An entry that stays after the listing. */
struct item {
	struct entry_at at;
	char *below, *file, *name, *lock, *source;
};

struct items {
	struct item *v;
	size_t n, size;
	uint64_t bytes;
};

static void items_done(struct items *l)
{
	for (size_t i = 0; i < l->n; i++) {
		free(l->v[i].below);
		free(l->v[i].file);
		free(l->v[i].name);
		free(l->v[i].lock);
		free(l->v[i].source);
	}
	free(l->v);
}

static char *copy(const char *text, bool *failed)
{
	char *p = text ? strdup(text) : NULL;

	*failed |= text && !p;
	return p;
}

static int keep(void *arg, const struct entry_at *at, struct berth_err *err)
{
	struct items *l = arg;
	bool failed = false;
	struct item *i;

	if (l->n == l->size) {
		size_t size = l->size ? l->size * 2 : 64;
		struct item *v = reallocarray(l->v, size, sizeof(*v));

		if (!v)
			return berth_fail(err, BERTH_ESYS, ENOMEM, "cannot list the store");
		l->v = v;
		l->size = size;
	}
	i = &l->v[l->n++];
	*i = (struct item){
		.at = *at,
		.below = copy(at->below, &failed),
		.file = copy(at->file, &failed),
		.name = copy(at->e.name, &failed),
		.lock = copy(at->lock, &failed),
		.source = copy(at->e.meta.source, &failed),
	};
	i->at.below = i->below;
	i->at.file = i->file;
	i->at.lock = i->lock;
	i->at.e.name = i->name;
	i->at.e.meta.source = i->source;
	i->at.e.meta.platform = NULL;
	l->bytes += at->e.bytes;
	return failed ? berth_fail(err, BERTH_ESYS, ENOMEM, "cannot list the store") : 0;
}

/* What can be had again at the least cost goes first: rests, parts, blobs, and images last. */
static int cost(const struct item *i)
{
	return i->at.e.kind == STORE_IMAGE ? 1 : 0;
}

static int by_use(const void *a, const void *b)
{
	const struct item *x = a, *y = b;

	if (cost(x) != cost(y))
		return cost(x) - cost(y);
	if (x->at.e.used != y->at.e.used)
		return x->at.e.used < y->at.e.used ? -1 : 1;
	return strcmp(x->name, y->name);
}

/* A partial file, or a lock alone: it is ours while we have the lock. */
static enum removal remove_locked(struct store *s, const struct entry_at *at, int dir_fd,
				  struct berth_err *err)
{
	struct store_lock lock;
	int rc = 0;

	if (lock_try(s, at->lock, &lock) == 0)
		return REMOVAL_IN_USE;
	if (at->e.kind == STORE_PARTIAL)
		rc = unlinkat(dir_fd, at->file, 0);
	if (rc < 0 && errno != ENOENT)
		berth_fail(err, BERTH_EDENIED, errno, "cannot remove '%s/%.100s'", at->below, at->file);
	else
		rc = 0;
	lock_release(&lock);
	return rc < 0 ? REMOVAL_FAILED : REMOVAL_DONE;
}

enum removal entry_remove(struct store *s, const struct entry_at *at, bool lately, struct berth_err *err)
{
	cleanup_close int dir_fd = -1, fd = -1;
	char note[STORE_NAME_SIZE];
	int rc = place_dir(&s->own, at->below, 0, &dir_fd, err);

	if (rc <= 0)
		return rc < 0 ? REMOVAL_FAILED : REMOVAL_DONE;
	if (at->lock)
		return remove_locked(s, at, dir_fd, err);
	/* KERNEL: NFS locks for writing only what is open for writing. */
	fd = openat(dir_fd, at->file, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0)
		fd = openat(dir_fd, at->file, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) < 0) {
		if (errno == EWOULDBLOCK)
			return REMOVAL_IN_USE;
		if (lately)
			return REMOVAL_UNKNOWN;
	}
	if (unlinkat(dir_fd, at->file, 0) < 0 && errno != ENOENT) {
		berth_fail(err, BERTH_EDENIED, errno, "cannot remove '%s/%.100s'", at->below, at->file);
		return REMOVAL_FAILED;
	}
	if (at->e.kind == STORE_IMAGE) {
		(void)snprintf(note, sizeof(note), "%.*s.json", (int)strcspn(at->file, "."), at->file);
		(void)unlinkat(dir_fd, note, 0);
	}
	return REMOVAL_DONE;
}

static bool is_wanted(const struct store_prune *p, const struct store_entry *e, int64_t now, bool lock)
{
	if (!(e->kind & p->kinds) || (p->idle_s > 0 && now - e->used < p->idle_s))
		return false;
	/* A temporary file has no lock that says whether it is somebody's. */
	if (e->kind == STORE_REST && !lock && now - e->used < STORE_REST_S)
		return false;
	return !p->pick || p->pick(p->arg, e);
}

/* Remove one. Returns 0, or -1 and *err. */
static int remove_one(struct store *s, const struct store_prune *p, const struct item *i, int64_t now,
		      struct store_pruned *ret, struct berth_err *err)
{
	bool lately = now - i->at.e.used < STORE_UNKNOWN_S;
	enum removal what = i->at.e.in_use ? REMOVAL_IN_USE : REMOVAL_DONE;

	if (!p->dry_run && what == REMOVAL_DONE)
		what = entry_remove(s, &i->at, lately, err);
	if (what == REMOVAL_FAILED)
		return -1;
	ret->in_use += what == REMOVAL_IN_USE;
	ret->locked += what == REMOVAL_UNKNOWN;
	if (what != REMOVAL_DONE)
		return 0;
	ret->files++;
	ret->bytes += i->at.e.bytes;
	if (p->removed)
		p->removed(p->arg, &i->at.e);
	return 0;
}

int store_prune(struct store *s, const struct store_prune *p, struct store_pruned *ret, struct berth_err *err)
{
	cleanup(items_done) struct items l = { 0 };
	int64_t now = (int64_t)time(NULL);

	*ret = (struct store_pruned){ 0 };
	if (store_entries(s, keep, &l, err) < 0)
		return -1;
	if (l.n > 1)
		qsort(l.v, l.n, sizeof(*l.v), by_use);
	for (size_t i = 0; i < l.n; i++) {
		if (p->keep_bytes > 0 && l.bytes - ret->bytes <= p->keep_bytes)
			break;
		if (is_wanted(p, &l.v[i].at.e, now, l.v[i].lock != NULL) &&
		    remove_one(s, p, &l.v[i], now, ret, err) < 0)
			return -1;
	}
	return 0;
}

int store_trim(struct store *s, struct berth_err *err)
{
	struct store_prune p = { .kinds = STORE_BLOB | STORE_IMAGE | STORE_PARTIAL, .keep_bytes = s->limit };
	struct store_pruned done;

	return store_prune(s, &p, &done, err);
}
