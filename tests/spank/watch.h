/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * watch.h - a picture of a process before and after a hook: descriptors with their flags,
 * umask, signals, identities, limits, environment, working directory, root and namespace.
 */
#ifndef BERTH_TEST_WATCH_H
#define BERTH_TEST_WATCH_H

#include <stdbool.h>

#include "libimage/base/str.h"

struct watch {
	struct strbuf state, place, fds;
};

enum {
	WATCH_ALLOW_SOCKET = 1 << 0, /* one close-on-exec socket may be new */
	WATCH_LOSE_SOCKET = 1 << 1,  /* it may be gone */
	WATCH_ALLOW_MOVE = 1 << 2,   /* working directory, root, namespace may differ */
};

/* 'client': variables that start with SLURM_ are the plugin's to change. */
void watch_take(struct watch *w, bool client);
void watch_done(struct watch *w);

/* NULL, or the part of 'after' that differs. */
const char *watch_differs(const struct watch *before, const struct watch *after, unsigned int allow);

#endif
