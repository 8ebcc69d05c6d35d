/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * key.h - when are two rooms the same room? When the digest of all that makes them is.
 *
 * A pure function. Not in it: what each process decides for itself after it has entered (its
 * environment, the directory it starts in, how much it tells), and the image's name, where the
 * file is the same.
 * Uses:     libimage/base.     Used by: launcher/room (join).
 */
#ifndef BERTH_KEY_H
#define BERTH_KEY_H

#include <stdint.h>
#include <sys/types.h>

#include "launcher/view/plan.h"
#include "launcher/view/spec.h"
#include "libimage/base/sha256.h"

/* A file as it is now; all zero where it could not be looked at. */
struct key_file {
	uint64_t dev, ino, size, mtime_s, mtime_ns;
};

enum { KEY_NAMESPACES = 3 }; /* user, mount, pid: those of the caller */

struct key_parts {
	const gid_t *groups; /* the supplementary ones, as getgroups() lists them */
	size_t ngroups;
	struct key_file image;
	struct key_file build; /* this program: another build may make another room */
	uint64_t ns[KEY_NAMESPACES];
	const char *job; /* what siblings_job() and the caller know of the launcher */
	size_t job_len;
};

/* An option of 'spec' by which its room is for one process and its children, or NULL: none. */
const char *key_private(const struct room_spec *spec);

/* BERTH_EBUG: 'spec' is none, see room_spec_pack(); BERTH_ESYS. */
int key_make(const struct key_parts *parts, const struct room_spec *spec, const struct plan *plan,
	     uint8_t ret[SHA256_BYTES], struct berth_err *err);

#endif
