/* SPDX-License-Identifier: BSD-3-Clause */
/* terminal.c - no typing for the user; see terminal.h. */
#include "config.h"

#include <asm/ioctls.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "launcher/room/terminal.h"
#include "libimage/base/cleanup.h"
#include "libimage/base/err.h"

enum {
	X32 = 0x40000000, /* KERNEL: __X32_SYSCALL_BIT */
	X32_IOCTL = 514,
	OLD_IOCTL = 54, /* of i386 and 32-bit ARM */
	ROW_OPS = 8,
};

/* ioctl() in every way that this machine's kernel may know. */
static const struct {
	uint32_t arch, nr;
} calls[] = {
#if defined(__x86_64__)
	{ AUDIT_ARCH_X86_64, SYS_ioctl },
	{ AUDIT_ARCH_X86_64, X32 | X32_IOCTL },
	{ AUDIT_ARCH_X86_64, X32 | SYS_ioctl }, /* KERNEL: until 5.4 */
	{ AUDIT_ARCH_I386, OLD_IOCTL },
#elif defined(__aarch64__)
	{ AUDIT_ARCH_AARCH64, SYS_ioctl },
	{ AUDIT_ARCH_ARM, OLD_IOCTL },
#elif defined(__powerpc64__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	{ AUDIT_ARCH_PPC64LE, SYS_ioctl },
#elif defined(__riscv) && __riscv_xlen == 64
	{ AUDIT_ARCH_RISCV64, SYS_ioctl },
#else
#error "add this machine's AUDIT_ARCH_ numbers, as in libimage/imgfs/sandbox.c"
#endif
};

/*
 * Has this process a controlling terminal? KERNEL: only into that can it type, through whatever
 * descriptor, /dev/tty among them; proc(5), field 7 of stat, behind the name, which may hold anything.
 * Without an answer it has one.
 */
static bool has_terminal(void)
{
	cleanup_close int fd = open("/proc/self/stat", O_RDONLY | O_CLOEXEC);
	char text[512], *end;
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	int tty;

	if (n <= 0)
		return true;
	text[n] = '\0';
	end = strrchr(text, ')');
	return !end || sscanf(end + 1, " %*c %*d %*d %*d %d", &tty) != 1 || tty != 0;
}

/* The kernel refuses by itself. */
static bool kernel_refuses(void)
{
	cleanup_close int fd = open("/proc/sys/dev/tty/legacy_tiocsti", O_RDONLY | O_CLOEXEC);
	char value = 0;

	return fd >= 0 && read(fd, &value, 1) == 1 && value == '0';
}

/*
 * KERNEL: the command is an unsigned int to ioctl(), so that a number with other high bits is the same;
 * only the low half is looked at, which comes first on all machines above.
 */
static void make_row(struct sock_filter *op, uint32_t arch, uint32_t nr)
{
	const struct sock_filter row[ROW_OPS] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, arch, 0, 6),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, nr, 0, 4),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[1])),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, TIOCSTI, 1, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, TIOCLINUX, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
	};

	for (size_t i = 0; i < ROW_OPS; i++)
		op[i] = row[i];
}

int terminal_guard(struct berth_err *err)
{
	struct sock_filter op[ARRAY_SIZE(calls) * ROW_OPS + 1];
	struct sock_fprog prog = { .filter = op, .len = ARRAY_SIZE(op) };

	if (!has_terminal() || kernel_refuses())
		return 0;
	for (size_t i = 0; i < ARRAY_SIZE(calls); i++)
		make_row(op + i * ROW_OPS, calls[i].arch, calls[i].nr);
	op[ARRAY_SIZE(op) - 1] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	/* A kernel without filters has nothing to offer: a program of the user's own could type, too. */
	if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &prog) < 0 && errno != ENOSYS && errno != EINVAL)
		return berth_fail(err, BERTH_ESYS, errno, "cannot keep programs from typing on the terminal");
	return 0;
}
