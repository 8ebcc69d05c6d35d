/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * cache.c - see cache.h. Slots are found by a hash and reused in the order of a clock.
 *
 * What is there is found without the lock: a thread walks the chain, pins the slot, and then
 * looks whether it still is the one it wanted. That is safe because a slot is only reused when
 * nobody has it pinned, which its reuser claims by one exchange of 'pins' from 0 to CLAIMED; who
 * pins it after that sees a negative number and takes the pin back. Chains may change under a
 * walk, which then misses, or wanders into another chain: it ends after a few steps, and what
 * it did not find is looked for again with the lock, under which chains and states change.
 */
#include "config.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "libimage/squash/cache.h"

enum { SLOT_EMPTY, SLOT_LOADING, SLOT_READY };
enum {
	CLAIMED = INT32_MIN / 2,
	WALK_STEPS = 8,	  /* chains are short: there are twice as many as slots */
	BUCKETS_MIN = 16,
};

struct cache {
	pthread_mutex_t lock;
	pthread_cond_t loaded;	  /* some slot was, or failed */
	pthread_cond_t freed;	  /* a pin was given back while somebody starves */
	uint32_t waiting;	  /* for 'loaded' */
	_Atomic uint32_t starving; /* for 'freed' */
	uint32_t slots, hand;
	uint32_t mask;		/* of the hash; a power of two less one */
	_Atomic uint32_t *heads; /* of the chains: a slot's number and 1; 0 ends a chain */
	struct cache_slot *slot;
	void *mem;
	size_t mem_bytes;
};

struct cache *cache_free(struct cache *c)
{
	if (!c)
		return NULL;
	if (c->mem)
		(void)munmap(c->mem, c->mem_bytes);
	(void)pthread_mutex_destroy(&c->lock);
	(void)pthread_cond_destroy(&c->loaded);
	(void)pthread_cond_destroy(&c->freed);
	free(c);
	return NULL;
}

struct cache *cache_new(uint32_t slots, size_t slot_bytes)
{
	struct cache *c = calloc(1, sizeof(*c));
	size_t buckets = BUCKETS_MIN, each = slot_bytes + sizeof(*c->slot), n;
	void *mem;

	if (!c)
		return NULL;
	(void)pthread_mutex_init(&c->lock, NULL);
	(void)pthread_cond_init(&c->loaded, NULL);
	(void)pthread_cond_init(&c->freed, NULL);
	while (buckets < (size_t)slots * 2)
		buckets *= 2;
	if (__builtin_mul_overflow(slots, each, &n) ||
	    __builtin_add_overflow(n, buckets * sizeof(*c->heads), &c->mem_bytes))
		return cache_free(c);
	mem = mmap(NULL, c->mem_bytes, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (mem == MAP_FAILED)
		return cache_free(c);
	c->mem = mem;
	c->slots = slots;
	c->mask = (uint32_t)buckets - 1;
	c->slot = (void *)((uint8_t *)mem + slots * slot_bytes);
	c->heads = (void *)(c->slot + slots);
	for (uint32_t i = 0; i < slots; i++)
		c->slot[i].data = (uint8_t *)mem + i * slot_bytes;
	return c;
}

static void lock(struct cache *c, struct cache_counts *counts)
{
	count(&counts->lock_takes, 1);
	if (pthread_mutex_trylock(&c->lock) == 0)
		return;
	count(&counts->lock_waits, 1);
	(void)pthread_mutex_lock(&c->lock);
}

static void unlock(struct cache *c)
{
	(void)pthread_mutex_unlock(&c->lock);
}

/* 'aux' counts too: layers that one tool wrote have blocks at the same places. */
static _Atomic uint32_t *bucket(struct cache *c, uint64_t key, uint64_t aux)
{
	return &c->heads[(uint32_t)((key ^ aux << 20) * 0x9E3779B97F4A7C15u >> 32) & c->mask];
}

static bool is(struct cache_slot *s, uint64_t key, uint64_t aux)
{
	return atomic_load_explicit(&s->key, memory_order_relaxed) == key &&
	       atomic_load_explicit(&s->aux, memory_order_relaxed) == aux;
}

/* The slot of the key among the first 'steps' of its chain. Only certain with the lock held. */
static struct cache_slot *find(struct cache *c, uint64_t key, uint64_t aux, uint32_t steps)
{
	uint32_t i = atomic_load_explicit(bucket(c, key, aux), memory_order_acquire);

	for (; i > 0 && steps > 0; steps--) {
		struct cache_slot *s = &c->slot[i - 1];

		if (is(s, key, aux))
			return s;
		i = atomic_load_explicit(&s->chain, memory_order_acquire);
	}
	return NULL;
}

static void unpin(struct cache *c, struct cache_counts *counts, struct cache_slot *s)
{
	/* Both in one order with those of who starves: he sees this pin gone, or is seen here. */
	if (atomic_fetch_sub(&s->pins, 1) == 1 && atomic_load(&c->starving) > 0) {
		lock(c, counts);
		(void)pthread_cond_broadcast(&c->freed);
		unlock(c);
	}
}

static bool pin(struct cache *c, struct cache_counts *counts, struct cache_slot *s)
{
	if (atomic_fetch_add(&s->pins, 1) >= 0)
		return true;
	unpin(c, counts, s);
	return false;
}

static void mark_used(struct cache_slot *s)
{
	if (!atomic_load_explicit(&s->used, memory_order_relaxed))
		atomic_store_explicit(&s->used, 1, memory_order_relaxed);
}

/* Without the lock: the slot, pinned, if it is there and seen at once. */
static struct cache_slot *peek(struct cache *c, struct cache_counts *counts, uint64_t key, uint64_t aux)
{
	struct cache_slot *s = find(c, key, aux, WALK_STEPS);

	if (!s || atomic_load_explicit(&s->state, memory_order_relaxed) != SLOT_READY || !pin(c, counts, s))
		return NULL;
	if (is(s, key, aux) && atomic_load_explicit(&s->state, memory_order_acquire) == SLOT_READY)
		return s;
	unpin(c, counts, s);
	return NULL;
}

bool cache_has(struct cache *c, uint64_t key, uint64_t aux)
{
	struct cache_slot *s = find(c, key, aux, WALK_STEPS);

	return s && atomic_load_explicit(&s->state, memory_order_relaxed) != SLOT_EMPTY;
}

static void unhash(struct cache *c, struct cache_slot *s)
{
	uint32_t self = (uint32_t)(s - c->slot) + 1;

	for (_Atomic uint32_t *p = bucket(c, s->key, s->aux); *p > 0; p = &c->slot[*p - 1].chain) {
		if (*p == self) {
			*p = s->chain;
			break;
		}
	}
	s->state = SLOT_EMPTY;
}

static bool claim(struct cache_slot *s)
{
	int32_t none = 0;

	return atomic_compare_exchange_strong(&s->pins, &none, CLAIMED);
}

/* Claim a slot that is empty, or next to be reused and not pinned; NULL: all are pinned. */
static struct cache_slot *victim(struct cache *c)
{
	/* twice around at most for marks, which others may set meanwhile, and once without */
	for (uint64_t n = 0; n < 3ull * c->slots; n++) {
		struct cache_slot *s = &c->slot[c->hand];

		c->hand = c->hand + 1 < c->slots ? c->hand + 1 : 0;
		if (s->used && n < 2ull * c->slots) {
			s->used = 0;
		} else if (claim(s)) {
			if (s->state != SLOT_EMPTY)
				unhash(c, s);
			return s;
		}
	}
	return NULL;
}

/*
 * With the lock held: the slot of the key, pinned, or a claimed one to load it into, which
 * then is said in *fresh. Waits while another thread loads it or all are pinned.
 */
static struct cache_slot *find_or_claim(struct cache *c, struct cache_counts *counts, uint64_t key,
					uint64_t aux, bool *fresh)
{
	bool starving = false;
	struct cache_slot *s;

	*fresh = false;
	for (;;) {
		s = find(c, key, aux, UINT32_MAX);
		if (s && s->state == SLOT_READY) {
			(void)atomic_fetch_add(&s->pins, 1); /* claims are made with the lock held */
			break;
		}
		if (s) {
			count(&counts->load_waits, 1);
			c->waiting++;
			(void)pthread_cond_wait(&c->loaded, &c->lock);
			c->waiting--;
			continue;
		}
		s = victim(c);
		*fresh = s != NULL;
		if (s)
			break;
		if (starving) {
			(void)pthread_cond_wait(&c->freed, &c->lock);
			continue;
		}
		starving = true; /* say so, then look once more: a pin may have gone unsaid before */
		count(&counts->load_waits, 1);
		(void)atomic_fetch_add(&c->starving, 1);
	}
	if (starving)
		(void)atomic_fetch_sub(&c->starving, 1);
	return s;
}

struct cache_slot *cache_get(struct cache *c, struct cache_counts *counts, uint64_t key, uint64_t aux,
			     cache_load load, void *arg, struct berth_err *err)
{
	struct cache_slot *s = peek(c, counts, key, aux);
	bool fresh = false;
	int rc;

	if (!s) {
		lock(c, counts);
		s = find_or_claim(c, counts, key, aux, &fresh);
		if (fresh) {
			s->key = key;
			s->aux = aux;
			s->state = SLOT_LOADING;
			s->chain = *bucket(c, key, aux);
			*bucket(c, key, aux) = (uint32_t)(s - c->slot) + 1;
		}
		unlock(c);
	}
	if (!fresh) {
		count(&counts->hits, 1);
		mark_used(s);
		return s;
	}
	count(&counts->misses, 1);
	rc = load(arg, s, err);

	lock(c, counts);
	if (rc == 0)
		s->state = SLOT_READY;
	else
		unhash(c, s);
	s->used = rc == 0;
	(void)atomic_fetch_sub(&s->pins, CLAIMED - (rc == 0 ? 1 : 0));
	if (c->waiting > 0)
		(void)pthread_cond_broadcast(&c->loaded);
	if (rc < 0 && c->starving > 0)
		(void)pthread_cond_broadcast(&c->freed);
	unlock(c);
	return rc == 0 ? s : NULL;
}

void cache_put(struct cache *c, struct cache_counts *counts, struct cache_slot *slot)
{
	if (slot)
		unpin(c, counts, slot);
}
