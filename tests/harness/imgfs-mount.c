/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * imgfs-mount.c - a launcher for tests: mount an image through berth-imgfs, run a command.
 *
 *   imgfs-mount [-s SERVER] [-w WORKERS] [-u UID] [-c CACHE_BYTES] [-i LOWER_IMAGE]...
 *               [-e d:/path | -e f:/path]... IMAGE DIR CMD ARG...
 *
 * Runs as root. The command has the image at DIR in a mount namespace of its own and the
 * server's process id in IMGFS_PID. The server stays outside of that namespace. Images of -i lie
 * below IMAGE, the first of them uppermost.
 *
 * Exits as the command; 98 when the server refused, 99 when something else failed, 2 for usage.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <linux/mount.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

#include "libimage/base/cleanup.h"
#include "libimage/base/fd.h"
#include "libimage/base/imgfs_wire.h"
#include "libimage/base/log.h"
#include "libimage/base/msg.h"
#include "libimage/base/str.h"

/* sys/mount.h of libc cannot be included beside linux/mount.h everywhere */
int mount(const char *source, const char *target, const char *type, unsigned long flags, const void *data);
enum { PRIVATE_REC = 1 << 18 | 1 << 14 };

static struct {
	const char *server;
	unsigned int workers, sources;
	uid_t uid;
	uint64_t cache_bytes;
	const char *source[IMGFS_SOURCES_MAX];
	struct strbuf entries;
} opt = { .server = "./berth-imgfs", .workers = 2, .sources = 1 };

static _Noreturn void die(const char *what)
{
	(void)fprintf(stderr, "imgfs-mount: %s: %s\n", what, strerror(errno));
	exit(99);
}

static void set_string(int fs, const char *key, const char *value)
{
	if (syscall(SYS_fsconfig, fs, FSCONFIG_SET_STRING, key, value, 0) < 0)
		die(key);
}

static void set_flag(int fs, const char *key)
{
	if (syscall(SYS_fsconfig, fs, FSCONFIG_SET_FLAG, key, NULL, 0) < 0)
		die(key);
}

static int make_mount(int fuse)
{
	int fs = (int)syscall(SYS_fsopen, "fuse", FSOPEN_CLOEXEC), mnt;
	char num[16];

	if (fs < 0)
		die("fsopen");
	(void)snprintf(num, sizeof(num), "%d", fuse);
	set_string(fs, "source", "berth");
	set_string(fs, "fd", num);
	set_string(fs, "rootmode", "40000");
	(void)snprintf(num, sizeof(num), "%u", opt.uid);
	set_string(fs, "user_id", num);
	set_string(fs, "group_id", num);
	set_flag(fs, "allow_other");
	set_flag(fs, "default_permissions");
	set_flag(fs, "ro");
	if (syscall(SYS_fsconfig, fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		die("fsconfig create");
	mnt = (int)syscall(SYS_fsmount, fs, FSMOUNT_CLOEXEC,
			   MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV);
	if (mnt < 0)
		die("fsmount");
	(void)close(fs);
	return mnt;
}

static pid_t start_server(int sock)
{
	pid_t pid = fork();

	if (pid != 0)
		return pid;
	if (opt.uid && (setgid(opt.uid) < 0 || setuid(opt.uid) < 0))
		die("setuid");
	if (sock == IMGFS_CONTROL_FD)
		(void)fcntl(sock, F_SETFD, 0);
	else if (dup2(sock, IMGFS_CONTROL_FD) < 0)
		die("dup2");
	(void)execl(opt.server, "berth-imgfs", NULL);
	die(opt.server);
}

static void hand_over(int sock, int entries, int fuse)
{
	struct imgfs_start req = { .magic = IMGFS_MAGIC, .nsource = opt.sources, .nfuse = opt.workers,
				   .cache_bytes = opt.cache_bytes };
	struct berth_err err = BERTH_ERR_INIT;
	struct msg_fds fds = MSG_FDS_INIT;
	struct imgfs_reply reply;

	for (unsigned int i = 0; i < opt.sources; i++) {
		fds.fd[fds.n] = open(opt.source[i], O_RDONLY | O_CLOEXEC);
		if (fds.fd[fds.n++] < 0)
			die(opt.source[i]);
	}
	fds.fd[fds.n++] = entries;
	fds.fd[fds.n++] = fuse;
	for (unsigned int i = 1; i < opt.workers; i++) {
		int clone = open("/dev/fuse", O_RDWR | O_CLOEXEC);

		if (clone < 0 || ioctl(clone, FUSE_DEV_IOC_CLONE, &fuse) < 0)
			die("clone of /dev/fuse");
		fds.fd[fds.n++] = clone;
	}
	if (msg_send(sock, &req, sizeof(req), &fds, &err) < 0 ||
	    msg_recv(sock, &reply, sizeof(reply), NULL, 10000, &err) < 1) {
		log_err(&err);
		exit(99);
	}
	msg_fds_close(&fds);
	if (reply.err.code != BERTH_OK) {
		log_err(&reply.err);
		exit(98);
	}
}

static void parse(int argc, char **argv)
{
	int c;

	while ((c = getopt(argc, argv, "+s:w:u:c:i:e:")) != -1) {
		if (c == 's') {
			opt.server = optarg;
		} else if (c == 'w') {
			opt.workers = (unsigned int)atoi(optarg);
		} else if (c == 'u') {
			opt.uid = (uid_t)atoi(optarg);
		} else if (c == 'c') {
			opt.cache_bytes = strtoull(optarg, NULL, 10);
		} else if (c == 'i' && opt.sources < IMGFS_SOURCES_MAX) {
			opt.source[opt.sources++] = optarg;
		} else if (c == 'e' && strlen(optarg) > 2) {
			strbuf_add(&opt.entries, optarg, 1);
			strbuf_add(&opt.entries, optarg + 2, strlen(optarg + 2) + 1);
		} else {
			exit(2);
		}
	}
	if (argc - optind < 3 || opt.workers < 1 || opt.workers > IMGFS_FUSE_MAX)
		exit(2);
	opt.source[0] = argv[optind];
}

int main(int argc, char **argv)
{
	struct berth_err err = BERTH_ERR_INIT;
	int entries, fuse, mnt, pair[2];
	char pid_text[16];
	pid_t pid;

	log_init("imgfs-mount", LOG_NOTE);
	parse(argc, argv);
	entries = fd_memfile("entries", opt.entries.text ? opt.entries.text : "", opt.entries.len);
	fuse = open("/dev/fuse", O_RDWR | O_CLOEXEC);
	if (entries < 0 || fuse < 0)
		die("open");
	if (msg_pair(pair, &err) < 0)
		die(err.text);
	pid = start_server(pair[1]);
	(void)close(pair[1]);
	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, PRIVATE_REC, NULL) < 0)
		die("unshare");
	mnt = make_mount(fuse);
	hand_over(pair[0], entries, fuse);
	if (syscall(SYS_move_mount, mnt, "", AT_FDCWD, argv[optind + 1], MOVE_MOUNT_F_EMPTY_PATH) < 0)
		die("move_mount");
	(void)snprintf(pid_text, sizeof(pid_text), "%d", (int)pid);
	(void)setenv("IMGFS_PID", pid_text, 1);
	(void)execvp(argv[optind + 2], argv + optind + 2);
	die(argv[optind + 2]);
}
