/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * join_wire.h - what the processes of one job on one host say to each other, to share a room.
 *
 *   rank      struct join_request + [its pidfd]                -> keeper
 *   keeper    struct join_answer, state JOIN_WAIT              -> rank, at once, if there is no room yet
 *   builder   struct join_answer + [room's namespaces]         -> keeper, once
 *   keeper    the same                                         -> each rank
 *
 * Rank and keeper meet at an abstract socket, the builder and its keeper on a pair. All of them are
 * the same build of Berth (the name says so); sizes and states are looked at all the same.
 */
#ifndef BERTH_JOIN_WIRE_H
#define BERTH_JOIN_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "libimage/base/err.h"
#include "libimage/base/sha256.h"

enum {
	JOIN_MAGIC = 0x424a4e31, /* "BJN1": changes with the layout */
	JOIN_SUFFIXES = 4,	 /* names to try, should others be squatted */
	JOIN_NAME_MAX = 96,	 /* LIMIT: "berth-room-", 64 digits, "-0"; the kernel takes 107 */
	JOIN_FDS = 2,		 /* mount namespace, user namespace (of who made none: the caller's) */
};

enum join_state {
	JOIN_WAIT,   /* somebody is building it */
	JOIN_UP,     /* the descriptors came along */
	JOIN_FAILED, /* 'err' is why */
};

struct join_request {
	uint32_t magic;
};

struct join_answer {
	uint32_t magic;
	uint32_t state;
	int32_t builder; /* its pid, for messages */
	struct berth_err err;
};

/* The name of the room with this key, on the 'suffix'th try; its length. A NUL goes before it. */
size_t join_name(const uint8_t key[SHA256_BYTES], int suffix, char out[JOIN_NAME_MAX]);

/*
 * Is it an answer that a keeper gives, with so many descriptors? Its texts are then such as can be
 * printed, and its code is one: what came is the words of another process.
 */
bool join_answer_ok(struct join_answer *a, int nfds);

#endif
