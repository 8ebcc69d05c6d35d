/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * kmount.c - the bare kernel mount of an image: loop device, squashfs, chroot, exec, unmount.
 *
 *   kmount FILE OFFSET CMD...           as root; OFFSET of the squashfs in FILE
 *   kmount -d DIR FILE OFFSET CMD...    mount at DIR in a namespace of its own and become CMD
 *
 * Without -d: no namespace, no bind, no check; the mount point is a directory of its own in /run.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/loop.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static int must(int rc, const char *what)
{
	if (rc >= 0)
		return rc;
	perror(what);
	exit(125);
}

/* A loop device with 'file' behind it; another process may take the free one first. */
static int loop_of(int file, unsigned long long offset, char *name, size_t size)
{
	struct loop_config config = {
		.fd = (unsigned int)file,
		.info = { .lo_offset = offset, .lo_flags = LO_FLAGS_READ_ONLY | LO_FLAGS_AUTOCLEAR },
	};
	int control = must(open("/dev/loop-control", O_RDWR | O_CLOEXEC), "/dev/loop-control");

	for (;;) {
		int n = must(ioctl(control, LOOP_CTL_GET_FREE), "LOOP_CTL_GET_FREE"), fd;

		(void)snprintf(name, size, "/dev/loop%d", n);
		fd = must(open(name, O_RDONLY | O_CLOEXEC), name);
		if (ioctl(fd, LOOP_CONFIGURE, &config) == 0) {
			(void)close(control);
			return fd;
		}
		if (errno != EBUSY)
			must(-1, "LOOP_CONFIGURE");
		(void)close(fd);
	}
}

/* argv: FILE OFFSET */
static void mount_image(char **argv, const char *point)
{
	int file = must(open(argv[0], O_RDONLY | O_CLOEXEC), argv[0]), loop;
	char name[32];

	loop = loop_of(file, strtoull(argv[1], NULL, 10), name, sizeof(name));
	must(mount(name, point, "squashfs", MS_RDONLY | MS_NOSUID | MS_NODEV, NULL), "mount");
	(void)close(loop);
	(void)close(file);
}

/* The mount goes with the namespace, and the loop device with the mount. */
static int in_namespace(const char *point, char **argv)
{
	must(unshare(CLONE_NEWNS), "unshare");
	must(mount(NULL, "/", NULL, MS_PRIVATE | MS_REC, NULL), "mount");
	mount_image(argv, point);
	(void)execvp(argv[2], argv + 2);
	return must(-1, argv[2]);
}

int main(int argc, char **argv)
{
	char point[48];
	int status;
	pid_t pid;

	if (argc >= 6 && strcmp(argv[1], "-d") == 0)
		return in_namespace(argv[2], argv + 3);
	if (argc < 4)
		return 125;
	(void)snprintf(point, sizeof(point), "/run/berth-bench.%d", getpid());
	must(mkdir(point, 0700), point);
	mount_image(argv + 1, point);
	pid = must(vfork(), "vfork");
	if (pid == 0) {
		if (chroot(point) == 0 && chdir("/") == 0)
			(void)execvp(argv[3], argv + 3);
		_exit(127);
	}
	must(waitpid(pid, &status, 0), "wait");
	must(umount2(point, 0), "umount");
	(void)rmdir(point);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 125;
}
