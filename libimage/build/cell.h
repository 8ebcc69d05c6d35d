/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * cell.h - a process for work on untrusted bytes: it may read and write the descriptors it was
 * given, compute, and end.
 *
 * Runs as:  the user.   Uses: libimage/base.
 * Promise:  the process opens no file, has no socket, starts no program, sends no signal, and holds
 *           no descriptor but those that were named, the first three being /dev/null; its memory is
 *           bounded; it dies with whoever started it, and when it has answered. What it answers is of fixed size and otherwise untrusted: a parser that was
 *           taken over answers what it likes.
 */
#ifndef BERTH_CELL_H
#define BERTH_CELL_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct berth_err;

struct cell {
	pid_t pid;
	int pidfd;    /* -1: none */
	int reply_fd;
};

#define CELL_INIT { .pid = -1, .pidfd = -1, .reply_fd = -1 }

/* Runs inside. Returns 0 with 'reply' filled, or -1 and *err. What it owns ends with the process. */
typedef int (*cell_work)(void *arg, void *reply, struct berth_err *err);

/*
 * Start 'work' in a process of its own. It keeps the descriptors 'keep' under their numbers, and shared
 * memory that was mapped before. None of them is one of the first three. 'reply_size' is what 'work' fills, CELL_REPLY_MAX at most.
 */
enum { CELL_REPLY_MAX = 1024, CELL_KEEP_MAX = 1024 }; /* LIMIT: bytes; descriptors: 512 layers and some */
int cell_start(struct cell *c, cell_work work, void *arg, const int *keep, size_t nkeep, size_t reply_size,
	       struct berth_err *err);

/* Has it ended? Does not wait. */
bool cell_ended(const struct cell *c);

/*
 * Wait for its end, and take its answer. When 'cancel_fd' (-1: none) becomes readable it is killed, and
 * that is BERTH_ESYS, EINTR. Fails as 'work' did; BERTH_EIMAGE if a signal ended it: the bytes it worked on
 * made it do what it may not.
 */
int cell_wait(struct cell *c, int cancel_fd, void *reply, size_t reply_size, struct berth_err *err);

/* Kill what is left of it. May follow each of the above. */
void cell_done(struct cell *c);

#endif
