/* SPDX-License-Identifier: BSD-3-Clause */
/* cache.c - slots, a hash over them, and a clock hand that looks for one to reuse; see cache.h. */
#include "config.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "libimage/squash/cache.h"

enum { SLOT_EMPTY, SLOT_LOADING, SLOT_READY };

struct cache {
	pthread_mutex_t lock;
	pthread_cond_t changed; /* a slot was loaded, or a pin given back while somebody waits */
	uint32_t slots, hand, waiting;
	uint32_t mask; /* of the hash; a power of two less one */
	int32_t *heads;
	struct cache_slot *slot;
	uint8_t *mem;
	size_t mem_bytes;
};

struct cache *cache_free(struct cache *c)
{
	if (!c)
		return NULL;
	if (c->mem)
		(void)munmap(c->mem, c->mem_bytes);
	(void)pthread_mutex_destroy(&c->lock);
	(void)pthread_cond_destroy(&c->changed);
	free(c->heads);
	free(c->slot);
	free(c);
	return NULL;
}

struct cache *cache_new(uint32_t slots, size_t slot_bytes)
{
	struct cache *c = calloc(1, sizeof(*c));
	uint32_t buckets = 16;
	void *mem;

	if (!c)
		return NULL;
	(void)pthread_mutex_init(&c->lock, NULL);
	(void)pthread_cond_init(&c->changed, NULL);
	while (buckets < slots * 2)
		buckets *= 2;
	c->slots = slots;
	c->mask = buckets - 1;
	c->slot = calloc(slots, sizeof(*c->slot));
	c->heads = malloc(buckets * sizeof(*c->heads));
	if (!c->slot || !c->heads || __builtin_mul_overflow(slots, slot_bytes, &c->mem_bytes))
		return cache_free(c);
	mem = mmap(NULL, c->mem_bytes, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (mem == MAP_FAILED)
		return cache_free(c);
	c->mem = mem;
	for (uint32_t i = 0; i < buckets; i++)
		c->heads[i] = -1;
	for (uint32_t i = 0; i < slots; i++)
		c->slot[i].data = c->mem + i * slot_bytes;
	return c;
}

static int32_t *bucket(struct cache *c, uint64_t key)
{
	return &c->heads[(uint32_t)((key * 0x9E3779B97F4A7C15u) >> 32) & c->mask];
}

static struct cache_slot *find(struct cache *c, uint64_t key, uint64_t aux)
{
	for (int32_t i = *bucket(c, key); i >= 0; i = c->slot[i].chain) {
		if (c->slot[i].key == key && c->slot[i].aux == aux)
			return &c->slot[i];
	}
	return NULL;
}

static void unhash(struct cache *c, struct cache_slot *s)
{
	int32_t self = (int32_t)(s - c->slot);

	for (int32_t *p = bucket(c, s->key); *p >= 0; p = &c->slot[*p].chain) {
		if (*p == self) {
			*p = s->chain;
			break;
		}
	}
	s->state = SLOT_EMPTY;
}

/* An empty slot, or the next one that is neither pinned nor recently used; NULL: all pinned. */
static struct cache_slot *victim(struct cache *c)
{
	for (uint32_t n = 0; n < 2 * c->slots; n++) {
		struct cache_slot *s = &c->slot[c->hand];

		c->hand = (c->hand + 1) % c->slots;
		if (s->pins > 0)
			continue;
		if (s->state == SLOT_EMPTY)
			return s;
		if (!s->used) {
			unhash(c, s);
			return s;
		}
		s->used = 0;
	}
	return NULL;
}

static void lock(struct cache *c, struct cache_counts *counts)
{
	count(&counts->lock_takes, 1);
	if (pthread_mutex_trylock(&c->lock) == 0)
		return;
	count(&counts->lock_waits, 1);
	(void)pthread_mutex_lock(&c->lock);
}

static void wait_changed(struct cache *c, struct cache_counts *counts)
{
	count(&counts->load_waits, 1);
	c->waiting++;
	(void)pthread_cond_wait(&c->changed, &c->lock);
	c->waiting--;
}

struct cache_slot *cache_get(struct cache *c, struct cache_counts *counts, uint64_t key, uint64_t aux,
			     cache_load load, void *arg, struct berth_err *err)
{
	struct cache_slot *s;
	int32_t *head;
	int rc;

	lock(c, counts);
	for (;;) {
		s = find(c, key, aux);
		if (s && s->state == SLOT_READY) {
			s->pins++;
			s->used = 1;
			(void)pthread_mutex_unlock(&c->lock);
			count(&counts->hits, 1);
			return s;
		}
		if (!s) {
			s = victim(c);
			if (s)
				break;
		}
		wait_changed(c, counts);
	}
	head = bucket(c, key);
	s->key = key;
	s->aux = aux;
	s->chain = *head;
	*head = (int32_t)(s - c->slot);
	s->state = SLOT_LOADING;
	s->pins = 1;
	(void)pthread_mutex_unlock(&c->lock);

	count(&counts->misses, 1);
	rc = load(arg, s, err);

	lock(c, counts);
	if (rc == 0) {
		s->state = SLOT_READY;
		s->used = 1;
	} else {
		unhash(c, s);
		s->pins = 0;
		s = NULL;
	}
	if (c->waiting > 0)
		(void)pthread_cond_broadcast(&c->changed);
	(void)pthread_mutex_unlock(&c->lock);
	return s;
}

void cache_put(struct cache *c, struct cache_counts *counts, struct cache_slot *slot)
{
	if (!slot)
		return;
	lock(c, counts);
	slot->pins--;
	if (slot->pins == 0 && c->waiting > 0)
		(void)pthread_cond_broadcast(&c->changed);
	(void)pthread_mutex_unlock(&c->lock);
}
