/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * kernel_mount.h - attach an image with the kernel's squashfs driver, for images that only root
 * can have written, where the site allows it ('kernel mount = root-owned').
 *
 * The kernel's file-system drivers are not made for hostile bytes. A user's image never comes
 * here: it is served by berth-imgfs.
 */
#ifndef BERTH_KERNEL_MOUNT_H
#define BERTH_KERNEL_MOUNT_H

#include <stdbool.h>

#include "launcher/room/arm.h"

/*
 * Is 'image_fd' on a local file system, owned by root, open for writing nowhere, and is every
 * directory above it root's and writable by root only? Judged on the descriptor's own path, walked
 * without links, and that the walk ends at the very same inode. 'image_fd' is O_RDONLY.
 */
bool kernel_mount_allowed(int image_fd);

/* As arm->root_image: the kernel's mount of it becomes the room's root. */
int kernel_mount_root(struct arm_local *l, int image_fd, int *ret_root, struct berth_err *err);

#endif
