/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * sandbox.c - what berth-imgfs may still do when it looks at the first byte of an image:
 * read from the descriptors it has, answer the kernel, allocate a bounded amount, end.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <malloc.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "libimage/base/cleanup.h"
#include "libimage/base/filter.h"
#include "libimage/imgfs/imgfs.h"

/* Slurm and terminals signal whole groups of processes: only KILL and STOP are for the server. */
void sandbox_signals(void)
{
	struct sigaction ignore = { .sa_handler = SIG_IGN };
	sigset_t none;

	for (int s = 1; s <= SIGRTMAX; s++) {
		/* A sanitizer reports through these. */
		if (FILTER_SANITIZED && (s == SIGSEGV || s == SIGBUS || s == SIGILL || s == SIGFPE || s == SIGABRT))
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
	return FILTER_SANITIZED ? 0 : set_limit(RLIMIT_AS, space, err);
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

/* What serving takes; no open, no socket, no exec, no new process. Sorted by filter_install(). */
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
static const struct filter_one allowed_one[] = {
	{ SYS_prlimit64, 0, 0 },
	{ SYS_fcntl, 1, F_SETFL },
};
int sandbox_close(struct berth_err *err)
{
	const struct filter_rules rules = {
		.allowed = allowed, .nallowed = ARRAY_SIZE(allowed),
		.data = allowed_data, .ndata = ARRAY_SIZE(allowed_data),
		.one = allowed_one, .none = ARRAY_SIZE(allowed_one),
	};

	return filter_install(&rules, err);
}
