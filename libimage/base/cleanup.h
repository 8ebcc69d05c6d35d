/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * cleanup.h - ownership that is visible where it is declared.
 *
 * Every descriptor and pointer a function owns is declared with one of these and
 * initialised; take_fd()/take_ptr() hand it to somebody else.
 */
#ifndef BERTH_CLEANUP_H
#define BERTH_CLEANUP_H

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

/* close() once: on Linux the descriptor is gone even when close() says EINTR. */
static inline void cleanup_close_fn(int *fd)
{
	int saved = errno;

	if (*fd >= 0)
		(void)close(*fd);
	*fd = -1;
	errno = saved;
}

static inline void cleanup_free_fn(void *p)
{
	free(*(void **)p);
}

static inline void cleanup_fclose_fn(FILE **f)
{
	if (*f)
		(void)fclose(*f);
}

#define cleanup(fn)    __attribute__((cleanup(fn)))
#define cleanup_close  cleanup(cleanup_close_fn)
#define cleanup_free   cleanup(cleanup_free_fn)
#define cleanup_fclose cleanup(cleanup_fclose_fn)

static inline int take_fd(int *fd)
{
	int v = *fd;

	*fd = -1;
	return v;
}

#define take_ptr(pp)                            \
	({                                      \
		__typeof__(*(pp)) v_ = *(pp);   \
		*(pp) = NULL;                   \
		v_;                             \
	})

#endif
