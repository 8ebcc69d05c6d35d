/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * detach.c - a payload that tries to take mounts away or to give them other options: with what it
 * has, and as root of a user namespace of its own. Prints "did WHAT" for what it could do.
 *
 * Linked statically, so that it runs in any image. In its own namespaces it may mount what it
 * likes; what must not work is what the room has. Arguments are mounts beside those that every room has.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

static void tell(const char *who, const char *what, int rc)
{
	if (rc >= 0)
		(void)printf("did %s: %s\n", who, what);
}

static void try_all(const char *who)
{
	static const char *const mounts[] = { "/", "/proc", "/sys", "/dev", "/etc/passwd", "/etc/group" };
	static const struct {
		const char *name;
		unsigned long flags;
	} changes[] = {
		{ "writable", 0 },
		{ "suid", MS_RDONLY | MS_NODEV },
		{ "dev", MS_RDONLY | MS_NOSUID },
		{ "suid and dev", MS_RDONLY },
	};
	char what[64];

	for (size_t i = 0; i < sizeof(mounts) / sizeof(mounts[0]); i++) {
		tell(who, mounts[i], umount2(mounts[i], MNT_DETACH));
		tell(who, mounts[i], umount2(mounts[i], 0));
	}
	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		tell(who, changes[i].name, mount(NULL, "/", NULL, MS_REMOUNT | MS_BIND | changes[i].flags, NULL));
		(void)snprintf(what, sizeof(what), "%s, the file system", changes[i].name);
		tell(who, what, mount(NULL, "/", NULL, MS_REMOUNT | changes[i].flags, "allow_other,user_id=0"));
	}
	tell(who, "pivot_root", (int)syscall(SYS_pivot_root, "/", "/proc"));
}

/* Only what takes a restriction away: a stricter mount is its user's right. */
static void try_more(const char *who, char **mounts)
{
	for (; *mounts; mounts++) {
		tell(who, *mounts, umount2(*mounts, MNT_DETACH));
		tell(who, *mounts, umount2(*mounts, 0));
		tell(who, *mounts, mount(NULL, *mounts, NULL, MS_REMOUNT | MS_BIND, NULL));
		tell(who, *mounts, mount(NULL, *mounts, NULL, MS_REMOUNT | MS_BIND | MS_NODEV, NULL));
		tell(who, *mounts, mount(NULL, *mounts, NULL, MS_REMOUNT, "size=1g"));
	}
}

/* A fuse of one's own, with the options of another's. */
static void try_options(const char *who)
{
	int fd = open("/dev/fuse", O_RDWR | O_CLOEXEC);
	char data[128];

	if (fd < 0)
		return;
	(void)snprintf(data, sizeof(data), "fd=%d,rootmode=40000,user_id=0,group_id=0,allow_other", fd);
	tell(who, "a mount as user 0", mount("berth", "/proc", "fuse.berth", 0, data));
}

static int write_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : write(fd, text, strlen(text));

	if (fd >= 0)
		(void)close(fd);
	return n < 0 ? -1 : 0;
}

int main(int argc, char **argv)
{
	char map[64];
	unsigned int uid = getuid(), gid = getgid();

	try_more("as it is", argv + (argc > 0));
	try_all("as it is");
	try_options("as it is");
	if (unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0) {
		(void)printf("no namespace: %s\n", strerror(errno));
		return 0;
	}
	(void)write_text("/proc/self/setgroups", "deny");
	(void)snprintf(map, sizeof(map), "0 %u 1", uid);
	if (write_text("/proc/self/uid_map", map) < 0)
		return 1;
	(void)snprintf(map, sizeof(map), "0 %u 1", gid);
	(void)write_text("/proc/self/gid_map", map);
	try_more("as root of its own", argv + (argc > 0));
	try_all("as root of its own");
	(void)printf("tried as root of its own\n");
	return 0;
}
