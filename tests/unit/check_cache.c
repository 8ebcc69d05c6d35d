/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * check_cache.c - the cache of blocks: what is loaded once, what is kept, who waits for whom; and
 * threads that fight for a few slots, where each looks whether it has what it asked for.
 */
#include "config.h"

#include <pthread.h>
#include <sched.h>
#include <string.h>

#include "libimage/base/cleanup.h"
#include "libimage/base/err.h"
#include "libimage/squash/cache.h"
#include "tests/unit/unit.h"

enum { SLOT_BYTES = 4096 };

/* What the loader fills in, and how often it ran. */
struct want {
	uint64_t key;
	atomic_int loads;
	atomic_int *gate; /* it waits until this is 1 */
	bool fail;
};

static int load(void *arg, struct cache_slot *slot, struct berth_err *err)
{
	struct want *w = arg;

	while (w->gate && atomic_load(w->gate) == 0)
		(void)sched_yield();
	(void)atomic_fetch_add(&w->loads, 1);
	if (w->fail)
		return berth_fail(err, BERTH_EIMAGE, 0, "no such block");
	for (size_t i = 0; i < SLOT_BYTES / sizeof(uint64_t); i++)
		memcpy(slot->data + i * sizeof(uint64_t), &w->key, sizeof(w->key));
	slot->len = SLOT_BYTES;
	slot->next = w->key + 1;
	return 0;
}

static bool holds(const struct cache_slot *s, uint64_t key)
{
	uint64_t first, last;

	memcpy(&first, s->data, sizeof(first));
	memcpy(&last, s->data + SLOT_BYTES - sizeof(last), sizeof(last));
	return first == key && last == key && s->next == key + 1 && s->len == SLOT_BYTES;
}

static struct cache_slot *get(struct cache *c, struct cache_counts *n, struct want *w, uint64_t aux)
{
	struct berth_err err = BERTH_ERR_INIT;

	return cache_get(c, n, w->key, aux, load, w, &err);
}

START_TEST(loads_once)
{
	struct cache *c = cache_new(4, SLOT_BYTES);
	struct want w = { .key = 7 }, other = { .key = 7 };
	struct cache_counts n = { 0 };
	struct cache_slot *a, *b;
	uint64_t takes;

	ck_assert_ptr_nonnull(c);
	ck_assert(!cache_has(c, 7, 1));
	a = get(c, &n, &w, 1);
	ck_assert(a && holds(a, 7));
	ck_assert(cache_has(c, 7, 1));
	ck_assert(!cache_has(c, 7, 2));
	takes = n.lock_takes;
	for (int i = 0; i < 1000; i++) {
		b = get(c, &n, &w, 1);
		ck_assert_ptr_eq(a, b);
		cache_put(c, &n, b);
	}
	ck_assert_int_eq(w.loads, 1);
	ck_assert_uint_eq(n.hits, 1000);
	ck_assert_uint_eq(n.misses, 1);
	ck_assert_uint_eq(n.lock_takes, takes); /* what is there needs no lock */
	b = get(c, &n, &other, 2); /* the same key, but another thing */
	ck_assert(b && b != a && holds(b, 7));
	ck_assert_int_eq(other.loads, 1);
	cache_put(c, &n, b);
	cache_put(c, &n, a);
	cache_put(c, &n, NULL);
	cache_free(c);
}
END_TEST

START_TEST(failure_leaves_nothing)
{
	struct cache *c = cache_new(2, SLOT_BYTES);
	struct want w = { .key = 3, .fail = true };
	struct berth_err err = BERTH_ERR_INIT;
	struct cache_counts n = { 0 };
	struct cache_slot *s;

	for (int i = 1; i <= 10; i++) { /* more often than there are slots */
		ck_assert_ptr_null(cache_get(c, &n, 3, 0, load, &w, &err));
		ck_assert_int_eq(w.loads, i);
		ck_assert_str_eq(err.text, "no such block");
		ck_assert(!cache_has(c, 3, 0));
	}
	w.fail = false;
	s = get(c, &n, &w, 0);
	ck_assert(s && holds(s, 3));
	cache_put(c, &n, s);
	cache_free(c);
}
END_TEST

START_TEST(pinned_stays)
{
	struct cache *c = cache_new(2, SLOT_BYTES);
	struct want first = { .key = 1 };
	struct cache_counts n = { 0 };
	struct cache_slot *s = get(c, &n, &first, 0);

	for (uint64_t key = 2; key < 100; key++) {
		struct want w = { .key = key };
		struct cache_slot *t = get(c, &n, &w, 0);

		ck_assert(t && t != s && holds(t, key));
		ck_assert(holds(s, 1));
		cache_put(c, &n, t);
	}
	ck_assert_ptr_eq(get(c, &n, &first, 0), s);
	ck_assert_int_eq(first.loads, 1);
	cache_put(c, &n, s);
	cache_put(c, &n, s);
	for (uint64_t key = 2; key < 100; key++) { /* not pinned, it goes */
		struct want w = { .key = key };

		cache_put(c, &n, get(c, &n, &w, 0));
	}
	ck_assert(!cache_has(c, 1, 0));
	cache_put(c, &n, get(c, &n, &first, 0));
	ck_assert_int_eq(first.loads, 2);
	cache_free(c);
}
END_TEST

/* What is used again and again stays before what was used once. */
START_TEST(used_stays)
{
	struct cache *c = cache_new(8, SLOT_BYTES);
	struct want often = { .key = 1 };
	struct cache_counts n = { 0 };

	for (uint64_t key = 2; key < 200; key++) {
		struct want w = { .key = key };

		cache_put(c, &n, get(c, &n, &often, 0));
		cache_put(c, &n, get(c, &n, &w, 0));
	}
	ck_assert_int_le(often.loads, 2); /* in turn it would be loaded 198 / 8 times */
	ck_assert_uint_ge(n.hits, 196);
	cache_free(c);
}
END_TEST

struct thread {
	struct cache *c;
	struct want *w;
	struct cache_counts n;
	struct cache_slot *got;
	pthread_t id;
};

static void *thread_get(void *arg)
{
	struct thread *t = arg;

	t->got = get(t->c, &t->n, t->w, 0);
	return NULL;
}

static void thread_start(struct thread *t, struct cache *c, struct want *w)
{
	*t = (struct thread){ .c = c, .w = w };
	ck_assert_int_eq(pthread_create(&t->id, NULL, thread_get, t), 0);
}

static void until_waits(struct thread *t)
{
	while (atomic_load(&t->n.load_waits) == 0)
		(void)sched_yield();
}

/* Threads that want what another one loads wait for it, and load it themselves if it fails. */
START_TEST(waits_for_load)
{
	struct cache *c = cache_new(4, SLOT_BYTES);
	atomic_int gate = 0;
	struct want w = { .key = 5, .gate = &gate, .fail = _i == 1 }, again = { .key = 5 };
	struct thread first, second, third;

	thread_start(&first, c, &w);
	while (!cache_has(c, 5, 0))
		(void)sched_yield();
	thread_start(&second, c, &again);
	thread_start(&third, c, &again);
	until_waits(&second);
	until_waits(&third);
	ck_assert_int_eq(again.loads, 0);
	atomic_store(&gate, 1);
	ck_assert_int_eq(pthread_join(first.id, NULL), 0);
	ck_assert_int_eq(pthread_join(second.id, NULL), 0);
	ck_assert_int_eq(pthread_join(third.id, NULL), 0);
	ck_assert_int_eq(w.loads, 1);
	ck_assert_int_eq(again.loads, _i); /* one of the two, if the first failed */
	ck_assert_ptr_eq(second.got, third.got);
	ck_assert(second.got && holds(second.got, 5));
	if (_i == 0)
		ck_assert_ptr_eq(first.got, second.got);
	else
		ck_assert_ptr_null(first.got);
	cache_free(c);
}
END_TEST

/* With all slots pinned a thread waits until one is given back. */
START_TEST(waits_for_slot)
{
	struct cache *c = cache_new(1, SLOT_BYTES);
	struct want a = { .key = 1 }, b = { .key = 2 };
	struct cache_counts n = { 0 };
	struct cache_slot *s = get(c, &n, &a, 0);
	struct thread t;

	thread_start(&t, c, &b);
	until_waits(&t);
	ck_assert(holds(s, 1));
	ck_assert_int_eq(b.loads, 0);
	cache_put(c, &n, s);
	ck_assert_int_eq(pthread_join(t.id, NULL), 0);
	ck_assert(t.got && holds(t.got, 2));
	cache_free(c);
}
END_TEST

enum { FIGHTERS = 6, ROUNDS = 100000, KEYS = 24 };

struct fighter {
	struct cache *c;
	struct cache_counts n;
	uint32_t seed;
	int bad, done;
	pthread_t id;
};

static void *fight(void *arg)
{
	struct fighter *f = arg;

	for (; f->done < ROUNDS; f->done++) {
		struct want a = { 0 }, b = { 0 };
		struct cache_slot *s, *t;

		f->seed = f->seed * 1664525 + 1013904223;
		a.key = (f->seed >> 16) % 16; /* some often */
		b.key = (f->seed >> 20) % KEYS;
		a.fail = (f->seed >> 8) % 64 == 0;
		s = get(f->c, &f->n, &a, 0);
		t = get(f->c, &f->n, &b, 0);
		f->bad += (s && !holds(s, a.key)) || (!s && !a.fail) || !t || !holds(t, b.key);
		cache_put(f->c, &f->n, t);
		cache_put(f->c, &f->n, s);
	}
	return NULL;
}

/* As few slots as they can do with: each has two pinned. */
START_TEST(threads)
{
	struct cache *c = cache_new(2 * FIGHTERS, SLOT_BYTES);
	struct fighter f[FIGHTERS];
	uint64_t asked = 0;

	for (uint32_t i = 0; i < FIGHTERS; i++) {
		f[i] = (struct fighter){ .c = c, .seed = i + 1 };
		ck_assert_int_eq(pthread_create(&f[i].id, NULL, fight, &f[i]), 0);
	}
	for (uint32_t i = 0; i < FIGHTERS; i++) {
		ck_assert_int_eq(pthread_join(f[i].id, NULL), 0);
		ck_assert_int_eq(f[i].bad, 0);
		ck_assert_int_eq(f[i].done, ROUNDS);
		asked += f[i].n.hits + f[i].n.misses;
		ck_assert_uint_le(f[i].n.lock_waits, f[i].n.lock_takes);
	}
	ck_assert_uint_eq(asked, 2ull * FIGHTERS * ROUNDS);
	cache_free(c);
}
END_TEST

START_TEST(too_large)
{
	ck_assert_ptr_null(cache_new(UINT32_MAX, SIZE_MAX / 2));
	ck_assert_ptr_null(cache_free(NULL));
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("cache");

	tcase_add_test(tc, loads_once);
	tcase_add_test(tc, failure_leaves_nothing);
	tcase_add_test(tc, pinned_stays);
	tcase_add_test(tc, used_stays);
	tcase_add_loop_test(tc, waits_for_load, 0, 2);
	tcase_add_test(tc, waits_for_slot);
	tcase_add_test(tc, threads);
	tcase_add_test(tc, too_large);
	return unit_run("cache", tc);
}
