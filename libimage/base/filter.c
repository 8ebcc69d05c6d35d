/* SPDX-License-Identifier: BSD-3-Clause */
/* filter.c - a list of system calls, compiled and installed; see filter.h. */
#include "config.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "libimage/base/err.h"
#include "libimage/base/filter.h"

#if defined(__x86_64__)
#define THIS_ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define THIS_ARCH AUDIT_ARCH_AARCH64
#elif defined(__powerpc64__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define THIS_ARCH AUDIT_ARCH_PPC64LE
#elif defined(__riscv) && __riscv_xlen == 64
#define THIS_ARCH AUDIT_ARCH_RISCV64
#else
#error "add this machine's AUDIT_ARCH_ number"
#endif

/* What clone() may be asked for: a thread of this process, and must. */
enum {
	THREAD_MUST = CLONE_VM | CLONE_SIGHAND | CLONE_THREAD,
	THREAD_MAY = THREAD_MUST | CLONE_FS | CLONE_FILES | CLONE_SYSVSEM | CLONE_SETTLS |
		     CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID | CLONE_DETACHED,
};

enum {
	LEAF = 3,	  /* numbers compared one by one */
	FILTER_MAX = 256, /* LIMIT: a jump reaches no further; 70 are used */
};

struct filter {
	struct sock_filter op[FILTER_MAX];
	unsigned short n;
};

static void emit(struct filter *f, uint16_t code, uint32_t k, uint8_t yes, uint8_t no)
{
	f->op[f->n++] = (struct sock_filter){ .code = code, .jt = yes, .jf = no, .k = k };
}

static void emit_return(struct filter *f, uint32_t what)
{
	emit(f, BPF_RET | BPF_K, what, 0, 0);
}

static void emit_load(struct filter *f, size_t at)
{
	emit(f, BPF_LD | BPF_W | BPF_ABS, (uint32_t)at, 0, 0);
}

/*
 * Allow the numbers 'v', else kill.
 * KERNEL: a search tree, because when a filter is installed the kernel runs it for each number
 * there is, to learn which it need not run it for (5.11). A plain list would take as long as
 * all else that the server does before it serves.
 */
static void emit_tree(struct filter *f, const unsigned int *v, size_t n)
{
	size_t half = n / 2, jump = f->n;

	if (n > LEAF) {
		emit(f, BPF_JMP | BPF_JGE | BPF_K, v[half], 0, 0);
		emit_tree(f, v, half);
		f->op[jump].jt = (uint8_t)(f->n - jump - 1);
		emit_tree(f, v + half, n - half);
		return;
	}
	for (size_t i = 0; i < n; i++)
		emit(f, BPF_JMP | BPF_JEQ | BPF_K, v[i], (uint8_t)(n - i), 0);
	emit_return(f, SECCOMP_RET_KILL_PROCESS);
	emit_return(f, SECCOMP_RET_ALLOW);
}

static int by_number(const void *a, const void *b)
{
	unsigned int x = *(const unsigned int *)a, y = *(const unsigned int *)b;

	return x < y ? -1 : x > y;
}

static void filter_make(struct filter *f, const struct filter_rules *r)
{
	qsort(r->allowed, r->nallowed, sizeof(r->allowed[0]), by_number);
	emit_load(f, offsetof(struct seccomp_data, arch));
	emit(f, BPF_JMP | BPF_JEQ | BPF_K, THIS_ARCH, 1, 0);
	emit_return(f, SECCOMP_RET_KILL_PROCESS);
	emit_load(f, offsetof(struct seccomp_data, nr));
	for (size_t i = 0; i < r->ndata; i++) {
		/* PROT_EXEC is in the low half; little endian on all machines above */
		emit(f, BPF_JMP | BPF_JEQ | BPF_K, r->data[i], 0, 4);
		emit_load(f, offsetof(struct seccomp_data, args[2]));
		emit(f, BPF_JMP | BPF_JSET | BPF_K, PROT_EXEC, 0, 1);
		emit_return(f, SECCOMP_RET_KILL_PROCESS);
		emit_return(f, SECCOMP_RET_ALLOW);
	}
	for (size_t i = 0; i < r->none; i++) {
		emit(f, BPF_JMP | BPF_JEQ | BPF_K, r->one[i].nr, 0, 4);
		emit_load(f, offsetof(struct seccomp_data, args) + r->one[i].arg * sizeof(uint64_t));
		emit(f, BPF_JMP | BPF_JEQ | BPF_K, r->one[i].value, 1, 0);
		emit_return(f, SECCOMP_RET_KILL_PROCESS);
		emit_return(f, SECCOMP_RET_ALLOW);
	}
	/* clone3() keeps its arguments where a filter cannot look; libc then takes clone(). */
	emit(f, BPF_JMP | BPF_JEQ | BPF_K, SYS_clone3, 0, 1);
	emit_return(f, SECCOMP_RET_ERRNO | ENOSYS);
	emit(f, BPF_JMP | BPF_JEQ | BPF_K, SYS_clone, 0, 6);
	emit_load(f, offsetof(struct seccomp_data, args[0]));
	emit(f, BPF_JMP | BPF_JSET | BPF_K, ~(uint32_t)THREAD_MAY, 3, 0);
	emit(f, BPF_ALU | BPF_AND | BPF_K, THREAD_MUST, 0, 0);
	emit(f, BPF_JMP | BPF_JEQ | BPF_K, THREAD_MUST, 0, 1);
	emit_return(f, SECCOMP_RET_ALLOW);
	emit_return(f, SECCOMP_RET_KILL_PROCESS);
	emit_tree(f, r->allowed, r->nallowed);
}

int filter_install(const struct filter_rules *rules, struct berth_err *err)
{
	struct filter filter = { .n = 0 };
	struct sock_fprog prog = { .filter = filter.op };

	filter_make(&filter, rules);
	prog.len = filter.n;
	if (FILTER_SANITIZED)
		return 0;
	if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &prog) != 0)
		return berth_fail(err, BERTH_ESYS, errno, "cannot install the system call filter");
	return 0;
}
