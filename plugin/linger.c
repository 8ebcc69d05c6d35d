/* SPDX-License-Identifier: BSD-3-Clause */
/* linger.c - wait for launcher and server at a step's end; see linger.h. */
#include "config.h"

#include <poll.h>
#include <stdatomic.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "libimage/base/cleanup.h"
#include "plugin/linger.h"

/* LIMIT: ms for both. They need one, but a hundred and more on a node with eight runnable processes
 * a CPU. A program that left others behind in the room keeps the server, until Slurm kills it with
 * them: such a step ends later by this, and must not by half a second. */
enum { LINGER_MS = 300 };

/* Shared by slurmstepd and the tasks that it forks. */
struct page {
	atomic_int launcher, server;
};

static struct page *page;

void linger_open(void)
{
	void *p;

	if (page)
		return;
	p = mmap(NULL, sizeof(*page), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	page = p == MAP_FAILED ? NULL : p;
}

void linger_close(void)
{
	if (page)
		(void)munmap(page, sizeof(*page));
	page = NULL;
}

void linger_note(pid_t launcher, pid_t server)
{
	if (!page)
		return;
	atomic_store(&page->launcher, launcher);
	atomic_store(&page->server, server);
}

pid_t linger_server(void)
{
	return page ? atomic_load(&page->server) : 0;
}

/* PRIV: the process is looked at, not touched: a number that meanwhile is another's costs time. */
static void wait_for(pid_t pid, const struct timespec *end)
{
	struct pollfd p = { .events = POLLIN };
	struct timespec now;
	long left;

	if (pid <= 0 || clock_gettime(CLOCK_MONOTONIC, &now) < 0)
		return;
	left = (long)(end->tv_sec - now.tv_sec) * 1000 + (end->tv_nsec - now.tv_nsec) / 1000000;
	if (left <= 0)
		return;
	p.fd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (p.fd < 0) /* ended already */
		return;
	(void)poll(&p, 1, left < LINGER_MS ? (int)left : LINGER_MS);
	cleanup_close_fn(&p.fd);
}

void linger_wait(void)
{
	struct timespec end;

	if (!page || clock_gettime(CLOCK_MONOTONIC, &end) < 0)
		return;
	end.tv_nsec += LINGER_MS * 1000000L;
	end.tv_sec += end.tv_nsec / 1000000000L;
	end.tv_nsec %= 1000000000L;
	wait_for(atomic_load(&page->launcher), &end);
	wait_for(atomic_load(&page->server), &end);
}
