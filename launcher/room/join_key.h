/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * join_key.h - look at what makes the room that is wanted, and at whose job wants it.
 */
#ifndef BERTH_JOIN_KEY_H
#define BERTH_JOIN_KEY_H

#include <stdint.h>

#include "launcher/view/site.h"
#include "launcher/view/spec.h"
#include "libimage/base/sha256.h"

/*
 * The digest of key.h for this process. The image is looked at and not opened: further ranks cost
 * its file system no open. One that cannot be looked at is left to who builds, to say why.
 */
int join_key(const char *const *env, const struct room_spec *spec, const struct site *site,
	     uint8_t ret[SHA256_BYTES], struct berth_err *err);

/* When process 'pid' started, in ticks since boot, as /proc/PID/stat has it; 0: not known. */
unsigned long long join_started(pid_t pid);

#endif
