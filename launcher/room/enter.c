/* SPDX-License-Identifier: BSD-3-Clause */
/* enter.c - this process becomes the one inside; see room.h. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <unistd.h>

#include "launcher/room/build.h"
#include "launcher/room/drop.h"
#include "launcher/room/hint.h"
#include "launcher/room/keep.h"
#include "launcher/room/ns.h"
#include "launcher/room/pidns.h"
#include "launcher/room/server.h"
#include "launcher/room/userns.h"
#include "libimage/base/cleanup.h"
#include "libimage/base/err.h"
#include "libimage/base/fd.h"
#include "libimage/base/log.h"

/* LIMIT: what other runtimes give a session of their own; --workdir has the room of a disk */
enum { SESSION_BYTES = 64 * 1024 * 1024 };

/* Who the caller is in the room, and what rights the room is built with. */
static int enter_userns(const struct room_spec *spec, struct berth_err *err)
{
	bool ranges;

	if (!spec->fakeroot)
		return userns_self(spec->uid, spec->gid, err);
	if (userns_root(spec->uid, spec->gid, spec->user, &ranges, err) < 0)
		return -1;
	if (!ranges)
		log_line(LOG_DETAIL, "no numbers of your own in /etc/subuid: root is the only user inside");
	return 0;
}

/* --writable is for what can be written to. */
static int check_writable(const struct room_spec *spec, enum image_kind kind, int image_fd, struct berth_err *err)
{
	if (!spec->writable)
		return 0;
	if (kind != IMAGE_DIR) {
		berth_fail(err, BERTH_EDENIED, 0, "image '%s' is a file, which is never written to", spec->image);
		return berth_hint(err, "--writable-tmpfs or --overlay DIR takes what is written");
	}
	if (overlay_wanted(spec)) {
		berth_fail(err, BERTH_EUSAGE, 0, "--writable with an overlay");
		return berth_hint(err, "what is written goes either to the image or to the overlay");
	}
	if (faccessat(image_fd, ".", W_OK, AT_EACCESS) < 0) {
		berth_fail(err, BERTH_EDENIED, errno, "cannot write to image '%s'", spec->image);
		return berth_hint(err, "it must be yours, or leave --writable out");
	}
	return 0;
}

/*
 * Begin a room of one's own. Root that may make a mount namespace needs no user namespace; root
 * without CAP_SYS_ADMIN (in another container, say) is treated as any user.
 */
static int begin(const struct room_spec *spec, struct room_start *ret, struct room_stamps *stamps,
		 struct berth_err *err)
{
	struct server_ids ids = { .uid = (uid_t)-1 };
	cleanup_close int image_fd = -1;
	struct image_pin pin;

	/* A first look, as who the caller is: what kind of image decides whether to start a server. */
	if (room_open_image(spec, &image_fd, &pin, err) < 0)
		return -1;
	ret->kind = pin.kind;
	if (check_writable(spec, pin.kind, image_fd, err) < 0)
		return -1;
	if (spec->uid == 0 && !spec->userns && !spec->fakeroot && drop_can_mount()) {
		/* PRIV: root's server needs nothing of root's: it reads descriptors it is given. */
		ids = (struct server_ids){ .uid = UID_NOBODY, .gid = UID_NOBODY };
	} else {
		if (enter_userns(spec, err) < 0)
			return -1;
		ret->own_ns = true;
		room_stamp(stamps, PHASE_USERNS);
	}
	if (ret->kind != IMAGE_DIR) {
		/* Before the room's namespace: inside of it the server would keep it alive. */
		if (server_spawn(&ret->server, &ids, err) < 0)
			return -1;
		room_stamp(stamps, PHASE_SERVER);
	}
	if (overlay_begin(spec, &ids, &ret->over, err) < 0)
		return -1;
	/* After the servers: they serve from outside, and are nothing that a program inside sees or ends. */
	return spec->pid ? pidns_split(&ret->report, err) : 0;
}

int room_begin(const struct room_spec *spec, struct room_start *ret, struct room_stamps *stamps,
	       struct berth_err *err)
{
	room_stamp(stamps, stamps->ns[PHASE_START] ? PHASE_ASKED : PHASE_START);
	if (keep_allowed(spec, err) == 0 && (ret->join.role == JOIN_WAITS || begin(spec, ret, stamps, err) == 0))
		return 0;
	join_refuse(&ret->join, err);
	return -1;
}

void room_start_done(struct room_start *s)
{
	overlay_done(&s->over);
	join_done(&s->join);
	server_done(&s->server);
}

static int enter(const struct room_spec *spec, const struct site *site, struct room_start *start,
		 struct room_stamps *stamps, struct berth_err *err)
{
	cleanup(arm_local_done) struct arm_local local = { .root_fd = -1 };
	struct server *server = start->kind == IMAGE_DIR ? NULL : &start->server;
	struct arm arm;
	mode_t mask;
	bool prime;

	if ((server && server_watch(server, (int)site->start_wait_ms, err) < 0) ||
	    overlay_watch(&start->over, (int)site->start_wait_ms, err) < 0)
		return -1;
	/* PRIV: in the user's own namespace, or root for itself. Once only: every copy of the host's
	 * mount tree costs time by its size. */
	if (unshare(CLONE_NEWNS | ns_flags(spec)) < 0) {
		berth_fail(err, BERTH_ESYS, errno, "cannot make a mount namespace");
		return hint_mntns(err, err->sys);
	}
	if (arm_make_slave(err) < 0 || ns_set_up(spec, err) < 0 || join_hold(&start->join, err) < 0)
		return -1;
	room_stamp(stamps, PHASE_NS);
	arm_local_init(&local, spec->fakeroot ? 0 : spec->uid, spec->fakeroot ? 0 : spec->gid, server);
	local.over = &start->over;
	local.own_ns = start->own_ns;
	local.writable = spec->writable;
	if (spec->contain || spec->scratch.n > 0)
		local.tmpfs_bytes = SESSION_BYTES;
	local.cache_bytes = site->cache_bytes;
	local.wait_ms = (int)site->start_wait_ms;
	arm = arm_of_local(&local);

	/* KERNEL: ids are each thread's own, and libc aborts where one of them cannot follow: prime's has no
	 * right to. */
	prime = start->program.name && !spec->rights.has_uid && !spec->rights.has_gid;
	mask = umask(022);
	if (room_build(&arm, spec, site, NULL, prime ? &start->program : NULL, stamps, err) < 0)
		return -1;
	(void)umask(mask);
	if ((server && server_release(server, err) < 0) || overlay_release(&start->over, err) < 0)
		return -1;
	if (keep_drop(spec, err) < 0)
		return -1;
	join_publish(&start->join);
	if (server)
		server_settle(server);
	overlay_settle(&start->over);
	room_stamp(stamps, PHASE_DROP);
	return 0;
}

int room_enter(const struct room_spec *spec, const struct site *site, struct room_start *start,
	       struct room_stamps *stamps, struct berth_err *err)
{
	room_stamp(stamps, PHASE_SETTLED);
	if (start->join.role == JOIN_WAITS) {
		int rc = join_enter(&start->join, spec, err);

		if (rc < 0)
			return -1;
		if (rc > 0) {
			room_stamp(stamps, PHASE_JOIN);
			if (keep_drop(spec, err) < 0)
				return -1;
			room_stamp(stamps, PHASE_DROP);
			return 0;
		}
		/* Who was building died: begin where it began. The wait counts as the caller's own time. */
		*stamps = (struct room_stamps){ .ns = { [PHASE_START] = stamps->ns[PHASE_START] } };
		if (room_begin(spec, start, stamps, err) < 0)
			return -1;
	}
	if (enter(spec, site, start, stamps, err) == 0)
		return 0;
	join_refuse(&start->join, err);
	return -1;
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
	if ((spec->cwd && !spec->contain && chdir_inside(spec->cwd) == 0) ||
	    (spec->home && chdir_inside(spec->home) == 0) || chdir("/") == 0)
		return 0;
	return berth_fail(err, BERTH_ESYS, errno, "cannot start in '/'");
}
