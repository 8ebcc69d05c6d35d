/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * growth.h - how far a file has come that one process writes and others read meanwhile.
 *
 * Runs as:  the user.   Uses: libc.
 * Promise:  a reader waits without polling, in another thread or in a process that was forked
 *           after growth_new(); a writer that is killed ends the wait as a failure as long as
 *           somebody calls growth_end() for it (whoever reaps it).
 *
 * The count is what may be read with pread(); bytes behind it may be anything.
 */
#ifndef BERTH_GROWTH_H
#define BERTH_GROWTH_H

#include <stdint.h>

#include "libimage/base/source.h"

struct berth_err;

enum growth_state { GROWTH_MORE, GROWTH_DONE, GROWTH_FAILED };

/* In memory that is shared over fork(); see growth.c. */
struct growth;

/* NULL without memory. growth_free() unmaps it here only, and is NULL-safe. */
struct growth *growth_new(void);
struct growth *growth_free(struct growth *g);

/* The writer's: there are 'bytes' now; and, once, how it ended. Both wake who waits. */
void growth_set(struct growth *g, uint64_t bytes);
void growth_end(struct growth *g, enum growth_state state);

/* Wait until there is more than 'have' or it has ended. Returns the count; the state is as of then. */
uint64_t growth_wait(struct growth *g, uint64_t have, enum growth_state *ret_state);

/* A source that follows the file 'fd' (borrowed). A failed writer is BERTH_ENET "the download ended early". */
struct growth_reader {
	struct growth *g;
	int fd;
	uint64_t at;
};
struct source growth_source(struct growth_reader *r);

#endif
