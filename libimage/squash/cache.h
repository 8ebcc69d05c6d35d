/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * cache.h - decompressed blocks shared by threads: a fixed number of slots of one size.
 *
 * Two threads that want one block load it once: the second waits for the first. A slot that
 * is pinned is not reused; since a thread pins few, a free one always comes. What is there is
 * found, pinned and given back without a lock.
 */
#ifndef BERTH_SQUASH_CACHE_H
#define BERTH_SQUASH_CACHE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct berth_err;
struct cache;

/* What a thread met, of all caches it uses. Only it writes them; others may read them. */
struct cache_counts {
	_Atomic uint64_t hits, misses, lock_takes, lock_waits, load_waits;
};

/* Add to a number that this thread alone writes: no locked instruction is needed. */
static inline void count(_Atomic uint64_t *n, uint64_t add)
{
	atomic_store_explicit(n, atomic_load_explicit(n, memory_order_relaxed) + add, memory_order_relaxed);
}

struct cache_slot {
	uint8_t *data;
	uint32_t len;  /* bytes in 'data' */
	uint64_t next; /* the loader's, e.g. where the next block begins */
	/* private to cache.c */
	_Atomic uint64_t key, aux;
	_Atomic int32_t pins; /* negative: claimed, to be loaded */
	_Atomic uint32_t chain;
	_Atomic uint8_t state, used;
} __attribute__((aligned(64))); /* so that threads that pin neighbours do not disturb each other */

/* Fill slot->data (of the cache's slot size), len and next. 0, or -1 and *err. */
typedef int (*cache_load)(void *arg, struct cache_slot *slot, struct berth_err *err);

/* NULL without memory. Memory is only touched as slots are used. */
struct cache *cache_new(uint32_t slots, size_t slot_bytes);
struct cache *cache_free(struct cache *c);

/* The slot of ('key', 'aux'), pinned, loaded if need be. NULL and *err. */
struct cache_slot *cache_get(struct cache *c, struct cache_counts *counts, uint64_t key, uint64_t aux,
			     cache_load load, void *arg, struct berth_err *err);
/* Is the slot there, or being loaded? Only a guess: it may come or go meanwhile. */
bool cache_has(struct cache *c, uint64_t key, uint64_t aux);

/* NULL-safe. */
void cache_put(struct cache *c, struct cache_counts *counts, struct cache_slot *slot);

#endif
