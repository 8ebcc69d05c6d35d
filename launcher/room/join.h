/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * join.h - one room for all ranks of a job on a host: the first builds it, the others enter.
 *
 * Processes in different user namespaces may not read each other's memory, as MPI libraries do
 * within a node (CMA); with one room they share one user namespace, one mount namespace and one
 * image server.
 *
 * Who builds is decided by bind(2) on an abstract socket whose name is a digest of all that makes
 * the room, its user and his job (key.h). Who finds the name taken connects, and looks at whose it
 * is: another user's is left alone, and the next of JOIN_SUFFIXES names is tried. A keeper
 * (keeper.h) answers. There is no file, no lock and nothing to clean: the name is gone with the
 * process that has it.
 *
 * Runs as:  the calling user, before and while the room is made; or root.
 */
#ifndef BERTH_JOIN_H
#define BERTH_JOIN_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "launcher/view/site.h"
#include "launcher/view/spec.h"
#include "libimage/base/sha256.h"

enum join_role {
	JOIN_ALONE,  /* nothing is shared */
	JOIN_BUILDS, /* this process builds, others may wait for it */
	JOIN_WAITS,  /* another builds, or has */
};

struct join {
	enum join_role role;
	bool told;	/* join_enter() failed for the builder's reason, which the builder prints */
	bool forced;	/* to share was asked for: not to is an error */
	int sock;	/* JOIN_BUILDS: to the keeper; JOIN_WAITS: to the room's keeper */
	int mnt, user;	/* JOIN_BUILDS: the room's namespaces, from join_hold() on */
	int suffix;	/* of the name */
	int gone;	/* how often somebody with this name ended without an answer */
	pid_t peer;	/* JOIN_WAITS: who has the name */
	uint32_t wait_ms;
	int64_t name_end_ms; /* until then a name must turn out to be a keeper's */
	uint8_t key[SHA256_BYTES];
};

#define JOIN_INIT { .sock = -1, .mnt = -1, .user = -1 }

/*
 * Decide j->role, from spec->join and the environment. Call it before anything is unshared.
 * Fails only where sharing was asked for (--join) and is not to be had, or memory is not.
 */
int join_start(struct join *j, const struct room_spec *spec, const struct site *site, struct berth_err *err);

/*
 * JOIN_WAITS: wait, and enter the room. Returns 1: this process is inside, with the capabilities of
 * its user namespace still; 0: nobody builds any more, and j->role says what to do now; -1.
 */
int join_enter(struct join *j, const struct room_spec *spec, struct berth_err *err);

/* JOIN_BUILDS, just after unshare(CLONE_NEWNS), while /proc is the host's: note the namespaces. */
int join_hold(struct join *j, struct berth_err *err);

/* JOIN_BUILDS: the room is up, or will not be. No-ops in other roles. */
void join_publish(struct join *j);
void join_refuse(struct join *j, const struct berth_err *err);

/* Close what is left. Where others wait still, they elect another builder. */
void join_done(struct join *j);

#endif
