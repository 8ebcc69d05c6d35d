/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * resolve.h - docker://NAME as the image of a command: berth-image gets it, and says which file it is.
 *
 * Runs as:  the user, before anything of a room is there. What is shown meanwhile is berth-image's.
 */
#ifndef BERTH_RESOLVE_H
#define BERTH_RESOLVE_H

#include <stdbool.h>

struct berth_err;
struct capture;
struct room_spec;

/*
 * spec->image becomes the file in the store, or with --disable-cache another, which is there until
 * capture_end(ret): by then the room has it open.
 * Fails: as berth-image does, which has told why if *told.
 */
int resolve_image(const char *reference, struct room_spec *spec, struct capture *ret, bool *told,
		  struct berth_err *err);

#endif
