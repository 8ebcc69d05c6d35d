/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * arm.h - the few things that need CAP_SYS_ADMIN while a room is built, by descriptor.
 *
 * Two minds are kept apart. The one that decides (build.c) runs as the user: it opens every
 * path with the user's rights and resolves every target. The arm attaches descriptors to
 * descriptors and looks at no path, no image and no configuration of the user's.
 *   - without Slurm both are one process, root of its own user namespace (arm_local());
 *   - under Slurm the arm is berth-launcher, root, and reached through a socket (launcher/priv).
 *
 * Whoever asks, every mount is nosuid before it is attached, and nodev but for /dev.
 *
 * Calling order: tmpfs at most once, then root_dir or root_image once, then any number of
 * bind, then finish once.
 */
#ifndef BERTH_ARM_H
#define BERTH_ARM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "libimage/base/pin.h"

struct berth_err;
struct overlay_servers;
struct room_spec;
struct server;

enum arm_flag {
	ARM_READONLY = 1 << 0, /* recursively */
	ARM_DEV = 1 << 1,      /* device nodes work; refused unless the source is the host's /dev */
	ARM_FLAGS = ARM_READONLY | ARM_DEV,
};

/* New, empty file systems that a room can have to itself. */
enum arm_fresh {
	ARM_SHM, /* a tmpfs for /dev/shm, mode 1777, of the size that the kernel gives one: half the memory */
	ARM_PTS, /* a devpts */
};

enum { ARM_BINDS_MAX = 20000 }; /* LIMIT: the kernel's fs.mount-max is 100,000 a namespace */

struct arm {
	void *ctx;
	/* A small tmpfs of the user's, outside of the room, to make files and skeletons in. */
	int (*tmpfs)(void *ctx, int *ret_fd, struct berth_err *err);
	/* The directory 'dir_fd', read-only, is the room's root; 'ret_root' an O_PATH on it. */
	int (*root_dir)(void *ctx, int dir_fd, int *ret_root, struct berth_err *err);
	/* The same for the image file 'image_fd', served with 'entries_fd' (imgfs_wire.h). */
	int (*root_image)(void *ctx, int image_fd, int entries_fd, int *ret_root, struct berth_err *err);
	/* A clone of 'src_fd' with its submounts on 'dst_fd', a place below the room's root. */
	int (*bind)(void *ctx, int src_fd, int dst_fd, unsigned int flags, struct berth_err *err);
	/* Layers of 'spec' over the root (overlay.h), below them the directory 'points' (-1: none); *root_fd
	 * is the new one. NULL: none can be. */
	int (*overlay)(void *ctx, const struct room_spec *spec, int points, int *root_fd, struct berth_err *err);
	/* A proc file system of this process's PID namespace; NULL where rooms have none. */
	int (*procfs)(void *ctx, int dst_fd, struct berth_err *err);
	/* The room's root becomes "/" of the namespace; nothing of the host's tree is left. */
	int (*finish)(void *ctx, struct berth_err *err);

	/*
	 * What follows is the local arm's only, and NULL in the launcher's opener: there is no request for it.
	 * device: like bind, but what the host has in its own /dev keeps its working device nodes.
	 */
	int (*device)(void *ctx, int src_fd, int dst_fd, unsigned int flags, struct berth_err *err);
	/* A new file system on 'dst_fd'. */
	int (*fresh)(void *ctx, enum arm_fresh what, int dst_fd, struct berth_err *err);
};

/* The arm of this process. Must not move while 'struct arm' points to it. */
struct arm_local {
	uid_t uid; /* whose room it is */
	gid_t gid;
	struct server *server; /* started, waiting; NULL: images cannot be served */
	uint64_t cache_bytes;
	int wait_ms;
	int root_fd; /* -1 until root_dir or root_image */
	unsigned int binds;
	unsigned int covers; /* mounts over the host's root, the room's own not counted */
	struct overlay_servers *over; /* of the layers; NULL: there are none */
	bool own_ns;   /* in a user namespace of the room's */
	bool writable; /* the root directory is */
	bool have_dev; /* the host's /dev, so that nothing else gets device nodes */
	dev_t dev_dev;
	ino_t dev_ino;
	uint64_t dev_mnt;
	uint64_t tmpfs_bytes; /* of the one for files and skeletons, and for a room's own directories */
	uint64_t root_mnt, root_ino; /* the host's "/", where the room's mounts are stacked */
};

/* In the new mount namespace, before anything is attached. */
void arm_local_init(struct arm_local *l, uid_t uid, gid_t gid, struct server *server);
void arm_local_done(struct arm_local *l);
struct arm arm_of_local(struct arm_local *l);

/* The detached mount 'mount_fd' (read-only, nosuid, nodev) becomes the room's root. */
int arm_local_take_root(struct arm_local *l, int mount_fd, int *ret_root, struct berth_err *err);

/*
 * For overlay.c. An image served by 'server' as a detached mount; a mount put out of the way; a tmpfs
 * of 'bytes' (0: half of the memory) out of the way; and a mount that replaces the room's root.
 */
int arm_local_image(const struct arm_local *l, struct server *server, int image_fd, int entries_fd, int *ret_mnt,
		    struct berth_err *err);
int arm_local_cover(struct arm_local *l, int mount_fd, struct berth_err *err);
enum { ARM_SMALL = 4 * 1024 * 1024 }; /* LIMIT: two id files of at most 1 MiB each (ids.c), mount points */
int arm_local_memory(struct arm_local *l, uint64_t bytes, int *ret_fd, struct berth_err *err);
int arm_local_replace_root(struct arm_local *l, int mount_fd, int *root_fd, struct berth_err *err);

/* Our copy of the mount tree gets nothing back to the host's: call it first in a new namespace. */
int arm_make_slave(struct berth_err *err);

#endif
