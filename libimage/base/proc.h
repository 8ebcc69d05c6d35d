/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * proc.h - system calls about processes and descriptors that glibc 2.34 has no wrappers for.
 *
 * KERNEL: pidfd_open 5.3; close_range 5.9. The floor is 5.14.
 */
#ifndef BERTH_PROC_H
#define BERTH_PROC_H

#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

static inline int sys_close_range(unsigned int first, unsigned int last, unsigned int flags)
{
	return (int)syscall(SYS_close_range, first, last, flags);
}

static inline int sys_pidfd_open(pid_t pid)
{
	return (int)syscall(SYS_pidfd_open, pid, 0);
}

/*
 * fork() without a SIGCHLD at the child's end, so that a program which later takes this
 * process's place never sees a signal of a child that is not its own. Wait with __WALL.
 */
static inline pid_t sys_fork_silent(void)
{
	return (pid_t)syscall(SYS_clone, 0UL, NULL, NULL, NULL, 0UL);
}

#endif
