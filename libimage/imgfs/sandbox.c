/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * sandbox.c - what berth-imgfs may still do when it looks at the first byte of an image:
 * read from the descriptors it has, answer the kernel, allocate a bounded amount, end.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <malloc.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "libimage/base/cleanup.h"
#include "libimage/imgfs/imgfs.h"

#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

/* Slurm and terminals signal whole groups of processes: only KILL and STOP are for the server. */
void sandbox_signals(void)
{
	struct sigaction ignore = { .sa_handler = SIG_IGN };
	sigset_t none;

	for (int s = 1; s <= SIGRTMAX; s++) {
		/* A sanitizer reports through these. */
		if (SANITIZED && (s == SIGSEGV || s == SIGBUS || s == SIGILL || s == SIGFPE || s == SIGABRT))
			continue;
		(void)sigaction(s, &ignore, NULL); /* fails for KILL, STOP and libc's own two */
	}
	/* Until here they were blocked, by who started us. */
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
}

static int set_limit(__rlimit_resource_t what, uint64_t value, struct berth_err *err)
{
	struct rlimit lim;

	if (getrlimit(what, &lim) < 0)
		return berth_fail(err, BERTH_ESYS, errno, "cannot read a limit");
	if (lim.rlim_max > value)
		lim.rlim_max = value;
	lim.rlim_cur = lim.rlim_max;
	if (setrlimit(what, &lim) < 0)
		return berth_fail(err, BERTH_ESYS, errno, "cannot set a limit");
	return 0;
}

/*
 * PRIV: with CAP_SYS_CHROOT (an ambient capability over the caller's own user namespace): go where
 * there are no files. /proc/self/fdinfo has only this process's descriptors' descriptions, and
 * nothing at all once it ends; no directory need be made and removed. Without the capability
 * the system-call filter alone keeps files away.
 */
static void leave_files(void)
{
	if (chroot("/proc/self/fdinfo") < 0)
		errno = 0;
	(void)!chdir("/");
}

/* PRIV: whoever started the server left it one capability at most; here the last one goes. */
static int drop_capabilities(struct berth_err *err)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct none[2] = { 0 }, left[2];

	(void)prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	if (syscall(SYS_capget, &head, left) < 0)
		return berth_fail(err, BERTH_ESYS, errno, "cannot read capabilities");
	/* Without CAP_SETPCAP it stays as it is: with no_new_privs there is nothing left to bound. */
	if (left[0].effective & 1U << CAP_SETPCAP)
		for (unsigned long cap = 0; prctl(PR_CAPBSET_READ, cap, 0, 0, 0) >= 0; cap++)
			(void)prctl(PR_CAPBSET_DROP, cap, 0, 0, 0);
	if (syscall(SYS_capset, &head, none) < 0)
		return berth_fail(err, BERTH_ESYS, errno, "cannot drop capabilities");
	head.pid = 0;
	if (syscall(SYS_capget, &head, left) < 0 || left[0].effective || left[0].permitted ||
	    left[0].inheritable || left[1].effective || left[1].permitted || left[1].inheritable)
		return berth_fail(err, BERTH_ESYS, 0, "capabilities were not dropped");
	return 0;
}

int sandbox_limit(uint32_t workers, uint32_t sources, uint64_t cache_bytes, struct berth_err *err)
{
	/* LIMIT: address space: the program and its libraries, four malloc arenas of 64 MiB that
	 * are reserved and hardly used, xz's 65 MiB at worst; per worker its stack, its window of
	 * the image and blocks of up to 1 MiB in and out (34 in the cache at least); per source what
	 * is kept of its tables. */
	uint64_t space = cache_bytes + (512ull << 20) + (uint64_t)workers * (16ull << 20) +
			 (uint64_t)sources * (1ull << 20);

	/* ASan's shadow takes terabytes of address space. */
	return SANITIZED ? 0 : set_limit(RLIMIT_AS, space, err);
}

int sandbox_drop(struct berth_err *err)
{
	(void)mallopt(M_ARENA_MAX, 4);
	/* Decompressors allocate and free their state for each block: keep it from mmap. */
	(void)mallopt(M_MMAP_THRESHOLD, 4 << 20);
	(void)mallopt(M_TRIM_THRESHOLD, 8 << 20);
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return berth_fail(err, BERTH_ESYS, errno, "cannot give up privileges");
	leave_files();
	if (drop_capabilities(err) < 0 || set_limit(RLIMIT_CORE, 0, err) < 0)
		return -1;
	/* as much as can be asked for, until it is */
	return sandbox_limit(IMGFS_FUSE_MAX, IMGFS_SOURCES_MAX, CACHE_MAX, err);
}

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

/* What serving takes; no open, no socket, no exec, no new process. Sorted by filter_make(). */
static unsigned int allowed[] = {
#ifdef SYS_poll
	SYS_poll, /* as libc spells ppoll() where there is one */
#endif
	SYS_read, SYS_writev, SYS_pread64, SYS_fadvise64, SYS_write, /* requests, answers, the image, the log */
	SYS_futex, SYS_sched_yield, SYS_restart_syscall,
	SYS_brk, SYS_munmap, SYS_mremap, SYS_madvise, SYS_getrandom, SYS_sched_getaffinity, /* malloc */
	SYS_ppoll, SYS_recvmsg, SYS_sendmsg, SYS_close,		      /* the start and the reply to it */
	SYS_fstat, SYS_newfstatat,				      /* of descriptors; no file has a name here */
	SYS_set_robust_list, SYS_rseq,				    /* a thread's first */
	SYS_clock_gettime, SYS_getpid, SYS_gettid, SYS_getuid, SYS_getgid,
	SYS_rt_sigaction, SYS_rt_sigprocmask, SYS_rt_sigreturn, SYS_tgkill, /* abort() */
	SYS_exit, SYS_exit_group,
};
/* Allowed unless they ask for executable memory: the third argument. */
static const unsigned int allowed_data[] = { SYS_mmap, SYS_mprotect };
/* Allowed with one value of one argument: no other process's limits, no other change of a descriptor. */
static const struct {
	unsigned int nr, arg;
	uint32_t value;
} allowed_one[] = {
	{ SYS_prlimit64, 0, 0 },
	{ SYS_fcntl, 1, F_SETFL },
};
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

static void filter_make(struct filter *f)
{
	qsort(allowed, ARRAY_SIZE(allowed), sizeof(allowed[0]), by_number);
	emit_load(f, offsetof(struct seccomp_data, arch));
	emit(f, BPF_JMP | BPF_JEQ | BPF_K, THIS_ARCH, 1, 0);
	emit_return(f, SECCOMP_RET_KILL_PROCESS);
	emit_load(f, offsetof(struct seccomp_data, nr));
	for (size_t i = 0; i < ARRAY_SIZE(allowed_data); i++) {
		/* PROT_EXEC is in the low half; little endian on all machines above */
		emit(f, BPF_JMP | BPF_JEQ | BPF_K, allowed_data[i], 0, 4);
		emit_load(f, offsetof(struct seccomp_data, args[2]));
		emit(f, BPF_JMP | BPF_JSET | BPF_K, PROT_EXEC, 0, 1);
		emit_return(f, SECCOMP_RET_KILL_PROCESS);
		emit_return(f, SECCOMP_RET_ALLOW);
	}
	for (size_t i = 0; i < ARRAY_SIZE(allowed_one); i++) {
		emit(f, BPF_JMP | BPF_JEQ | BPF_K, allowed_one[i].nr, 0, 4);
		emit_load(f, offsetof(struct seccomp_data, args) + allowed_one[i].arg * sizeof(uint64_t));
		emit(f, BPF_JMP | BPF_JEQ | BPF_K, allowed_one[i].value, 1, 0);
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
	emit_tree(f, allowed, ARRAY_SIZE(allowed));
}

int sandbox_close(struct berth_err *err)
{
	struct filter filter = { .n = 0 };
	struct sock_fprog prog = { .filter = filter.op };

	filter_make(&filter);
	prog.len = filter.n;
	if (SANITIZED) /* they read /proc and start threads when they please */
		return 0;
	if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &prog) != 0)
		return berth_fail(err, BERTH_ESYS, errno, "cannot install the system call filter");
	return 0;
}
