/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * skeleton.h - mount points that a directory image lacks.
 *
 * A directory image is bound read-only and must not be written to. Where a target is absent,
 * its deepest existing parent is replaced by a skeleton: a tmpfs directory that has the
 * missing names, and the parent's own entries bound into it.
 *
 *   image /home: ann bob        wanted: /home/u        skeleton on /home:
 *                                                        ann -> image's ann   (bind)
 *                                                        bob -> image's bob   (bind)
 *                                                        u                    (empty)
 */
#ifndef BERTH_SKELETON_H
#define BERTH_SKELETON_H

#include <stdbool.h>
#include <stddef.h>

#include "launcher/room/arm.h"

enum { SKELETON_SIBLINGS_MAX = 512 }; /* LIMIT: a bind each: an /etc of 200 costs 3 ms */

struct skeleton_target {
	const char *path; /* in the room */
	bool dir;
};

/*
 * Attach the directory 'image_fd' as the room's root (arm->root_dir), so that all 'targets'
 * exist in it; those that do are left alone. 'tmp_fd' is where files can be made (arm->tmpfs).
 * Puts an O_PATH descriptor of the root in *ret_root.
 * Fails: BERTH_EIMAGE a parent with too many entries: names the directory to create.
 */
int skeleton_root(const struct arm *arm, int image_fd, int tmp_fd, const struct skeleton_target *targets,
		  size_t n, int *ret_root, struct berth_err *err);

/*
 * For an image that layers are put over: make those 'targets' that it lacks in the empty directory
 * 'layer_fd', below copies of the directories they are missing in, to be a layer over the image.
 */
int skeleton_layer(int image_fd, int layer_fd, const struct skeleton_target *targets, size_t n,
		   struct berth_err *err);

#endif
