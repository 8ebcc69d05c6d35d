/* SPDX-License-Identifier: BSD-3-Clause */
/* trial.c - what a start needs, tried; see trial.h. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/stat.h>

#include "launcher/room/arm.h"
#include "launcher/room/drop.h"
#include "launcher/room/hint.h"
#include "launcher/room/sys.h"
#include "launcher/room/trial.h"
#include "launcher/room/userns.h"
#include "libimage/base/cleanup.h"
#include "libimage/base/err.h"

/* PRIV: root gives up all it has before it tries what users do; a user gains his own namespace. */
int trial_userns(struct berth_err *err)
{
	static const gid_t nobody = UID_NOBODY;
	uid_t uid = geteuid();
	gid_t gid = getegid();

	if (uid == 0 && drop_can_mount()) {
		uid = gid = UID_NOBODY;
		if (drop_to(uid, gid, &nobody, 1, err) < 0)
			return -1;
		/* KERNEL: who changes his ids is not dumpable, and his /proc/self is root's then. */
		(void)prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
	}
	return userns_self(uid, gid, err);
}

/* PRIV: in the user namespace just made. */
int trial_mntns(struct berth_err *err)
{
	if (unshare(CLONE_NEWNS) == 0)
		return arm_make_slave(err);
	berth_fail(err, BERTH_ESYS, errno, "cannot make a mount namespace");
	return hint_mntns(err, err->sys);
}

int trial_fuse_open(int *ret_fd, struct berth_err *err)
{
	*ret_fd = open("/dev/fuse", O_RDWR | O_CLOEXEC);
	if (*ret_fd >= 0)
		return 0;
	berth_fail(err, errno == ENOENT ? BERTH_ENOTFOUND : BERTH_EDENIED, errno, "cannot open /dev/fuse");
	return hint_fuse(err, err->sys);
}

static int option(int fs, const char *key, const char *value)
{
	return sys_fsconfig(fs, FSCONFIG_SET_STRING, key, value, 0);
}

/*
 * PRIV: in the namespaces just made; never attached.
 * KERNEL: a mount is complete before its server has said a word, so none is needed here.
 */
int trial_fuse_mount(int fuse_fd, struct berth_err *err)
{
	cleanup_close int fs = sys_fsopen("fuse", FSOPEN_CLOEXEC), mnt = -1;
	char fd[16], uid[16], gid[16];

	(void)snprintf(fd, sizeof(fd), "%d", fuse_fd);
	(void)snprintf(uid, sizeof(uid), "%u", geteuid());
	(void)snprintf(gid, sizeof(gid), "%u", getegid());
	if (fs >= 0 && option(fs, "source", "berth") == 0 && option(fs, "fd", fd) == 0 &&
	    option(fs, "rootmode", "40000") == 0 && option(fs, "user_id", uid) == 0 &&
	    option(fs, "group_id", gid) == 0 && sys_fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) == 0)
		mnt = sys_fsmount(fs, FSMOUNT_CLOEXEC, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV);
	if (mnt >= 0)
		return 0;
	return berth_fail(err, BERTH_ESYS, errno, "cannot mount a FUSE file system");
}

/* PRIV: in the namespaces just made: an empty tmpfs over /tmp, which nobody else sees. */
static int tmpfs_here(struct berth_err *err)
{
	cleanup_close int fs = sys_fsopen("tmpfs", FSOPEN_CLOEXEC), mnt = -1;

	if (fs >= 0 && sys_fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) == 0)
		mnt = sys_fsmount(fs, FSMOUNT_CLOEXEC, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV);
	if (mnt < 0 || sys_move_mount(mnt, "", AT_FDCWD, "/tmp", MOVE_MOUNT_F_EMPTY_PATH) < 0 || fchdir(mnt) < 0)
		return berth_fail(err, BERTH_ESYS, errno, "cannot mount a tmpfs");
	return 0;
}

/* PRIV: in the namespaces just made; never attached. */
int trial_overlay(struct berth_err *err)
{
	cleanup_close int fs = -1, mnt = -1;

	if (tmpfs_here(err) < 0)
		return -1;
	if (mkdir("lower", 0755) < 0 || mkdir("upper", 0755) < 0 || mkdir("work", 0755) < 0)
		return berth_fail(err, BERTH_ESYS, errno, "cannot make a directory");
	fs = sys_fsopen("overlay", FSOPEN_CLOEXEC);
	if (fs >= 0 && option(fs, "lowerdir", "lower") == 0 && option(fs, "upperdir", "upper") == 0 &&
	    option(fs, "workdir", "work") == 0 && sys_fsconfig(fs, FSCONFIG_SET_FLAG, "userxattr", NULL, 0) == 0 &&
	    sys_fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) == 0)
		mnt = sys_fsmount(fs, FSMOUNT_CLOEXEC, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV);
	if (mnt >= 0)
		return 0;
	return berth_fail(err, BERTH_ESYS, errno, "cannot mount an overlay");
}
