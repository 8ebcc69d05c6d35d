/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * loop.c - the workers: each reads requests from its own descriptor of /dev/fuse and answers
 * there, so they share no queue of answers in the kernel. Requests wait in one queue, and the
 * kernel wakes one of the workers that sleep there for each.
 *
 * The descriptors come from the launcher, made while it could open /dev/fuse. An answer is always
 * written by the thread that read the request, on the descriptor it came from.
 *
 * The first worker starts the second once it has answered what a launcher asks one by one, and each
 * the next: a room that is being built waits for no thread, however many there will be.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "libimage/base/cleanup.h"
#include "libimage/base/log.h"
#include "libimage/imgfs/answer.h"

enum { ALONE = 4 }; /* KERNEL: INIT, then for the root: GETATTR, OPENDIR, READDIRPLUS */

static struct {
	struct imgfs *fs;
	uint32_t n; /* descriptors */
	int fd[IMGFS_FUSE_MAX];
	_Atomic(struct worker *) worker[IMGFS_FUSE_MAX]; /* NULL: not started */
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

/* One request. The process ends when there will be no more. */
static void serve_one(struct worker *w)
{
	ssize_t n = read(w->fd, w->request, sizeof(w->request));

	if (n >= 0)
		answer(w, w->request, (size_t)n);
	else if (errno == ENODEV) /* KERNEL: the last mount of it is gone */
		_exit(0);
	else if (errno != EINTR && errno != EAGAIN && errno != ENOENT) /* ENOENT: asked no more */
		_exit(1);
}

static void *worker_main(void *arg);

/* Start worker 'i', if there is one. Without memory or threads for it, fewer serve. */
static void start_next(uint32_t i)
{
	pthread_attr_t attr;
	pthread_t id;

	if (i >= pool.n)
		return;
	(void)pthread_attr_init(&attr);
	(void)pthread_attr_setstacksize(&attr, STACK_BYTES);
	(void)pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	(void)pthread_create(&id, &attr, worker_main, (void *)(uintptr_t)i);
	(void)pthread_attr_destroy(&attr);
}

static void *worker_main(void *arg)
{
	uint32_t i = (uint32_t)(uintptr_t)arg;
	struct berth_err err = BERTH_ERR_INIT;
	struct worker *w = worker_new(pool.fs, pool.fd[i], NULL, &err);

	if (!w)
		return NULL;
	pool.worker[i] = w;
	start_next(i + 1);
	for (;;)
		serve_one(w);
}

int workers_prepare(struct imgfs *fs, const int *fuse_fds, uint32_t n, struct berth_err *err)
{
	pool.fs = fs;
	pool.n = n;
	memcpy(pool.fd, fuse_fds, n * sizeof(*fuse_fds));
	fs->workers = n;
	pool.worker[0] = worker_new(fs, fuse_fds[0], take_ptr(&fs->first), err);
	return pool.worker[0] ? 0 : -1;
}

_Noreturn void serve(void)
{
	struct worker *w = pool.worker[0];

	for (int i = 0; i < ALONE; i++)
		serve_one(w);
	start_next(1);
	for (;;)
		serve_one(w);
}

void workers_stats(const struct imgfs *fs, struct imgfs_stats *ret)
{
	const size_t n = sizeof(*ret) / sizeof(uint64_t);
	uint64_t *sum = (uint64_t *)(void *)ret;
	struct squash_stats r;
	uint64_t running = 0;

	*ret = (struct imgfs_stats){ 0 };
	for (uint32_t i = 0; i < pool.n && pool.worker[i]; i++) {
		const struct worker *w = pool.worker[i];
		const uint64_t *one = (const uint64_t *)(const void *)&w->count;

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
