/* SPDX-License-Identifier: BSD-3-Clause */
/* enter.c - this process becomes the one inside; see room.h. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "launcher/room/build.h"
#include "launcher/room/drop.h"
#include "launcher/room/server.h"
#include "libimage/base/cleanup.h"
#include "libimage/base/err.h"
#include "libimage/base/fd.h"

/* Write to a file of /proc/self, and only if it is the kernel's. */
static int proc_write(const char *path, const char *text, struct berth_err *err)
{
	cleanup_close int fd = open(path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
	struct statfs fs;

	if (fd < 0 || fstatfs(fd, &fs) < 0 || fs.f_type != PROC_SUPER_MAGIC ||
	    fd_write_full(fd, text, strlen(text)) < 0)
		return berth_fail(err, BERTH_ESYS, errno, "cannot write '%s'", path);
	return 0;
}

/*
 * A user namespace in which the caller is who he was: his uid and gid map to themselves.
 * KERNEL: gid_map needs setgroups denied first (since 3.19); the groups stay as they are.
 */
static int enter_userns(uid_t uid, gid_t gid, struct berth_err *err)
{
	char uid_map[48], gid_map[48];

	if (unshare(CLONE_NEWUSER) < 0) {
		berth_fail(err, BERTH_EDENIED, errno, "cannot make a user namespace");
		return berth_hint(err, errno == ENOSPC || errno == EPERM || errno == EACCES
			? "the administrator can allow it: sysctl user.max_user_namespaces, "
			  "kernel.unprivileged_userns_clone, kernel.apparmor_restrict_unprivileged_userns; "
			  "a chroot forbids it"
			: "the kernel needs CONFIG_USER_NS");
	}
	(void)snprintf(uid_map, sizeof(uid_map), "%u %u 1\n", uid, uid);
	(void)snprintf(gid_map, sizeof(gid_map), "%u %u 1\n", gid, gid);
	if (proc_write("/proc/self/setgroups", "deny", err) < 0 ||
	    proc_write("/proc/self/uid_map", uid_map, err) < 0)
		return -1;
	return proc_write("/proc/self/gid_map", gid_map, err);
}

/*
 * Root that may make a mount namespace needs no user namespace; root without CAP_SYS_ADMIN (in
 * another container, say) is treated as any user.
 */
int room_begin(const struct room_spec *spec, struct room_start *ret, struct room_stamps *stamps,
	       struct berth_err *err)
{
	struct server_ids ids = { .uid = (uid_t)-1 };
	cleanup_close int image_fd = -1;
	struct image_pin pin;

	room_stamp(stamps, stamps->ns[PHASE_START] ? PHASE_ASKED : PHASE_START);
	/* A first look, as who the caller is: what kind of image decides whether to start a server. */
	if (room_open_image(spec, &image_fd, &pin, err) < 0)
		return -1;
	ret->kind = pin.kind;
	if (spec->uid == 0 && drop_can_mount()) {
		/* PRIV: root's server needs nothing of root's: it reads descriptors it is given. */
		ids = (struct server_ids){ .uid = UID_NOBODY, .gid = UID_NOBODY };
	} else {
		if (enter_userns(spec->uid, spec->gid, err) < 0)
			return -1;
		room_stamp(stamps, PHASE_USERNS);
	}
	if (ret->kind != IMAGE_DIR) {
		/* Before the room's namespace: inside of it the server would keep it alive. */
		if (server_spawn(&ret->server, &ids, err) < 0)
			return -1;
		room_stamp(stamps, PHASE_SERVER);
	}
	return 0;
}

void room_start_done(struct room_start *s)
{
	server_done(&s->server);
}

int room_enter(const struct room_spec *spec, const struct site *site, struct room_start *start,
	       struct room_stamps *stamps, struct berth_err *err)
{
	cleanup(arm_local_done) struct arm_local local = { .root_fd = -1 };
	struct server *server = start->kind == IMAGE_DIR ? NULL : &start->server;
	struct arm arm;
	mode_t mask;

	room_stamp(stamps, PHASE_SETTLED);
	if (server && server_watch(server, (int)site->start_wait_ms, err) < 0)
		return -1;
	/* PRIV: in the user's own namespace, or root for itself. Once only: every copy of the host's
	 * mount tree costs time by its size. */
	if (unshare(CLONE_NEWNS) < 0)
		return berth_fail(err, BERTH_ESYS, errno, "cannot make a mount namespace");
	if (arm_make_slave(err) < 0)
		return -1;
	room_stamp(stamps, PHASE_NS);
	arm_local_init(&local, spec->uid, spec->gid, server);
	local.cache_bytes = site->cache_bytes;
	local.wait_ms = (int)site->start_wait_ms;
	arm = arm_of_local(&local);

	mask = umask(022);
	if (room_build(&arm, spec, site, NULL, start->program.name ? &start->program : NULL, stamps, err) < 0)
		return -1;
	(void)umask(mask);
	if (server && server_release(server, err) < 0)
		return -1;
	if (drop_caps(err) < 0)
		return -1;
	if (server)
		server_settle(server);
	room_stamp(stamps, PHASE_DROP);
	return 0;
}

/*
 * chdir() to a directory inside: not through /proc/self/fd/N or /proc/PID/cwd, where
 * descriptors that the caller left open would lead out of the room.
 */
static int chdir_inside(const char *path)
{
	cleanup_close int fd = fd_open_user(path, O_PATH | O_DIRECTORY);

	return fd < 0 ? -1 : fchdir(fd);
}

int room_chdir(const struct room_spec *spec, struct berth_err *err)
{
	if (spec->pwd) {
		if (chdir_inside(spec->pwd) == 0)
			return 0;
		berth_fail(err, errno == ENOENT ? BERTH_ENOTFOUND : BERTH_EDENIED, errno,
			   "cannot start in '%s'", spec->pwd);
		return berth_hint(err, "--pwd names a directory inside the image; bind it if it is the "
				       "host's");
	}
	if ((spec->cwd && chdir_inside(spec->cwd) == 0) || (spec->home && chdir_inside(spec->home) == 0) ||
	    chdir("/") == 0)
		return 0;
	return berth_fail(err, BERTH_ESYS, errno, "cannot start in '/'");
}
