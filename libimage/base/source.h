/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * source.h - bytes that come one after another: a file, a pipe, a layer that is still being
 * downloaded. What reads them need not know.
 */
#ifndef BERTH_SOURCE_H
#define BERTH_SOURCE_H

#include <stddef.h>
#include <sys/types.h>

struct berth_err;

struct source {
	void *arg;
	/* Up to 'n' bytes (n > 0); waits for the first. Returns the count, 0 at the end, or -1 and *err. */
	ssize_t (*read)(void *arg, void *buf, size_t n, struct berth_err *err);
};

static inline ssize_t source_read(const struct source *s, void *buf, size_t n, struct berth_err *err)
{
	return s->read(s->arg, buf, n, err);
}

#endif
