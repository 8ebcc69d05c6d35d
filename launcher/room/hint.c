/* SPDX-License-Identifier: BSD-3-Clause */
/* hint.c - from an errno to the administrator's command; see hint.h. */
#include "config.h"

#include <errno.h>

#include "launcher/room/hint.h"
#include "libimage/base/err.h"

/* KERNEL: ENOSPC where a limit of user.max_* is reached, or at the 33rd namespace in one another. */
int hint_userns(struct berth_err *err, int sys)
{
	switch (sys) {
	case ENOSPC:
	case EUSERS:
		return berth_hint(err, "no more are allowed: the administrator raises the limit with sysctl "
				       "user.max_user_namespaces=15000; see 'berth doctor'");
	case EPERM:
	case EACCES:
		return berth_hint(err, "a sysctl (kernel.unprivileged_userns_clone), AppArmor, SELinux or a chroot "
				       "forbids it; 'berth doctor' says which, and what the administrator can do");
	case ENOMEM:
		return berth_hint(err, "memory is short on this host");
	default:
		return berth_hint(err, "the kernel needs CONFIG_USER_NS; see 'berth doctor'");
	}
}

/*
 * KERNEL: a user maps himself without any privilege, but in a namespace that has its
 * capabilities. Ubuntu from 24.04 on makes one for every program and takes those away.
 */
int hint_map(struct berth_err *err, int sys)
{
	if (sys != EPERM && sys != EACCES)
		return -1;
	return berth_hint(err, "a security module takes all rights from user namespaces; 'berth doctor' shows the "
			       "AppArmor profile that allows this program to make one");
}

int hint_mntns(struct berth_err *err, int sys)
{
	if (sys == ENOSPC)
		return berth_hint(err, "no more are allowed: the administrator raises the limit with sysctl "
				       "user.max_mnt_namespaces=15000; see 'berth doctor'");
	return sys == EPERM || sys == EACCES ? hint_map(err, sys) : -1;
}

int hint_fuse(struct berth_err *err, int sys)
{
	switch (sys) {
	case ENOENT:
	case ENODEV:
	case ENXIO:
		return berth_hint(err, "the administrator loads the kernel's module with modprobe fuse; see 'berth "
				       "doctor'");
	case EACCES:
	case EPERM:
		return berth_hint(err, "the administrator opens it to users, as most systems do: chmod 0666 "
				       "/dev/fuse; see 'berth doctor'");
	default:
		return -1;
	}
}
