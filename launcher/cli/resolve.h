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
struct room_spec;

/*
 * spec->image becomes the file in the store. *ret_held is the caller's, and keeps the file from being
 * removed before the room has it open.
 * Fails: as berth-image does, which has told why if *told.
 */
int resolve_image(const char *reference, struct room_spec *spec, int *ret_held, bool *told,
		  struct berth_err *err);

#endif
