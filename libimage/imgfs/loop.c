/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * loop.c - the workers: each reads requests from its own descriptor of /dev/fuse and answers
 * there, so they share no queue of answers in the kernel. Requests wait in one queue, and the
 * kernel wakes one of the workers that sleep there for each.
 *
 * The descriptors come from the launcher, made while it could open /dev/fuse. An answer is always
 * written by the thread that read the request, on the descriptor it came from.
 *
 * KERNEL: of the workers asleep in read(2) the one is woken that has slept longest (the wait is
 * exclusive, and goes to the tail). With one worker a CPU, all of them asleep there, one reader's
 * requests would go round the CPUs of a node and find each with cold caches, in its deepest sleep.
 * So no more than LISTENERS sleep there; who has answered and finds that many rests until
 * somebody takes a request and leaves nobody to take the next. A worker is started when there is
 * no other to do that: one reader has two, however many CPUs there are.
 *
 * The first ones are answered alone: a room that is being built waits for no thread.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "libimage/base/cleanup.h"
#include "libimage/base/log.h"
#include "libimage/imgfs/answer.h"

enum {
	ALONE = 4,     /* KERNEL: INIT, then for the root: GETATTR, OPENDIR, READDIRPLUS */
	LISTENERS = 2, /* one answers, one takes what comes meanwhile: nobody is woken for either */
};

static struct {
	struct imgfs *fs;
	uint32_t n; /* descriptors */
	int fd[IMGFS_FUSE_MAX];
	_Atomic(struct worker *) worker[IMGFS_FUSE_MAX]; /* NULL: not started */
	_Atomic uint32_t started;
	_Atomic uint32_t listening; /* in read(2) or about to be */
	_Atomic uint32_t resting;   /* at 'rest', and not called for yet */
	sem_t rest;
} pool;

/* 'reader' NULL: one of its own. */
static struct worker *worker_new(struct imgfs *fs, int fd, struct squash_worker *reader, struct berth_err *err)
{
	struct worker *w = calloc(1, sizeof(*w));

	if (!w) {
		(void)berth_fail(err, BERTH_ESYS, ENOMEM, "cannot start a worker");
		return NULL;
	}
	w->fs = fs;
	w->fd = fd;
	w->squash = reader;
	if (!reader && squash_worker_new(fs->squash, fs->nsource, &w->squash, err) < 0) {
		free(w);
		return NULL;
	}
	return w;
}

/* Take one off 'count' that is not 0. */
static bool take_one(_Atomic uint32_t *count)
{
	uint32_t n = atomic_load(count);

	while (n > 0)
		if (atomic_compare_exchange_weak(count, &n, n - 1))
			return true;
	return false;
}

static void *worker_main(void *arg);

/* One more worker, if there is a descriptor for it. Without memory or threads, fewer serve. */
static void start_one(void)
{
	uint32_t i = atomic_load(&pool.started);
	pthread_attr_t attr;
	pthread_t id;

	do
		if (i >= pool.n)
			return;
	while (!atomic_compare_exchange_weak(&pool.started, &i, i + 1));
	(void)pthread_attr_init(&attr);
	(void)pthread_attr_setstacksize(&attr, STACK_BYTES);
	(void)pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	(void)pthread_create(&id, &attr, worker_main, (void *)(uintptr_t)i);
	(void)pthread_attr_destroy(&attr);
}

/* Nobody is left to take the next request. */
static void call_one(void)
{
	if (take_one(&pool.resting))
		(void)sem_post(&pool.rest);
	else
		start_one();
}

/*
 * Be one of those that listen, as soon as there are too few. All of these are sequentially
 * consistent: either who leaves nobody listening sees this one rest, or this one sees it.
 */
static void listen_or_rest(void)
{
	while (atomic_fetch_add(&pool.listening, 1) >= LISTENERS) {
		(void)atomic_fetch_sub(&pool.listening, 1);
		(void)atomic_fetch_add(&pool.resting, 1);
		if (atomic_load(&pool.listening) > 0 || !take_one(&pool.resting))
			while (sem_wait(&pool.rest) < 0)
				continue; /* EINTR: the only error it has */
	}
}

/* One request. The process ends when there will be no more. */
static void serve_one(struct worker *w, bool alone)
{
	ssize_t n;

	listen_or_rest();
	n = read(w->fd, w->request, sizeof(w->request));
	if (n < 0 && errno == ENODEV) /* KERNEL: the last mount of it is gone */
		_exit(0);
	if (n < 0 && errno != EINTR && errno != EAGAIN && errno != ENOENT) /* ENOENT: asked no more */
		_exit(1);
	if (atomic_fetch_sub(&pool.listening, 1) == 1 && n >= 0 && !alone)
		call_one();
	if (n >= 0)
		answer(w, w->request, (size_t)n);
}

static void *worker_main(void *arg)
{
	uint32_t i = (uint32_t)(uintptr_t)arg;
	struct berth_err err = BERTH_ERR_INIT;
	struct worker *w = worker_new(pool.fs, pool.fd[i], NULL, &err);

	if (!w)
		return NULL;
	pool.worker[i] = w;
	for (;;)
		serve_one(w, false);
}

int workers_prepare(struct imgfs *fs, const int *fuse_fds, uint32_t n, struct berth_err *err)
{
	pool.fs = fs;
	pool.n = n;
	memcpy(pool.fd, fuse_fds, n * sizeof(*fuse_fds));
	fs->workers = n;
	pool.started = 1;
	(void)sem_init(&pool.rest, 0, 0);
	pool.worker[0] = worker_new(fs, fuse_fds[0], take_ptr(&fs->first), err);
	return pool.worker[0] ? 0 : -1;
}

_Noreturn void serve(void)
{
	struct worker *w = pool.worker[0];

	for (int i = 0; i < ALONE; i++)
		serve_one(w, true);
	start_one(); /* here rather than with a request in hand */
	for (;;)
		serve_one(w, false);
}

void workers_stats(const struct imgfs *fs, struct imgfs_stats *ret)
{
	const size_t n = sizeof(*ret) / sizeof(uint64_t);
	uint64_t *sum = (uint64_t *)(void *)ret;
	struct squash_stats r;
	uint64_t running = 0;

	*ret = (struct imgfs_stats){ 0 };
	for (uint32_t i = 0; i < pool.n; i++) {
		const struct worker *w = pool.worker[i];
		const uint64_t *one;

		if (!w)
			continue;
		one = (const uint64_t *)(const void *)&w->count;
		for (size_t k = 0; k < n; k++)
			sum[k] += __atomic_load_n(&one[k], __ATOMIC_RELAXED);
		running++;
	}
	squash_stats(fs->squash[0], &r);
	ret->image_reads = r.reads;
	ret->image_bytes = r.read_bytes;
	ret->unpacked = r.unpacked;
	ret->cache_hits = r.cache_hits;
	ret->cache_misses = r.cache_misses;
	ret->lock_takes = r.lock_takes;
	ret->lock_waits = r.lock_waits;
	ret->load_waits = r.load_waits;
	ret->workers = running;
	ret->sources = fs->nsource;
}
