/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * ops.h - the requests that the opener (the user) may make of the launcher (root).
 *
 *   opener -> root    struct op_call + descriptors      root -> opener   struct op_answer [+ one]
 *
 * Everything is of fixed size; nothing in it is a path. The opener is assumed hostile: it runs
 * with the user's uid. So root looks the request up in one table (table.c), which says how many
 * descriptors it must have and at which point of the order it may come.
 */
#ifndef BERTH_OPS_H
#define BERTH_OPS_H

#include <stdint.h>

#include "launcher/room/arm.h"
#include "launcher/room/room.h"
#include "libimage/base/err.h"

enum op { OP_TMPFS, OP_ROOT_DIR, OP_ROOT_IMAGE, OP_BIND, OP_FINISH, OP_FAIL, OPS };

enum { OP_MAGIC = 0x424f5031 }; /* "BOP1" */

struct op_call {
	uint32_t magic;
	uint32_t op;
	uint32_t flags;		   /* OP_BIND: enum arm_flag */
	uint32_t pad;
	struct berth_err err;	   /* OP_FAIL: why */
	struct room_stamps stamps; /* OP_FINISH: for a -v line; believed by nobody */
};

struct op_answer {
	uint32_t magic;
	uint32_t pad;
	struct berth_err err; /* code BERTH_OK: done */
};

#endif
