/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * room.h - enter an image without Slurm: this process becomes the one inside.
 *
 * Runs as:  the calling user, who becomes root of a user namespace of his own for the moment
 *           it takes; or as root, without a user namespace.
 * Uses:     libimage/base, launcher/view.      Used by: launcher/cli.
 */
#ifndef BERTH_ROOM_H
#define BERTH_ROOM_H

#include <limits.h>

#include "launcher/room/join.h"
#include "launcher/room/overlay.h"
#include "launcher/room/prime.h"
#include "launcher/room/server.h"
#include "launcher/view/site.h"
#include "launcher/view/spec.h"
#include "libimage/base/pin.h"

/* When each phase ended, CLOCK_MONOTONIC nanoseconds; 0: there was no such phase. */
enum room_phase {
	PHASE_START,   /* of the caller's own work, or the call */
	PHASE_ASKED,   /* the call, where the caller had stamped its start */
	PHASE_USERNS,  /* user namespace made and mapped */
	PHASE_SERVER,  /* berth-imgfs forked */
	PHASE_SETTLED, /* the caller knows the rest of what it wants */
	PHASE_JOIN,    /* entered a room that was there */
	PHASE_NS,      /* mount namespace made, propagation slave */
	PHASE_OPEN,    /* image and bind sources open */
	PHASE_ROOT,    /* image attached */
	PHASE_BINDS,   /* every bind attached */
	PHASE_PIVOT,   /* the image is / */
	PHASE_DROP,    /* no capability is left */
	PHASE_FOUND,   /* the caller's: directory and program found */
	PHASES,
};

struct room_stamps {
	unsigned long long ns[PHASES];
};

/* A room that was begun: its image is known, and its server starts while the caller goes on. */
struct room_start {
	struct server server;
	struct overlay_servers over;
	enum image_kind kind;
	struct join join;	      /* the caller's: join_start() before room_begin() */
	struct prime_program program; /* the caller's: what it will execute, where it knows */
	bool own_ns; /* in a user namespace that was made for it */
	int report;  /* for pidns_init(), where the room has a PID namespace; else -1 */
};

#define ROOM_START_INIT { .server = SERVER_NONE, .join = JOIN_INIT, .report = -1 }

/*
 * Where another process makes the room (ret->join), nothing; else
 * look at the image of 'spec', make the user namespace, start the server. Of 'spec' only image,
 * pin, uid and gid need be filled in: what else a start takes is found out meanwhile, except by way
 * of the name service, whose modules may want sockets to be root's.
 * With spec->pid the caller goes on in another process, see pidns.h.
 * 'stamps' is all zero, or has PHASE_START.
 */
int room_begin(const struct room_spec *spec, struct room_start *ret, struct room_stamps *stamps,
	       struct berth_err *err);

/*
 * Build the room that 'spec' asks for, or wait for who does, and enter it. Afterwards this process has the image as
 * its root, no capability, no way to get one (no_new_privs), stands in "/", and has the
 * descriptors, umask, limits, signals and children it had before room_begin().
 * On failure the process is in an undefined place and must exit.
 * Both fail: BERTH_ENOTFOUND, _EDENIED (image or bind source), _EIMAGE, _ECONFIG, _ESYS.
 */
int room_enter(const struct room_spec *spec, const struct site *site, struct room_start *start,
	       struct room_stamps *stamps, struct berth_err *err);

/* End the server of a room that was not entered. */
void room_start_done(struct room_start *s);

/* Now is the end of 'phase'. */
void room_stamp(struct room_stamps *stamps, enum room_phase phase);

/* "userns 0.21 ms, server 0.40 ms, ..., total 3.10 ms" */
void room_stamps_format(const struct room_stamps *stamps, char *out, size_t size);

/*
 * Go to the directory the task should start in: spec->pwd, which must exist; else spec->cwd (not where
 * the room is contained), home, /, the first that can be entered. Call it inside the room, as the user.
 */
int room_chdir(const struct room_spec *spec, struct berth_err *err);

#endif
