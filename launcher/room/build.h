/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * build.h - carry out a plan: open everything as the user, have the arm attach it.
 *
 * Runs as:  the user (opener, or root of his own user namespace), inside the new mount
 *           namespace: descriptors opened before unshare(CLONE_NEWNS) cannot be cloned.
 */
#ifndef BERTH_BUILD_H
#define BERTH_BUILD_H

#include "launcher/room/arm.h"
#include "launcher/room/prime.h"
#include "launcher/room/room.h"

/*
 * Open the image file or directory of 'spec' and check it against its pin.
 * Fails: BERTH_ENOTFOUND, BERTH_EDENIED, BERTH_EIMAGE.
 */
int room_open_image(const struct room_spec *spec, int *ret_fd, struct image_pin *ret_pin,
		    struct berth_err *err);

/*
 * Build the whole room, arm->finish() included. 'pmix_dir' may be NULL or "", 'program' NULL where it
 * is not known.
 */
int room_build(const struct arm *arm, const struct room_spec *spec, const struct site *site,
	       const char *pmix_dir, const struct prime_program *program, struct room_stamps *stamps,
	       struct berth_err *err);

#endif
