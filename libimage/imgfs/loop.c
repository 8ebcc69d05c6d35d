/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * loop.c - the workers: each reads requests from its own descriptor of /dev/fuse and answers
 * there, so they share no queue in the kernel.
 *
 * The descriptors come from the launcher. libfuse's own threads would open /dev/fuse for
 * each clone, as a user who may not; so the threads are ours, and libfuse reads and writes
 * through two functions that use the calling thread's descriptor. An answer is always written
 * by the thread that read the request: the operations never hand one to another.
 *
 * The first descriptor takes part in the exchange of FUSE_INIT alone; the others wait.
 */
#include "config.h"

#define FUSE_USE_VERSION 31
#include <fuse_lowlevel.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "libimage/base/cleanup.h"
#include "libimage/base/log.h"
#include "libimage/imgfs/imgfs.h"

/*
 * libfuse before 3.14 cannot be given the reading and writing, and from 3.18 on one may be built
 * without it, which it says when asked: then all workers share the first descriptor.
 */
#define HAVE_CUSTOM_IO (FUSE_VERSION >= FUSE_MAKE_VERSION(3, 14))

static struct {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	uint32_t parked;
	bool ready;
	struct fuse_session *session;
	uint32_t n;
	int fd[IMGFS_FUSE_MAX];
	struct squash_worker *worker[IMGFS_FUSE_MAX];
} pool = { .lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER };

#if HAVE_CUSTOM_IO
static _Thread_local int thread_fd = -1;

static ssize_t io_read(int fd, void *buf, size_t n, void *userdata)
{
	(void)fd;
	(void)userdata;
	return read(thread_fd, buf, n);
}

static ssize_t io_writev(int fd, struct iovec *iov, int count, void *userdata)
{
	(void)fd;
	(void)userdata;
	return writev(thread_fd, iov, count);
}
#endif

void workers_release(void)
{
	(void)pthread_mutex_lock(&pool.lock);
	pool.ready = true;
	(void)pthread_cond_broadcast(&pool.changed);
	(void)pthread_mutex_unlock(&pool.lock);
}

/* Serve worker 'i' until the mount is gone; that ends the process. */
static _Noreturn void work(uint32_t i)
{
	struct fuse_buf buf = { 0 };

#if HAVE_CUSTOM_IO
	thread_fd = pool.fd[i];
#endif
	ops_thread(pool.worker[i]);
	for (;;) {
		int rc = fuse_session_receive_buf(pool.session, &buf);

		if (rc == -EINTR)
			continue;
		if (rc <= 0) /* 0: ENODEV, the last mount of it is gone */
			_exit(rc == 0 ? 0 : 1);
		fuse_session_process_buf(pool.session, &buf);
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
	work(i);
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

#if HAVE_CUSTOM_IO
/* What cannot be had is no news to the user. */
static void no_log(enum fuse_log_level level, const char *fmt, va_list ap)
{
	(void)level;
	(void)fmt;
	(void)ap;
}

static bool each_its_own(void)
{
	static const struct fuse_custom_io io = { .read = io_read, .writev = io_writev };
	int rc;

	fuse_set_log_func(no_log);
	rc = fuse_session_custom_io(pool.session, &io, pool.fd[0]);
	fuse_set_log_func(NULL);
	return rc == 0;
}
#else
static bool each_its_own(void)
{
	return false;
}
#endif

/* Before the filter: libfuse tries /dev/null when it is given a descriptor in this way. */
int workers_session(struct imgfs *fs, struct berth_err *err)
{
	char name[] = "berth-imgfs", *argv[] = { name, NULL };
	struct fuse_args args = FUSE_ARGS_INIT(1, argv);
	char path[32];

	pool.session = fuse_session_new(&args, &imgfs_ops, sizeof(imgfs_ops), fs);
	fuse_opt_free_args(&args);
	if (!pool.session)
		return berth_fail(err, BERTH_ESYS, ENOMEM, "cannot start the file system");
	if (each_its_own())
		return 0;
	(void)snprintf(path, sizeof(path), "/dev/fd/%d", pool.fd[0]);
	if (fuse_session_mount(pool.session, path) != 0)
		return berth_fail(err, BERTH_ESYS, 0, "cannot start the file system");
	return 0;
}

int workers_prepare(struct imgfs *fs, struct berth_err *err)
{
	for (uint32_t i = 0; i < pool.n; i++) {
		if (squash_worker_new(&fs->squash, 1, &pool.worker[i], err) < 0)
			return -1;
	}
	fs->workers = pool.n;
	return 0;
}

_Noreturn void serve(void)
{
	work(0);
}
