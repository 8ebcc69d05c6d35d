/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * floor.c - what the kernel alone asks for a room: the system calls of Berth's default view on a
 * complete directory image, and nothing else. Nothing is checked, nothing is made, no descriptor
 * is opened with care: a lower bound to measure against, not a program to use.
 *
 *   floor DIR [--made-ids] CMD...
 *   floor --exec-only [CMD...]        become CMD at once, or end: what starting costs
 *
 * User namespace with the caller's own ids, mount namespace, slave propagation, the image
 * read-only, recursive binds with nosuid and nodev, pivot, old root away, no_new_privs, exec.
 * passwd and group are the host's, or with --made-ids two files made in a tmpfs, as Berth's are.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/mount.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

static void must(long rc, const char *what)
{
	if (rc >= 0)
		return;
	perror(what);
	exit(125);
}

static void put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	must(fd, path);
	must(write(fd, text, strlen(text)), path);
	must(close(fd), path);
}

static int clone_tree(int at, const char *path, unsigned long long set)
{
	struct mount_attr attr = { .attr_set = set };
	int fd = (int)syscall(SYS_open_tree, at, path,
			      AT_RECURSIVE | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);

	must(fd, path);
	must(syscall(SYS_mount_setattr, fd, "", AT_EMPTY_PATH | AT_RECURSIVE, &attr, sizeof(attr)), path);
	return fd;
}

static void attach(int tree, int root, const char *path)
{
	must(syscall(SYS_move_mount, tree, "", root, path, MOVE_MOUNT_F_EMPTY_PATH), path);
	must(close(tree), path);
}

static void bind_path(int root, const char *path, unsigned long long set)
{
	attach(clone_tree(AT_FDCWD, path, MOUNT_ATTR_NOSUID | set), root, path + 1);
}

/* A tmpfs over "/": clones can be made only of what is attached. */
static int tmpfs(void)
{
	int fs = (int)syscall(SYS_fsopen, "tmpfs", FSOPEN_CLOEXEC), mnt;

	must(fs, "tmpfs");
	must(syscall(SYS_fsconfig, fs, FSCONFIG_SET_STRING, "size", "4m", 0), "tmpfs");
	must(syscall(SYS_fsconfig, fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0), "tmpfs");
	mnt = (int)syscall(SYS_fsmount, fs, FSMOUNT_CLOEXEC, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV);
	must(mnt, "tmpfs");
	must(close(fs), "tmpfs");
	must(syscall(SYS_move_mount, mnt, "", AT_FDCWD, "/", MOVE_MOUNT_F_EMPTY_PATH), "tmpfs");
	return mnt;
}

static void bind_made(int root, int tmp, const char *name, const char *path)
{
	int fd = openat(tmp, name, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);

	must(fd, name);
	must(write(fd, "nobody\n", 7), name);
	must(close(fd), name);
	attach(clone_tree(tmp, name, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_RDONLY), root, path);
}

static void user_namespace(void)
{
	char uid_map[48], gid_map[48];

	(void)snprintf(uid_map, sizeof(uid_map), "%u %u 1\n", getuid(), getuid());
	(void)snprintf(gid_map, sizeof(gid_map), "%u %u 1\n", getgid(), getgid());
	must(unshare(CLONE_NEWUSER), "user namespace");
	put("/proc/self/setgroups", "deny");
	put("/proc/self/uid_map", uid_map);
	put("/proc/self/gid_map", gid_map);
}

/* The default view, up to passwd and group. */
static int view(const char *dir)
{
	unsigned long long file = MOUNT_ATTR_NODEV | MOUNT_ATTR_RDONLY;
	int root = clone_tree(AT_FDCWD, dir, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV);

	must(syscall(SYS_move_mount, root, "", AT_FDCWD, "/", MOVE_MOUNT_F_EMPTY_PATH), "root");
	bind_path(root, "/proc", MOUNT_ATTR_NODEV);
	bind_path(root, "/sys", MOUNT_ATTR_NODEV);
	bind_path(root, "/dev", 0);
	bind_path(root, "/tmp", MOUNT_ATTR_NODEV);
	bind_path(root, "/var/tmp", MOUNT_ATTR_NODEV);
	bind_path(root, "/etc/hosts", file);
	bind_path(root, "/etc/resolv.conf", file);
	bind_path(root, "/etc/localtime", file);
	return root;
}

int main(int argc, char **argv)
{
	struct mount_attr slave = { .propagation = MS_SLAVE };
	int root, tmp = -1, at = 2;

	if (argc > 1 && strcmp(argv[1], "--exec-only") == 0) {
		if (argc > 2)
			(void)execvp(argv[2], argv + 2);
		return argc > 2 ? 125 : 0;
	}
	if (argc < 3)
		return 125;
	user_namespace();
	must(unshare(CLONE_NEWNS), "mount namespace");
	must(syscall(SYS_mount_setattr, AT_FDCWD, "/", AT_RECURSIVE, &slave, sizeof(slave)), "slave");
	if (strcmp(argv[at], "--made-ids") == 0) {
		tmp = tmpfs();
		at++;
	}
	root = view(argv[1]);
	if (tmp >= 0) {
		bind_made(root, tmp, "passwd", "etc/passwd");
		bind_made(root, tmp, "group", "etc/group");
	} else {
		bind_path(root, "/etc/passwd", MOUNT_ATTR_NODEV | MOUNT_ATTR_RDONLY);
		bind_path(root, "/etc/group", MOUNT_ATTR_NODEV | MOUNT_ATTR_RDONLY);
	}

	must(fchdir(root), "root");
	must(syscall(SYS_pivot_root, ".", "."), "pivot_root");
	must(umount2(".", MNT_DETACH), "umount");
	if (tmp >= 0)
		must(umount2(".", MNT_DETACH), "umount");
	must(chdir("/"), "chdir");
	must(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "no_new_privs");
	if (argv[at])
		(void)execvp(argv[at], argv + at);
	must(-1, "exec");
	return 125;
}
