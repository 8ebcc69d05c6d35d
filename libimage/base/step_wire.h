/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * step_wire.h - what the plugin (in slurmstepd) and berth-launcher --step say to each other.
 *
 *   slurmstepd, init_post_opt      struct step_request + [spec]         -> launcher
 *   each task, task_init_privileged  struct step_join + [mnt ns, answer]  -> launcher
 *   launcher                         struct step_answer + [room's mnt ns] -> 'answer' socket
 *   launcher, once a server serves   struct step_hold + [room's mnt ns]   -> slurmstepd
 *
 * All on one SOCK_SEQPACKET pair that slurmstepd makes (STEP_FD in the launcher); tasks
 * inherit slurmstepd's end. Answers do not go there, because tasks wait in parallel and would
 * take each other's: every join brings a socket of its own.
 *
 * step_hold is not received but lies in slurmstepd's queue: as long as it does, the room's mounts
 * have a user, and so a server that is dead did not end for want of one.
 *
 * 'spec' is a sealed memfd: ngroups gid_t values, then spec_bytes bytes of struct room_spec as
 * room_spec_pack() wrote them (launcher/view/spec.h). Root reads the gids and never looks
 * into the spec: that is done by the opener, as the user.
 */
#ifndef BERTH_STEP_WIRE_H
#define BERTH_STEP_WIRE_H

#include <stdint.h>
#include <sys/types.h>

#include "libimage/base/err.h"

enum {
	STEP_FD = 3,
	STEP_MAGIC = 0x42535433,      /* "BST3": changes with the layout */
	STEP_GROUPS_MAX = 65536,      /* LIMIT: NGROUPS_MAX of Linux */
	STEP_SPEC_MAX = 1024 * 1024,  /* LIMIT: bytes; 10,000 binds of 100 */
	STEP_TASKS_MAX = 65536,	      /* LIMIT: more tasks than a node has ever run */
	STEP_DIR_MAX = 1024,	      /* LIMIT: a spool directory has less than 100 characters */
};

struct step_request {
	uint32_t magic;
	uint32_t ntasks;     /* local tasks of this node: so many joins are expected */
	uint32_t uid, gid;
	uint32_t ngroups;
	uint32_t spec_bytes;
	uint32_t wait_ms;    /* the room must be up this soon after the first join */
	uint32_t verbose;    /* 1: phase stamps in step_answer.note */
	uint32_t image_kind; /* enum image_kind as pinned; IMAGE_UNKNOWN: not pinned */
	uint32_t job, step;  /* ids, for the step's cgroup and for messages */
};

struct step_join {
	uint32_t magic;
	int32_t pid;	     /* of the task; its cgroup is where launcher and server belong */
	uint32_t localid;
	char pmix_dir[STEP_DIR_MAX]; /* <SlurmdSpoolDir>/pmix.<job>.<step>, or "" */
};

struct step_answer {
	uint32_t magic;
	int32_t launcher;     /* the process that answers, and the image server; 0: none */
	int32_t server;
	struct berth_err err; /* code BERTH_OK: the room's namespace came along */
	char note[512];	      /* phase stamps, with 'verbose' */
};

struct step_hold {
	uint32_t magic;
};

#endif
