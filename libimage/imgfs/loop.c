/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * loop.c - the workers: each reads requests from its own descriptor of /dev/fuse and answers
 * there, so they share no queue of answers in the kernel. Requests wait in one queue, and the
 * kernel wakes one of the workers that sleep there for each.
 *
 * The descriptors come from the launcher, made while it could open /dev/fuse. An answer is always
 * written by the thread that read the request, on the descriptor it came from.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "libimage/base/cleanup.h"
#include "libimage/imgfs/answer.h"

static struct {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	uint32_t parked;
	bool ready;
	uint32_t n;
	int fd[IMGFS_FUSE_MAX];
	struct worker *worker[IMGFS_FUSE_MAX];
} pool = { .lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER };

/* Serve until the mount is gone; that ends the process. */
static _Noreturn void work(struct worker *w)
{
	for (;;) {
		ssize_t n = read(w->fd, w->request, sizeof(w->request));

		if (n >= 0)
			answer(w, w->request, (size_t)n);
		else if (errno == ENODEV) /* KERNEL: the last mount of it is gone */
			_exit(0);
		else if (errno != EINTR && errno != EAGAIN && errno != ENOENT) /* ENOENT: asked no more */
			_exit(1);
	}
}

static void *worker_main(void *arg)
{
	uint32_t i = (uint32_t)(uintptr_t)arg;

	(void)pthread_mutex_lock(&pool.lock);
	pool.parked++;
	(void)pthread_cond_broadcast(&pool.changed);
	while (!pool.ready)
		(void)pthread_cond_wait(&pool.changed, &pool.lock);
	(void)pthread_mutex_unlock(&pool.lock);
	work(pool.worker[i]);
}

uint32_t workers_park(const int *fuse_fds, uint32_t n)
{
	pthread_attr_t attr;
	pthread_t id;

	(void)pthread_attr_init(&attr);
	(void)pthread_attr_setstacksize(&attr, STACK_BYTES);
	(void)pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	memcpy(pool.fd, fuse_fds, n * sizeof(*fuse_fds));
	for (uint32_t i = 0; i < n; i++) /* a read must wait, however the launcher opened it */
		(void)fcntl(fuse_fds[i], F_SETFL, 0);
	pool.n = 1;
	while (pool.n < n && pthread_create(&id, &attr, worker_main, (void *)(uintptr_t)pool.n) == 0)
		pool.n++;
	(void)pthread_attr_destroy(&attr);
	/* A thread that has only begun makes system calls which the filter would kill it for. */
	(void)pthread_mutex_lock(&pool.lock);
	while (pool.parked < pool.n - 1)
		(void)pthread_cond_wait(&pool.changed, &pool.lock);
	(void)pthread_mutex_unlock(&pool.lock);
	for (uint32_t i = pool.n; i < n; i++) /* no more threads allowed: fewer serve */
		(void)close(fuse_fds[i]);
	return pool.n;
}

int workers_prepare(struct imgfs *fs, struct berth_err *err)
{
	for (uint32_t i = 0; i < pool.n; i++) {
		struct worker *w = calloc(1, sizeof(*w));

		if (!w)
			return berth_fail(err, BERTH_ESYS, ENOMEM, "cannot start the workers");
		w->fs = fs;
		w->fd = pool.fd[i];
		pool.worker[i] = w;
		if (squash_worker_new(fs->squash, fs->nsource, &w->squash, err) < 0)
			return -1;
	}
	fs->workers = pool.n;
	return 0;
}

void workers_stats(const struct imgfs *fs, struct imgfs_stats *ret)
{
	const size_t n = sizeof(*ret) / sizeof(uint64_t);
	uint64_t *sum = (uint64_t *)(void *)ret;
	struct squash_stats r;

	*ret = (struct imgfs_stats){ 0 };
	for (uint32_t i = 0; i < pool.n; i++) {
		const uint64_t *one = (const uint64_t *)(const void *)&pool.worker[i]->count;

		for (size_t k = 0; k < n; k++)
			sum[k] += __atomic_load_n(&one[k], __ATOMIC_RELAXED);
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
	ret->workers = fs->workers;
	ret->sources = fs->nsource;
}

_Noreturn void serve(void)
{
	(void)pthread_mutex_lock(&pool.lock);
	pool.ready = true;
	(void)pthread_cond_broadcast(&pool.changed);
	(void)pthread_mutex_unlock(&pool.lock);
	work(pool.worker[0]);
}
