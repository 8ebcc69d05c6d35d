/* SPDX-License-Identifier: BSD-3-Clause */
/* join_wire.c - the name of a shared room and the form of its messages; see join_wire.h. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "launcher/room/join_wire.h"

size_t join_name(const uint8_t key[SHA256_BYTES], int suffix, char out[JOIN_NAME_MAX])
{
	char hex[SHA256_HEX + 1];

	sha256_hex(key, hex);
	return (size_t)snprintf(out, JOIN_NAME_MAX, "berth-room-%s-%d", hex, suffix);
}

bool join_answer_ok(struct join_answer *a, int nfds)
{
	if (a->magic != JOIN_MAGIC)
		return false;
	a->err.text[sizeof(a->err.text) - 1] = a->err.hint[sizeof(a->err.hint) - 1] = '\0';
	switch (a->state) {
	case JOIN_WAIT:
		return nfds == 0;
	case JOIN_UP:
		return nfds == JOIN_FDS;
	case JOIN_FAILED:
		return nfds == 0 && a->err.code != BERTH_OK && (unsigned int)a->err.code < BERTH_ECODES;
	default:
		return false;
	}
}
