/* SPDX-License-Identifier: BSD-3-Clause */
/* arm.c - attach descriptors to descriptors; see arm.h. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <linux/fuse.h>
#include <linux/magic.h>

#include "launcher/room/arm.h"
#include "launcher/room/hint.h"
#include "launcher/room/overlay.h"
#include "launcher/room/server.h"
#include "launcher/room/sys.h"
#include "libimage/base/cleanup.h"
#include "libimage/base/err.h"
#include "libimage/base/fd.h"
#include "libimage/base/imgfs_wire.h"

/*
 * PRIV: in a namespace made just before, on the caller's own copy. Slave, not private: what the
 * host mounts or unmounts later must reach the room, or the room would hold it busy.
 */
int arm_make_slave(struct berth_err *err)
{
	struct mount_attr attr = { .propagation = MS_SLAVE };

	if (sys_mount_setattr(AT_FDCWD, "/", AT_RECURSIVE, &attr) == 0)
		return 0;
	berth_fail(err, BERTH_ESYS, errno, "cannot make the mounts of the new namespace slaves");
	if (errno == EINVAL)
		berth_hint(err, "the root directory of this process is no mount point; leave the chroot");
	if (errno == ENOSYS)
		berth_hint(err, "Berth needs Linux 5.14 or newer");
	return -1;
}

/* Attach a detached mount over "/", where it is out of the way. */
static int cover(int mount_fd, struct berth_err *err)
{
	/* KERNEL: the lookup of "/" ends at the process's root, which lies under what is stacked
	 * there, so nobody sees the cover; pivot_root needs the new root to be reachable from it. */
	if (sys_move_mount(mount_fd, "", AT_FDCWD, "/", MOVE_MOUNT_F_EMPTY_PATH) < 0)
		return berth_fail(err, BERTH_ESYS, errno, "cannot attach a mount");
	return 0;
}

/*
 * The host's /dev, and nothing else, may have working device nodes.
 *
 * PRIV: the kernel is asked, not the file's server, which may be the user's own and never answer.
 */
static bool is_host_dev(const struct arm_local *l, int src_fd)
{
	struct statx src;

	return l->have_dev &&
	       statx(src_fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_INO, &src) == 0 &&
	       makedev(src.stx_dev_major, src.stx_dev_minor) == l->dev_dev &&
	       src.stx_ino == l->dev_ino;
}

/* Is it the host's "/"? The room's own mounts are stacked there while it is built (cover()). */
static bool is_host_root(const struct arm_local *l, int src_fd)
{
	struct statx src;

	return statx(src_fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_INO | STATX_MNT_ID, &src) == 0 &&
	       src.stx_mnt_id == l->root_mnt && src.stx_ino == l->root_ino;
}

/*
 * What lies in the /dev that 'tree' is for everybody to write has no device nodes that work. Its
 * other mounts, pts and single nodes that somebody bound there, are devices.
 * KERNEL: only once it is attached: in a detached tree none but the topmost mount can be
 * changed alone. Nobody is in the room yet who could profit.
 */
static int dev_tree(int tree, struct berth_err *err)
{
	static const char *const plain[] = { "shm", "mqueue", "hugepages" };
	struct mount_attr attr = { .attr_set = MOUNT_ATTR_NODEV };

	for (size_t i = 0; i < ARRAY_SIZE(plain); i++) {
		cleanup_close int fd = fd_open_in_root(tree, plain[i], O_PATH);

		if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
			continue;
		/* KERNEL: EINVAL is for what is no mount of its own, but a directory of /dev. */
		if (fd < 0 || (sys_mount_setattr(fd, "", AT_EMPTY_PATH | AT_RECURSIVE, &attr) < 0 &&
			       errno != EINVAL))
			return berth_fail(err, BERTH_ESYS, errno, "cannot set mount attributes of '/dev/%s'",
					  plain[i]);
	}
	return 0;
}

/*
 * A detached, recursive clone of 'src_fd' with the attributes every room's mounts have.
 *
 * PRIV: 'src_fd' was opened with the user's rights, and a clone shows no more than it does.
 * The attributes are set while nobody can reach the clone, and only ever added to.
 */
static int clone_tree(const struct arm_local *l, int src_fd, unsigned int flags, struct berth_err *err)
{
	struct mount_attr attr = { .attr_set = MOUNT_ATTR_NOSUID };
	cleanup_close int tree = -1;

	if (!(flags & ARM_DEV))
		attr.attr_set |= MOUNT_ATTR_NODEV;
	else if (!is_host_dev(l, src_fd))
		return berth_fail(err, BERTH_EDENIED, 0, "only /dev may have device nodes");
	if (flags & ARM_READONLY)
		attr.attr_set |= MOUNT_ATTR_RDONLY;
	tree = sys_open_tree(src_fd, "",
			     AT_EMPTY_PATH | AT_RECURSIVE | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	if (tree < 0)
		return berth_fail(err, BERTH_ESYS, errno, "cannot clone a mount");
	if (sys_mount_setattr(tree, "", AT_EMPTY_PATH | AT_RECURSIVE, &attr) < 0)
		return berth_fail(err, BERTH_ESYS, errno, "cannot set mount attributes");
	return take_fd(&tree);
}

/*
 * A clone of the host's "/" has clones of the 'n' mounts stacked there, too. Take them off once
 * the clone 'tree' is attached: they would hide the host, and as a room's root the tasks would
 * stand in the topmost of them, whose files are the user's.
 *
 * PRIV: unmounts by way of the current directory, in the room's namespace only, where nobody is
 * yet. That directory is the clone's own root and not the target: entering that could ask a file
 * server of the user's.
 */
static int uncover(int tree, unsigned int n, struct berth_err *err)
{
	if (fchdir(tree) < 0)
		return berth_fail(err, BERTH_ESYS, errno, "cannot go to the bind of '/'");
	for (; n > 0; n--)
		if (umount2(".", MNT_DETACH) < 0)
			return berth_fail(err, BERTH_ESYS, errno, "cannot show the host's '/'");
	if (chdir("/") < 0)
		return berth_fail(err, BERTH_ESYS, errno, "cannot leave the bind of '/'");
	return 0;
}

static int set_option(int fs, const char *key, const char *value)
{
	return value ? sys_fsconfig(fs, FSCONFIG_SET_STRING, key, value, 0)
		     : sys_fsconfig(fs, FSCONFIG_SET_FLAG, key, NULL, 0);
}

int arm_local_cover(struct arm_local *l, int mount_fd, struct berth_err *err)
{
	if (cover(mount_fd, err) < 0)
		return -1;
	l->covers++;
	return 0;
}

/* PRIV: an empty file system of the user's, nosuid and nodev before it is attached. */
int arm_local_memory(struct arm_local *l, uint64_t bytes, int *ret_fd, struct berth_err *err)
{
	cleanup_close int fs = sys_fsopen("tmpfs", FSOPEN_CLOEXEC), mnt = -1;
	char uid[16], gid[16], size[32];

	(void)snprintf(uid, sizeof(uid), "%u", l->uid);
	(void)snprintf(gid, sizeof(gid), "%u", l->gid);
	(void)snprintf(size, sizeof(size), "%llu", (unsigned long long)bytes);
	if (fs < 0 || (bytes > 0 && set_option(fs, "size", size) < 0) ||
	    (bytes == ARM_SMALL && set_option(fs, "nr_inodes", "65536") < 0) ||
	    set_option(fs, "mode", "0755") < 0 || set_option(fs, "uid", uid) < 0 ||
	    set_option(fs, "gid", gid) < 0 || sys_fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return berth_fail(err, BERTH_ESYS, errno, "cannot make a tmpfs");
	mnt = sys_fsmount(fs, FSMOUNT_CLOEXEC, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV);
	if (mnt < 0)
		return berth_fail(err, BERTH_ESYS, errno, "cannot mount a tmpfs");
	if (arm_local_cover(l, mnt, err) < 0)
		return -1;
	*ret_fd = take_fd(&mnt);
	return 0;
}

static int local_tmpfs(void *ctx, int *ret_fd, struct berth_err *err)
{
	struct arm_local *l = ctx;

	return arm_local_memory(l, l->tmpfs_bytes, ret_fd, err);
}

/* A mount that is "/" for the room, once it is finished; two descriptors of it. */
static int keep_root(struct arm_local *l, int mount_fd, int *ret_root, struct berth_err *err)
{
	if (cover(mount_fd, err) < 0)
		return -1;
	*ret_root = fcntl(mount_fd, F_DUPFD_CLOEXEC, 0);
	l->root_fd = fcntl(mount_fd, F_DUPFD_CLOEXEC, 0);
	if (*ret_root < 0 || l->root_fd < 0)
		return berth_fail(err, BERTH_ESYS, errno, "cannot keep the room's root open");
	return 0;
}

/* The old root is one more mount that covers the host's. */
int arm_local_replace_root(struct arm_local *l, int mount_fd, int *root_fd, struct berth_err *err)
{
	cleanup_close_fn(&l->root_fd);
	cleanup_close_fn(root_fd);
	l->covers++;
	return keep_root(l, mount_fd, root_fd, err);
}

int arm_local_take_root(struct arm_local *l, int mount_fd, int *ret_root, struct berth_err *err)
{
	if (l->root_fd >= 0)
		return berth_fail(err, BERTH_EBUG, 0, "the room has a root already");
	return keep_root(l, mount_fd, ret_root, err);
}

static int local_root_dir(void *ctx, int dir_fd, int *ret_root, struct berth_err *err)
{
	struct arm_local *l = ctx;
	cleanup_close int tree = clone_tree(l, dir_fd, l->writable ? 0 : ARM_READONLY, err);

	if (tree < 0 || arm_local_take_root(l, tree, ret_root, err) < 0)
		return -1;
	return is_host_root(l, dir_fd) ? uncover(tree, l->covers, err) : 0;
}

static void close_all(int *fd, int n)
{
	for (int i = 0; i < n; i++)
		cleanup_close_fn(&fd[i]);
}

/* As many as there are cores for the step: its cpuset is in the mask, once it is ours, too. */
static int worker_count(void)
{
	cpu_set_t set;
	int n = sched_getaffinity(0, sizeof(set), &set) == 0 ? CPU_COUNT(&set) : 1;

	return n < 1 ? 1 : n > IMGFS_FUSE_MAX ? IMGFS_FUSE_MAX : n;
}

static int open_fuse(struct berth_err *err)
{
	int fd = open("/dev/fuse", O_RDWR | O_CLOEXEC);

	if (fd >= 0)
		return fd;
	berth_fail(err, errno == ENOENT ? BERTH_ENOTFOUND : BERTH_EDENIED, errno, "cannot open /dev/fuse");
	return hint_fuse(err, err->sys);
}

/* A detached FUSE mount on 'fuse_fd', for the server of this room's user. */
static int fuse_mount(const struct arm_local *l, int fuse_fd, struct berth_err *err)
{
	cleanup_close int fs = sys_fsopen("fuse", FSOPEN_CLOEXEC);
	char fd[16], uid[16], gid[16];
	int mnt;

	(void)snprintf(fd, sizeof(fd), "%d", fuse_fd);
	(void)snprintf(uid, sizeof(uid), "%u", l->uid);
	(void)snprintf(gid, sizeof(gid), "%u", l->gid);
	/* PRIV: allow_other lets root's half of slurmstepd and the other ids of a task walk a
	 * mount that only this private namespace has; default_permissions makes the kernel, not the
	 * server, decide who may read what. 'ro' on the superblock: a read-only mount alone would
	 * invalidate access times on every read. */
	if (fs < 0 || set_option(fs, "source", "berth") < 0 || set_option(fs, "subtype", "berth") < 0 ||
	    set_option(fs, "fd", fd) < 0 || set_option(fs, "rootmode", "40000") < 0 ||
	    set_option(fs, "user_id", uid) < 0 || set_option(fs, "group_id", gid) < 0 ||
	    set_option(fs, "default_permissions", NULL) < 0 || set_option(fs, "allow_other", NULL) < 0 ||
	    set_option(fs, "ro", NULL) < 0 || sys_fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return berth_fail(err, BERTH_ESYS, errno, "cannot make a FUSE file system");
	mnt = sys_fsmount(fs, FSMOUNT_CLOEXEC, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV);
	if (mnt < 0)
		return berth_fail(err, BERTH_ESYS, errno, "cannot mount the image's file system");
	return mnt;
}

int arm_local_image(const struct arm_local *l, struct server *server, int image_fd, int entries_fd, int *ret_mnt,
		    struct berth_err *err)
{
	int fuse[IMGFS_FUSE_MAX], want = worker_count(), n = 0, rc = -1;
	cleanup_close int mnt = -1;

	fuse[0] = open_fuse(err);
	if (fuse[0] < 0)
		return -1;
	n = 1;
	mnt = fuse_mount(l, fuse[0], err);
	while (mnt >= 0 && n < want) {
		uint32_t first = (uint32_t)fuse[0];

		/* A clone a worker: each has a queue of its own in the kernel. Without, they share. */
		fuse[n] = open("/dev/fuse", O_RDWR | O_CLOEXEC);
		if (fuse[n] < 0)
			break;
		if (ioctl(fuse[n], FUSE_DEV_IOC_CLONE, &first) < 0) {
			cleanup_close_fn(&fuse[n]);
			break;
		}
		n++;
	}
	if (mnt >= 0)
		rc = server_start(server, image_fd, entries_fd, fuse, n, l->cache_bytes, l->wait_ms, err);
	/* The server must be the only holder: when it dies its readers get ENOTCONN, not a hang. */
	close_all(fuse, n);
	if (rc < 0)
		return -1;
	*ret_mnt = take_fd(&mnt);
	return 0;
}

static int local_root_image(void *ctx, int image_fd, int entries_fd, int *ret_root, struct berth_err *err)
{
	struct arm_local *l = ctx;
	cleanup_close int mnt = -1;

	if (!l->server)
		return berth_fail(err, BERTH_EBUG, 0, "no image server was started");
	if (arm_local_image(l, l->server, image_fd, entries_fd, &mnt, err) < 0)
		return -1;
	return arm_local_take_root(l, mnt, ret_root, err);
}

/*
 * PRIV: 'dst_fd' was resolved with the user's rights. Wherever it points, the kernel attaches
 * only within this namespace (check_mnt()), which nobody but the user will be in, and which is
 * a slave: the host does not see it.
 */
static int local_bind(void *ctx, int src_fd, int dst_fd, unsigned int flags, struct berth_err *err)
{
	struct arm_local *l = ctx;
	cleanup_close int tree = -1;

	if (l->root_fd < 0 || (flags & ~(unsigned int)ARM_FLAGS))
		return berth_fail(err, BERTH_EBUG, 0, "a bind before the room's root, or with unknown flags");
	if (l->binds++ >= ARM_BINDS_MAX)
		return berth_fail(err, BERTH_EUSAGE, 0, "more than %d binds", ARM_BINDS_MAX);
	tree = clone_tree(l, src_fd, flags, err);
	if (tree < 0)
		return -1;
	if (sys_move_mount(tree, "", dst_fd, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0)
		return berth_fail(err, BERTH_ESYS, errno, "cannot attach");
	if (is_host_root(l, src_fd))
		return uncover(tree, l->covers + 1, err);
	return flags & ARM_DEV ? dev_tree(tree, err) : 0;
}

static int local_overlay(void *ctx, const struct room_spec *spec, int points, int *root_fd,
			 struct berth_err *err)
{
	return overlay_attach(ctx, spec, points, root_fd, err);
}

/*
 * PRIV: of the PID namespace that we are in, where all processes are the room's. Not reached from a
 * step's opener: its arm has no such call.
 * KERNEL: EPERM where a part of this namespace's own /proc is covered: what is hidden stays hidden.
 */
static int local_procfs(void *ctx, int dst_fd, struct berth_err *err)
{
	const struct arm_local *l = ctx;
	cleanup_close int fs = sys_fsopen("proc", FSOPEN_CLOEXEC), mnt = -1;

	if (l->root_fd < 0)
		return berth_fail(err, BERTH_EBUG, 0, "a mount before the room's root");
	if (fs >= 0 && sys_fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) == 0)
		mnt = sys_fsmount(fs, FSMOUNT_CLOEXEC,
				  MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
	if (mnt < 0) {
		berth_fail(err, BERTH_EDENIED, errno, "cannot mount a /proc for --pid");
		return berth_hint(err, "this host, itself a container perhaps, hides parts of its /proc, so that it "
				       "grants no other: leave --pid (--containall) out, or add --no-pid");
	}
	if (sys_move_mount(mnt, "", dst_fd, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0)
		return berth_fail(err, BERTH_ESYS, errno, "cannot attach /proc");
	return 0;
}

/*
 * Devices with which nobody reaches anything that is not his: null, zero, full, random, urandom,
 * and tty, which is the caller's own terminal. Where /dev itself was put together by binds, as in
 * another container, each lies on a mount of its own.
 */
static bool is_harmless(const struct statx *st)
{
	const unsigned int minor = st->stx_rdev_minor;

	return S_ISCHR(st->stx_mode) &&
	       ((st->stx_rdev_major == 1 && (minor == 3 || minor == 5 || minor == 7 || minor == 8 || minor == 9)) ||
		(st->stx_rdev_major == 5 && minor == 0));
}

/* Does 'src_fd' lie on the mount that is the host's /dev, or is it a devpts of the kernel's? */
static bool is_of_host_dev(const struct arm_local *l, int src_fd, const struct statx *st)
{
	struct statfs fs;

	if (l->have_dev && st->stx_mnt_id == l->dev_mnt && l->dev_mnt != l->root_mnt)
		return true;
	return S_ISDIR(st->stx_mode) && fstatfs(src_fd, &fs) == 0 && fs.f_type == DEVPTS_SUPER_MAGIC;
}

/*
 * PRIV: no request of ops.h leads here, so only who calls berth himself does, for himself. Nodes work
 * that worked for him in the host's /dev, by the mount they lie on and not by their name; a
 * clone keeps the nodev that its source had. Everything else is bound like any directory.
 */
static int local_device(void *ctx, int src_fd, int dst_fd, unsigned int flags, struct berth_err *err)
{
	struct mount_attr attr = { .attr_set = MOUNT_ATTR_NOSUID };
	struct arm_local *l = ctx;
	cleanup_close int tree = -1;
	struct statx st;

	if (statx(src_fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_TYPE | STATX_INO | STATX_MNT_ID, &st) < 0)
		return berth_fail(err, BERTH_ESYS, errno, "cannot look at a device");
	if (!is_harmless(&st) && !is_of_host_dev(l, src_fd, &st)) {
		if (!S_ISCHR(st.stx_mode) && !S_ISBLK(st.stx_mode))
			return local_bind(ctx, src_fd, dst_fd, flags, err);
		berth_fail(err, BERTH_EDENIED, 0, "it is no device of the host's own /dev");
		return berth_hint(err, "where it was bound into /dev, start without --contain");
	}
	if (l->binds++ >= ARM_BINDS_MAX)
		return berth_fail(err, BERTH_EUSAGE, 0, "more than %d binds", ARM_BINDS_MAX);
	if (flags & ARM_READONLY)
		attr.attr_set |= MOUNT_ATTR_RDONLY;
	tree = sys_open_tree(src_fd, "",
			     AT_EMPTY_PATH | AT_RECURSIVE | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	if (tree < 0 || sys_mount_setattr(tree, "", AT_EMPTY_PATH | AT_RECURSIVE, &attr) < 0)
		return berth_fail(err, BERTH_ESYS, errno, "cannot clone a mount");
	if (sys_move_mount(tree, "", dst_fd, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0)
		return berth_fail(err, BERTH_ESYS, errno, "cannot attach");
	return 0;
}

/*
 * PRIV: as above. Both are empty, and the nodes of a devpts are the kernel's own.
 * KERNEL: a user namespace may mount either (FS_USERNS_MOUNT); each mount of devpts is an instance of
 * its own since 4.7, and its nodes need no nodev to be harmless, but none to work.
 */
static int local_fresh(void *ctx, enum arm_fresh what, int dst_fd, struct berth_err *err)
{
	static const struct {
		const char *type, *key[2], *value[2];
		unsigned int attr;
	} kinds[] = {
		[ARM_SHM] = { "tmpfs", { "mode", NULL }, { "1777", NULL }, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV },
		[ARM_PTS] = { "devpts", { "ptmxmode", "mode" }, { "0666", "0620" },
			      MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC },
	};
	const char *type = kinds[what].type;
	cleanup_close int fs = sys_fsopen(type, FSOPEN_CLOEXEC), mnt = -1;

	(void)ctx;
	for (size_t i = 0; fs >= 0 && i < ARRAY_SIZE(kinds[what].key) && kinds[what].key[i]; i++)
		if (set_option(fs, kinds[what].key[i], kinds[what].value[i]) < 0)
			return berth_fail(err, BERTH_ESYS, errno, "cannot make a %s", type);
	if (fs < 0 || sys_fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return berth_fail(err, BERTH_ESYS, errno, "cannot make a %s", type);
	mnt = sys_fsmount(fs, FSMOUNT_CLOEXEC, kinds[what].attr);
	if (mnt < 0 ||
	    sys_move_mount(mnt, "", dst_fd, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0)
		return berth_fail(err, BERTH_ESYS, errno, "cannot mount a %s", type);
	return 0;
}

static int local_finish(void *ctx, struct berth_err *err)
{
	struct arm_local *l = ctx;

	if (l->root_fd < 0)
		return berth_fail(err, BERTH_EBUG, 0, "the room has no root");
	if (fchdir(l->root_fd) < 0)
		return berth_fail(err, BERTH_ESYS, errno, "cannot go to the room's root");
	cleanup_close_fn(&l->root_fd);
	if (sys_pivot_root(".", ".") == 0) {
		/* KERNEL: the old root is now stacked on the new one, with what covers it stacked on
		 * top; unmounting "." takes the topmost, so each cover costs a call of its own. */
		for (unsigned int i = 0; i <= l->covers; i++)
			if (umount2(".", MNT_DETACH) < 0)
				return berth_fail(err, BERTH_ESYS, errno,
						  "cannot let go of the host's root");
	} else if (errno != EINVAL || chroot(".") < 0) {
		/* An initramfs root cannot be pivoted (EINVAL): there the room covers it instead. */
		return berth_fail(err, BERTH_ESYS, errno, "cannot make the image the root");
	}
	if (chdir("/") < 0)
		return berth_fail(err, BERTH_ESYS, errno, "cannot enter the image");
	return 0;
}

void arm_local_init(struct arm_local *l, uid_t uid, gid_t gid, struct server *server)
{
	struct statx root, dev;

	*l = (struct arm_local){ .uid = uid, .gid = gid, .server = server, .root_fd = -1, .tmpfs_bytes = ARM_SMALL };
	/* PRIV: looked at before the first bind. Later, whoever asks for binds could have put
	 * something else on the namespace's /dev. */
	if (statx(AT_FDCWD, "/dev", 0, STATX_INO | STATX_MNT_ID, &dev) == 0) {
		l->have_dev = true;
		l->dev_dev = makedev(dev.stx_dev_major, dev.stx_dev_minor);
		l->dev_ino = dev.stx_ino;
		l->dev_mnt = dev.stx_mnt_id;
	}
	if (statx(AT_FDCWD, "/", AT_STATX_DONT_SYNC, STATX_INO | STATX_MNT_ID, &root) == 0) {
		l->root_mnt = root.stx_mnt_id;
		l->root_ino = root.stx_ino;
	}
}

void arm_local_done(struct arm_local *l)
{
	cleanup_close_fn(&l->root_fd);
}

struct arm arm_of_local(struct arm_local *l)
{
	return (struct arm){
		.ctx = l,
		.tmpfs = local_tmpfs,
		.root_dir = local_root_dir,
		.root_image = local_root_image,
		.bind = local_bind,
		.overlay = local_overlay,
		.procfs = local_procfs,
		.finish = local_finish,
		.device = local_device,
		.fresh = local_fresh,
	};
}
