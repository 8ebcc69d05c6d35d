/* SPDX-License-Identifier: BSD-3-Clause */
/* kernel_mount.c - the kernel's squashfs for root's own images; see kernel_mount.h. */
#include "config.h"
#include "paths.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <linux/loop.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "launcher/priv/kernel_mount.h"
#include "launcher/room/drop.h"
#include "launcher/room/sys.h"
#include "libimage/base/cleanup.h"
#include "libimage/base/err.h"
#include "libimage/base/fd.h"

enum {
	LOOP_TRIES = 32, /* LIMIT: others may take the free device first; so many in a row do not */
};

/* Local file systems whose bytes only this machine's root can change behind our back. */
static bool is_local(int fd)
{
	static const unsigned long magics[] = {
		EXT4_SUPER_MAGIC, XFS_SUPER_MAGIC, BTRFS_SUPER_MAGIC, TMPFS_MAGIC, F2FS_SUPER_MAGIC,
		0x2fc12fc1UL /* ZFS */,
	};
	struct statfs fs;

	if (fstatfs(fd, &fs) < 0)
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(magics); i++)
		if ((unsigned long)fs.f_type == magics[i])
			return true;
	return false;
}

/*
 * PRIV: the kernel is asked, not the file's server, which may be a user's own and never answer.
 */
static bool look_at(int fd, struct statx *ret)
{
	return statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_BASIC_STATS, ret) == 0;
}

static bool is_roots(const struct statx *st)
{
	return st->stx_uid == 0 && (st->stx_mode & 022) == 0;
}

/*
 * Has somebody this file open for writing, or mapped so? He may have done it while the file
 * was still his, before it was given to root.
 * KERNEL: exactly then a read lease is refused (EAGAIN); any local file system grants others.
 */
static bool has_writer(int fd)
{
	if (fcntl(fd, F_SETLEASE, F_RDLCK) < 0)
		return true;
	(void)fcntl(fd, F_SETLEASE, F_UNLCK);
	return false;
}

bool kernel_mount_allowed(int image_fd)
{
	char proc[64], path[PATH_MAX];
	struct statx image, st;
	ssize_t n;

	(void)snprintf(proc, sizeof(proc), "/proc/self/fd/%d", image_fd);
	n = readlink(proc, path, sizeof(path) - 1);
	if (n <= 0 || path[0] != '/' || !look_at(image_fd, &image) || !S_ISREG(image.stx_mode) ||
	    !is_roots(&image) || image.stx_nlink != 1)
		return false;
	path[n] = '\0';
	/* PRIV: the name is the kernel's, of a file opened by the user; only directories that root
	 * alone can write are passed on the way, so nobody can swap one of them meanwhile. */
	for (char *p = path + 1;; p++) {
		cleanup_close int fd = -1;
		char c = *p;

		if (c != '/' && c != '\0')
			continue;
		*p = '\0';
		fd = fd_open_strict(path, O_PATH);
		*p = c;
		if (fd < 0 || !look_at(fd, &st) || !is_roots(&st))
			return false;
		if (c == '\0')
			break;
	}
	/* Last, since its file system is asked: by now it is one that only root can have put there. */
	return st.stx_dev_major == image.stx_dev_major && st.stx_dev_minor == image.stx_dev_minor &&
	       st.stx_ino == image.stx_ino && is_local(image_fd) && !has_writer(image_fd);
}

static _Noreturn void locate_exec(int image_fd, int out_fd)
{
	static char path[] = BERTH_LIBEXEC "/berth-imgfs", opt[] = "--locate", fd[] = "3";
	char *const argv[] = { path, opt, fd, NULL }, *const envp[] = { NULL };
	struct berth_err err = BERTH_ERR_INIT;
	gid_t gid = UID_NOBODY;
	int image = fcntl(image_fd, F_DUPFD_CLOEXEC, 10), out = fcntl(out_fd, F_DUPFD_CLOEXEC, 10);

	/* PRIV: the parser runs as nobody, although the bytes are root's. */
	if (drop_to(UID_NOBODY, UID_NOBODY, &gid, 1, &err) == 0 && image >= 0 && out >= 0 &&
	    dup2(out, STDOUT_FILENO) >= 0 && dup2(image, 3) >= 0 && sys_close_range(4, ~0U, 0) == 0)
		(void)execve(path, argv, envp);
	_exit(127);
}

/* Where the squashfs lies in the image, as berth-imgfs finds it. */
static int locate(int image_fd, uint64_t *offset, uint64_t *size, struct berth_err *err)
{
	int p[2], status = -1;
	char text[64];
	ssize_t n;
	pid_t pid;

	if (pipe2(p, O_CLOEXEC) < 0)
		return berth_fail(err, BERTH_ESYS, errno, "cannot make a pipe");
	pid = fork();
	if (pid == 0)
		locate_exec(image_fd, p[1]);
	cleanup_close_fn(&p[1]);
	n = pid > 0 ? fd_read_full(p[0], text, sizeof(text) - 1) : -1;
	cleanup_close_fn(&p[0]);
	if (pid > 0)
		while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
			;
	text[n > 0 ? n : 0] = '\0';
	if (status != 0 || sscanf(text, "%" SCNu64 " %" SCNu64, offset, size) != 2)
		return berth_fail(err, BERTH_EIMAGE, 0, "no squashfs for this machine in the image");
	return 0;
}

/*
 * A read-only loop device that goes away with its last user. Returns its descriptor.
 *
 * PRIV: the backing file is the descriptor that kernel_mount_allowed() judged; read-only, and
 * offset and size come from a parser that ran as nobody, which the kernel bounds by the file.
 */
static int loop_attach(int image_fd, uint64_t offset, uint64_t size, char name[32], struct berth_err *err)
{
	struct loop_config config = {
		.fd = (uint32_t)image_fd,
		.info = { .lo_offset = offset, .lo_sizelimit = size,
			  .lo_flags = LO_FLAGS_READ_ONLY | LO_FLAGS_AUTOCLEAR },
	};
	cleanup_close int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);

	for (int i = 0; control >= 0 && i < LOOP_TRIES; i++) {
		int number = ioctl(control, LOOP_CTL_GET_FREE);
		cleanup_close int loop = -1;

		if (number < 0)
			break;
		(void)snprintf(name, 32, "/dev/loop%d", number);
		loop = open(name, O_RDONLY | O_CLOEXEC);
		if (loop >= 0 && ioctl(loop, LOOP_CONFIGURE, &config) == 0)
			return take_fd(&loop);
		if (loop < 0 || errno != EBUSY)
			break;
	}
	return berth_fail(err, BERTH_ESYS, errno, "cannot attach a loop device");
}

/*
 * PRIV: the one mount of a kernel file system. The driver is named here, the device is ours, and
 * the bytes are root's own: nobody else could have written them (kernel_mount_allowed()).
 */
int kernel_mount_root(struct arm_local *l, int image_fd, int *ret_root, struct berth_err *err)
{
	cleanup_close int loop = -1, fs = -1, mnt = -1;
	uint64_t offset, size;
	char name[32];

	if (locate(image_fd, &offset, &size, err) < 0)
		return -1;
	loop = loop_attach(image_fd, offset, size, name, err);
	if (loop < 0)
		return -1;
	fs = sys_fsopen("squashfs", FSOPEN_CLOEXEC);
	if (fs < 0 || sys_fsconfig(fs, FSCONFIG_SET_STRING, "source", name, 0) < 0 ||
	    sys_fsconfig(fs, FSCONFIG_SET_FLAG, "ro", NULL, 0) < 0 ||
	    sys_fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return berth_fail(err, BERTH_ESYS, errno, "the kernel cannot mount the image");
	mnt = sys_fsmount(fs, FSMOUNT_CLOEXEC,
			  MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV);
	if (mnt < 0)
		return berth_fail(err, BERTH_ESYS, errno, "cannot mount the image");
	return arm_local_take_root(l, mnt, ret_root, err);
}
