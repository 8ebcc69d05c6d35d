/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * table.h - root's half of ops.h: serve one opener until its room is finished.
 */
#ifndef BERTH_TABLE_H
#define BERTH_TABLE_H

#include "launcher/priv/ops.h"
#include "launcher/view/site.h"

struct table {
	struct arm_local local;
	const struct site *site;
	struct room_stamps stamps; /* of the opener, once finished */
};

/*
 * Answer the calls on 'sock' until OP_FINISH, OP_FAIL, a breach of the rules, or 'wait_ms'.
 * Returns 0 when the room is finished, else -1 and *err (with OP_FAIL the opener's words).
 */
int table_serve(struct table *t, int sock, int wait_ms, struct berth_err *err);

#endif
