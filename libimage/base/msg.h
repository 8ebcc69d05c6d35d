/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * msg.h - messages between Berth's processes: one SOCK_SEQPACKET packet of a fixed size,
 * with up to MSG_FDS descriptors.
 *
 * Promise: a message of another size, with too many descriptors or cut short is refused
 *          as a whole; descriptors that came with it are closed, so nothing leaks; received
 *          descriptors are O_CLOEXEC. Sending never raises SIGPIPE.
 */
#ifndef BERTH_MSG_H
#define BERTH_MSG_H

#include <stddef.h>

struct berth_err;

/* LIMIT: 128 images, entries, 16 of fuse (imgfs_wire.h), and even: or the padding of the kernel's
 * message would have room for one descriptor more; kernel: 253 */
enum { MSG_FDS = 146 };

struct msg_fds {
	int fd[MSG_FDS];
	int n;
};

#define MSG_FDS_INIT { .n = 0 }

/* Close what is left in 'f'. NULL-safe, may be called twice. */
void msg_fds_close(struct msg_fds *f);

/* Take descriptor 'i' out of 'f' (the caller owns it), or -1 if there is none. */
int msg_fds_take(struct msg_fds *f, int i);

/* A connected pair, both O_CLOEXEC. */
int msg_pair(int ret[2], struct berth_err *err);

/* Send 'n' bytes and the descriptors of 'fds' (NULL: none; they stay the caller's). */
int msg_send(int sock, const void *buf, size_t n, const struct msg_fds *fds, struct berth_err *err);

/*
 * Wait up to 'wait_ms' (-1: without end) and receive exactly 'n' bytes.
 * Returns 1, or 0 when the peer is gone, or -1 and *err (BERTH_ENET: late, or malformed).
 * 'fds' may be NULL: then descriptors are refused.
 */
int msg_recv(int sock, void *buf, size_t n, struct msg_fds *fds, int wait_ms, struct berth_err *err);

#endif
