/* SPDX-License-Identifier: BSD-3-Clause */
/* growth.c - how far a file has come; see growth.h. */
#include "config.h"

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "libimage/base/err.h"
#include "libimage/base/growth.h"

/*
 * 'turn' changes with every call of the writer and is what readers sleep on: it is read before
 * the other two, so that a change between look and sleep is a sleep that the kernel refuses.
 */
struct growth {
	_Atomic uint64_t bytes;
	_Atomic uint32_t state;
	_Atomic uint32_t turn;
	_Atomic uint32_t waiting;
};

struct growth *growth_new(void)
{
	void *p = mmap(NULL, sizeof(struct growth), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

struct growth *growth_free(struct growth *g)
{
	if (g)
		(void)munmap(g, sizeof(*g));
	return NULL;
}

static void wake(struct growth *g)
{
	atomic_fetch_add(&g->turn, 1);
	if (atomic_load(&g->waiting) > 0)
		(void)syscall(SYS_futex, &g->turn, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}

void growth_set(struct growth *g, uint64_t bytes)
{
	atomic_store(&g->bytes, bytes);
	wake(g);
}

void growth_end(struct growth *g, enum growth_state state)
{
	atomic_store(&g->state, (uint32_t)state);
	wake(g);
}

uint64_t growth_wait(struct growth *g, uint64_t have, enum growth_state *ret_state)
{
	for (;;) {
		uint32_t turn = atomic_load(&g->turn);
		enum growth_state state = (enum growth_state)atomic_load(&g->state);
		uint64_t bytes = atomic_load(&g->bytes);

		if (bytes > have || state != GROWTH_MORE) {
			*ret_state = state;
			return bytes;
		}
		/* Said before the kernel compares 'turn': the writer either sees it or changes that first. */
		atomic_fetch_add(&g->waiting, 1);
		(void)syscall(SYS_futex, &g->turn, FUTEX_WAIT, turn, NULL, NULL, 0);
		atomic_fetch_sub(&g->waiting, 1);
	}
}

static ssize_t read_grown(void *arg, void *buf, size_t n, struct berth_err *err)
{
	struct growth_reader *r = arg;
	enum growth_state state;
	uint64_t bytes = growth_wait(r->g, r->at, &state);
	ssize_t got;

	/* Who failed says why; what is there already is of no use to anybody. */
	if (state == GROWTH_FAILED)
		return berth_fail(err, BERTH_ENET, 0, "the download ended early");
	if (bytes <= r->at)
		return 0;
	do
		got = pread(r->fd, buf, bytes - r->at < n ? (size_t)(bytes - r->at) : n, (off_t)r->at);
	while (got < 0 && errno == EINTR);
	if (got < 0)
		return berth_fail(err, BERTH_ESYS, errno, "cannot read what was downloaded");
	if (got == 0)
		return berth_fail(err, BERTH_ESYS, ENODATA, "cannot read what was downloaded");
	r->at += (uint64_t)got;
	return got;
}

struct source growth_source(struct growth_reader *r)
{
	return (struct source){ .arg = r, .read = read_grown };
}
