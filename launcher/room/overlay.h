/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * overlay.h - layers over a room's root: the kernel's overlayfs, in the user's own namespaces.
 *
 *   --overlay DIR        DIR/upper takes what is written, DIR/work is the kernel's
 *   --overlay DIR:ro     DIR/upper, or DIR where there is none, read-only
 *   --overlay IMAGE      the same of an image file, which a server of its own serves
 *   --writable-tmpfs     what is written lies in memory and goes with the room
 *
 * The topmost layer comes first. The image itself is the lowest and stays as it is.
 *
 * KERNEL: overlayfs in a user namespace since 5.11 ("userxattr"); a tmpfs has the attributes for
 * directories that are replaced since 6.6.
 */
#ifndef BERTH_ROOM_OVERLAY_H
#define BERTH_ROOM_OVERLAY_H

#include "launcher/room/arm.h"
#include "launcher/room/server.h"
#include "launcher/view/overlay.h"
#include "launcher/view/spec.h"

/* The servers of those layers that are image files; of others 'server' stays SERVER_NONE. */
struct overlay_servers {
	struct server v[OVERLAYS_MAX];
	size_t n;
};

/* Look at the layers of 'spec' and start the servers, before the mount namespace is made. */
int overlay_begin(const struct room_spec *spec, const struct server_ids *ids, struct overlay_servers *ret,
		  struct berth_err *err);
/* As server_watch(), server_release() and server_settle(), server_done() of each. */
int overlay_watch(struct overlay_servers *o, int wait_ms, struct berth_err *err);
int overlay_release(struct overlay_servers *o, struct berth_err *err);
void overlay_settle(struct overlay_servers *o);
void overlay_done(struct overlay_servers *o);

/* Does 'spec' want any? */
bool overlay_wanted(const struct room_spec *spec);

/*
 * Put the layers over the room's root 'l->root_fd', which *root_fd is a copy of; both become the
 * new root. 'points' (-1: none) is a directory that becomes the layer next to the image.
 */
int overlay_attach(struct arm_local *l, const struct room_spec *spec, int points, int *root_fd,
		   struct berth_err *err);

#endif
