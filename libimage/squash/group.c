/* SPDX-License-Identifier: BSD-3-Clause */
/* group.c - file systems that share caches and workers, and what they have done; see squash.h. */
#include "config.h"

#include <errno.h>
#include <stdlib.h>

#include "libimage/squash/squash_i.h"

enum {
	/* What a worker pins at most: a span and the one it loads; what it keeps, the cursors of
	 * a listing and of what is looked at meanwhile, and one that it loads. */
	DATA_PINS = 2,
	META_PINS = META_KEPT + 4,
	WORKERS_MAX = 1024,	   /* LIMIT: far more than there are cores to decompress */
	CACHE_SLOTS_MAX = 1 << 20, /* LIMIT: 4 GiB, the most a site may set, of the smallest blocks */
};

static struct group *group_free(struct group *g)
{
	if (g) {
		cache_free(g->data);
		cache_free(g->meta);
		(void)pthread_mutex_destroy(&g->lock);
		free(g);
	}
	return NULL;
}

static uint64_t get(const _Atomic uint64_t *n)
{
	return atomic_load_explicit(n, memory_order_relaxed);
}

/* With the group's lock held. */
static void counts_add(struct counts *sum, const struct counts *n)
{
	count(&sum->reads, get(&n->reads));
	count(&sum->read_bytes, get(&n->read_bytes));
	count(&sum->unpacked, get(&n->unpacked));
	count(&sum->cache.hits, get(&n->cache.hits));
	count(&sum->cache.misses, get(&n->cache.misses));
	count(&sum->cache.lock_takes, get(&n->cache.lock_takes));
	count(&sum->cache.lock_waits, get(&n->cache.lock_waits));
	count(&sum->cache.load_waits, get(&n->cache.load_waits));
}

void squash_stats(const struct squash *any, struct squash_stats *ret)
{
	struct group *g = any->group;
	struct counts sum = { 0 };

	if (g) {
		(void)pthread_mutex_lock(&g->lock);
		counts_add(&sum, &g->gone);
		for (uint32_t i = 0; i < SQUASH_SHARE_MAX; i++) {
			if (g->fs[i])
				counts_add(&sum, &g->fs[i]->n);
		}
		for (const struct squash_worker *w = g->workers; w; w = w->next)
			counts_add(&sum, &w->n);
		(void)pthread_mutex_unlock(&g->lock);
	} else {
		counts_add(&sum, &any->n);
	}
	*ret = (struct squash_stats){
		.reads = sum.reads, .read_bytes = sum.read_bytes, .unpacked = sum.unpacked,
		.cache_hits = sum.cache.hits, .cache_misses = sum.cache.misses,
		.lock_takes = sum.cache.lock_takes, .lock_waits = sum.cache.lock_waits,
		.load_waits = sum.cache.load_waits,
	};
}

int squash_share(struct squash *const *v, size_t n, uint64_t cache_bytes, uint32_t workers,
		 struct berth_err *err)
{
	struct group *g;
	uint64_t slots;

	if (n < 1 || n > SQUASH_SHARE_MAX || workers < 1 || workers > WORKERS_MAX)
		return berth_fail(err, BERTH_EBUG, 0, "%zu file systems cannot share a cache", n);
	for (size_t i = 0; i < n; i++) {
		if (v[i]->group)
			return berth_fail(err, BERTH_EBUG, 0, "a file system shares a cache already");
	}
	g = calloc(1, sizeof(*g));
	if (!g)
		return berth_fail(err, BERTH_ESYS, ENOMEM, "cannot make the block cache");
	(void)pthread_mutex_init(&g->lock, NULL);
	for (size_t i = 0; i < n; i++) {
		if (v[i]->info.block_size > g->block_size)
			g->block_size = v[i]->info.block_size;
	}
	slots = cache_bytes / g->block_size;
	if (slots > CACHE_SLOTS_MAX)
		slots = CACHE_SLOTS_MAX;
	if (slots < workers * DATA_PINS)
		slots = workers * DATA_PINS;
	g->data = cache_new((uint32_t)slots, g->block_size);
	slots = META_SLOTS > workers * META_PINS ? META_SLOTS : workers * META_PINS;
	g->meta = cache_new((uint32_t)slots, META_BYTES);
	if (!g->data || !g->meta) {
		group_free(g);
		return berth_fail(err, BERTH_ESYS, ENOMEM, "cannot make the block cache");
	}
	for (size_t i = 0; i < n; i++) {
		g->fs[i] = v[i];
		v[i]->index = (uint32_t)i;
		v[i]->group = g;
		g->members++;
	}
	return 0;
}

struct squash *squash_close(struct squash *s)
{
	struct group *g = s ? s->group : NULL;

	if (g) {
		(void)pthread_mutex_lock(&g->lock);
		counts_add(&g->gone, &s->n);
		g->fs[s->index] = NULL;
		g->members--;
		(void)pthread_mutex_unlock(&g->lock);
		if (g->members == 0)
			group_free(g);
	}
	free(s);
	return NULL;
}

int squash_worker_new(struct squash *const *v, size_t n, struct squash_worker **ret,
		      struct berth_err *err)
{
	struct group *g = n > 0 ? v[0]->group : NULL;
	struct squash_worker *w;

	for (size_t i = 0; i < n; i++) {
		if (v[i]->group != g)
			g = NULL;
	}
	if (!g)
		return berth_fail(err, BERTH_EBUG, 0, "a reader is for file systems that share a cache");
	w = calloc(1, sizeof(*w));
	if (!w)
		return berth_fail(err, BERTH_ESYS, ENOMEM, "cannot make a reader");
	w->packed = malloc(g->block_size);
	w->unpack = unpack_new();
	w->group = g;
	(void)pthread_mutex_lock(&g->lock);
	w->next = g->workers;
	g->workers = w;
	(void)pthread_mutex_unlock(&g->lock);
	if (!w->packed || !w->unpack) {
		squash_worker_free(w);
		return berth_fail(err, BERTH_ESYS, ENOMEM, "cannot make a reader");
	}
	*ret = w;
	return 0;
}

struct squash_worker *squash_worker_free(struct squash_worker *w)
{
	if (w) {
		struct group *g = w->group;

		meta_forget(w);
		(void)pthread_mutex_lock(&g->lock);
		for (struct squash_worker **p = &g->workers; *p; p = &(*p)->next) {
			if (*p == w) {
				*p = w->next;
				break;
			}
		}
		counts_add(&g->gone, &w->n);
		(void)pthread_mutex_unlock(&g->lock);
		unpack_free(w->unpack);
		free(w->packed);
		free(w);
	}
	return NULL;
}

int squash_unpack(struct squash_worker *w, const struct squash *fs, const uint8_t *in, uint32_t n,
		  uint8_t *out, uint32_t max, struct berth_err *err)
{
	int64_t got = unpack_block(w->unpack, fs->compressor_id, in, n, out, max);

	count(&w->n.unpacked, 1);
	if (got == UNPACK_NO_MEMORY)
		return berth_fail(err, BERTH_ESYS, ENOMEM, "cannot decompress a block");
	if (got < 0)
		return squash_damaged(err, "a %s block does not decompress", fs->info.compressor);
	return (int)got;
}
