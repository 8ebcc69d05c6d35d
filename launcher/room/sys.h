/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * sys.h - system calls that glibc 2.34, the oldest we build with, has no wrappers for.
 *
 * KERNEL: open_tree, move_mount, fsopen, fsconfig, fsmount 5.2; mount_setattr 5.12. The floor is
 * 5.14. Those that need no privilege are libimage/base's, which comes along.
 */
#ifndef BERTH_SYS_H
#define BERTH_SYS_H

#include <linux/mount.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "libimage/base/proc.h"

static inline int sys_open_tree(int dir_fd, const char *path, unsigned int flags)
{
	return (int)syscall(SYS_open_tree, dir_fd, path, flags);
}

static inline int sys_move_mount(int from_fd, const char *from, int to_fd, const char *to,
				 unsigned int flags)
{
	return (int)syscall(SYS_move_mount, from_fd, from, to_fd, to, flags);
}

static inline int sys_fsopen(const char *name, unsigned int flags)
{
	return (int)syscall(SYS_fsopen, name, flags);
}

static inline int sys_fsconfig(int fd, unsigned int cmd, const char *key, const void *value, int aux)
{
	return (int)syscall(SYS_fsconfig, fd, cmd, key, value, aux);
}

static inline int sys_fsmount(int fd, unsigned int flags, unsigned int attr)
{
	return (int)syscall(SYS_fsmount, fd, flags, attr);
}

static inline int sys_mount_setattr(int dir_fd, const char *path, unsigned int flags,
				    struct mount_attr *attr)
{
	return (int)syscall(SYS_mount_setattr, dir_fd, path, flags, attr, sizeof(*attr));
}

static inline int sys_pivot_root(const char *new_root, const char *put_old)
{
	return (int)syscall(SYS_pivot_root, new_root, put_old);
}

/* KERNEL: keyctl(2) is no wrapper of glibc's; 1 is KEYCTL_JOIN_SESSION_KEYRING, without a name a new one. */
static inline int sys_new_session_keyring(void)
{
	return (int)syscall(SYS_keyctl, 1, NULL);
}

#endif
