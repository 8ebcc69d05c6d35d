/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * server.h - start berth-imgfs, hand it its work, and bound the time it takes.
 *
 *   caller ---fork--- guard ---vfork, exec--- berth-imgfs
 *      |  socket 'settle' |                       |
 *      '--------------------- control socket -----'
 *
 * The guard kills the server when the caller dies or the deadline passes before
 * server_settle(). It must be a process of its own: a caller that waits for an answer of a
 * stopped server sits in the kernel and runs no handler of its own; the server's death is what
 * ends that wait (ENOTCONN), because the server alone holds the FUSE descriptor.
 * After server_settle() the guard is gone and reaped, and the server is nobody's child.
 */
#ifndef BERTH_SERVER_H
#define BERTH_SERVER_H

#include <stdint.h>
#include <sys/types.h>

struct berth_err;

struct server {
	int control; /* -1: none, or handed its work */
	int settle;
	pid_t guard; /* 0: none */
	pid_t pid;   /* of berth-imgfs, once server_pid() was asked; 0: none */
};

#define SERVER_NONE { .control = -1, .settle = -1 }

/* What the guard is told: milliseconds from now on, or to end, or to answer with the server's pid. */
enum { GUARD_SETTLE = 0, GUARD_PID = -1 };

struct server_ids {
	uid_t uid; /* become this for good; (uid_t)-1: keep all ids, and CAP_SYS_CHROOT */
	gid_t gid;
};

/*
 * Fork it, now, in the namespaces the caller is in: a server inside the mount namespace that
 * it serves would keep that namespace alive.
 */
int server_spawn(struct server *s, const struct server_ids *ids, struct berth_err *err);

/* From now on the room must be up within 'wait_ms' (> 0). */
int server_watch(struct server *s, int wait_ms, struct berth_err *err);

/*
 * Send image, entries and the FUSE descriptors; wait until the server has read the image.
 * Fails: the server's own error (BERTH_EIMAGE ...), or BERTH_ENET when it died or is late.
 */
int server_start(struct server *s, int image_fd, int entries_fd, const int *fuse, int nfuse,
		 uint64_t cache_bytes, int wait_ms, struct berth_err *err);

/*
 * Ask for the server's pid, into s->pid. It is the server's for as long as the guard lives, which
 * does not reap it; and after that where the caller is a subreaper and does not either.
 */
int server_pid(struct server *s, struct berth_err *err);

/*
 * The room is up: let the server live for as long as its mount does. The first tells the guard to
 * end, and whether it was in time; the second waits for it. What else there is to do goes between.
 */
int server_release(struct server *s, struct berth_err *err);
void server_settle(struct server *s);

/* Kill what server_settle() has not released. NULL-safe. */
void server_done(struct server *s);

#endif
