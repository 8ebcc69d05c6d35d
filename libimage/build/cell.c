/* SPDX-License-Identifier: BSD-3-Clause */
/* cell.c - a process for work on untrusted bytes; see cell.h. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "libimage/base/cleanup.h"
#include "libimage/base/err.h"
#include "libimage/base/fd.h"
#include "libimage/base/filter.h"
#include "libimage/build/cell.h"

/* What comes back, in one piece: a write of less than PIPE_BUF is whole. */
struct answer {
	int rc;
	struct berth_err err;
	_Alignas(max_align_t) uint8_t reply[CELL_REPLY_MAX]; /* some struct of the caller's */
};
_Static_assert(sizeof(struct answer) <= 4096, "an answer is written in one piece");

/*
 * Files that it has, memory, threads; no name of a file. memfd_create(): what the start-up set is kept in
 * (squash/stream.h). Sorted by filter_install().
 */
static unsigned int allowed[] = {
	SYS_read, SYS_pread64, SYS_readv, SYS_write, SYS_pwrite64, SYS_writev, SYS_lseek, SYS_ftruncate,
	SYS_fadvise64, SYS_close, SYS_fstat, SYS_newfstatat, SYS_memfd_create,
	SYS_futex, SYS_sched_yield, SYS_restart_syscall, SYS_clock_gettime, SYS_clock_nanosleep,
	SYS_brk, SYS_munmap, SYS_mremap, SYS_madvise, SYS_getrandom, SYS_sched_getaffinity,
	SYS_sysinfo, /* qsort() asks how much memory there is */
	SYS_set_robust_list, SYS_rseq, SYS_sigaltstack, SYS_getpid, SYS_gettid,
	SYS_rt_sigaction, SYS_rt_sigprocmask, SYS_rt_sigreturn, SYS_tgkill, /* abort() */
	SYS_exit, SYS_exit_group,
};
static const unsigned int allowed_data[] = { SYS_mmap, SYS_mprotect };
static const struct filter_one allowed_one[] = {
	{ SYS_prlimit64, 0, 0 },	   /* a thread asks for its stack's size */
	{ SYS_fcntl, 1, F_DUPFD_CLOEXEC },
	{ SYS_fcntl, 1, F_GETFL },
};

enum {
	/*
	 * LIMIT: address space, MiB: a tree of 10^7 entries, the compressors' states, and what malloc reserves
	 * for threads without using it.
	 */
	CELL_SPACE_MIB = 8192,
	/*
	 * LIMIT: bytes of a file, MiB: twice what flat.h lets an image hold. One that was taken over cannot make
	 * one of 8 EiB, all holes, that its parent then hashes for years.
	 */
	CELL_FILE_MIB = 2 << 20,
};

static int by_number(const void *a, const void *b)
{
	return *(const int *)a - *(const int *)b;
}

/* Close all but 'keep', which is sorted here, and the first three. */
static int close_others(int *keep, size_t n, struct berth_err *err)
{
	unsigned int from = 3;

	qsort(keep, n, sizeof(*keep), by_number);
	for (size_t i = 0; i <= n; i++) {
		unsigned int to = i < n ? (unsigned int)keep[i] : UINT32_MAX;

		if (i < n && to < from)
			continue;
		if ((i == n || to > from) && syscall(SYS_close_range, from, i < n ? to - 1 : to, 0) < 0)
			return berth_fail(err, BERTH_ESYS, errno, "cannot close descriptors");
		from = to + 1;
	}
	return 0;
}

/*
 * The first three are the caller's: a terminal that obeys escape sequences, a pipe to a program that takes
 * what comes for our report, a password that is being typed.
 */
static int close_first(struct berth_err *err)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	/* A sanitizer reports on the third. */
	for (int fd = 0; null >= 0 && fd <= (FILTER_SANITIZED ? STDOUT_FILENO : STDERR_FILENO); fd++)
		if (dup2(null, fd) < 0)
			null = -1;
	return null < 0 ? berth_fail(err, BERTH_ESYS, errno, "cannot open '/dev/null'") : 0;
}

/* What the user has set lower stays as it is. */
static void lower(__rlimit_resource_t what, rlim_t mib)
{
	struct rlimit l;

	if (getrlimit(what, &l) < 0)
		return;
	if (l.rlim_cur > mib << 20)
		l.rlim_cur = mib << 20;
	l.rlim_max = l.rlim_cur;
	(void)setrlimit(what, &l);
}

static int shut_in(pid_t parent, struct berth_err *err)
{
	const struct filter_rules rules = {
		.allowed = allowed, .nallowed = ARRAY_SIZE(allowed),
		.data = allowed_data, .ndata = ARRAY_SIZE(allowed_data),
		.one = allowed_one, .none = ARRAY_SIZE(allowed_one),
	};
	const struct rlimit none = { 0, 0 };

	/* Whoever started it sees to Ctrl-C and the like, and it ends with him. */
	(void)signal(SIGINT, SIG_IGN);
	(void)signal(SIGTERM, SIG_IGN);
	(void)signal(SIGHUP, SIG_IGN);
	(void)signal(SIGPIPE, SIG_IGN);
	(void)signal(SIGXFSZ, SIG_IGN);
	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0 ||
	    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || setrlimit(RLIMIT_CORE, &none) < 0)
		return berth_fail(err, BERTH_ESYS, errno, "cannot shut the converter in");
	if (getppid() != parent)
		return berth_fail(err, BERTH_ESYS, ESRCH, "cannot shut the converter in");
	lower(RLIMIT_FSIZE, CELL_FILE_MIB);
	if (!FILTER_SANITIZED) /* ASan's shadow takes terabytes */
		lower(RLIMIT_AS, CELL_SPACE_MIB);
	return filter_install(&rules, err);
}

static _Noreturn void inside(cell_work work, void *arg, int *keep, size_t nkeep, int reply_fd, pid_t parent)
{
	struct answer a = { .rc = -1, .err = BERTH_ERR_INIT };

	if (close_first(&a.err) == 0 && close_others(keep, nkeep, &a.err) == 0 && shut_in(parent, &a.err) == 0)
		a.rc = work(arg, a.reply, &a.err);
	_exit(fd_write_full(reply_fd, &a, sizeof(a)) < 0);
}

int cell_start(struct cell *c, cell_work work, void *arg, const int *keep, size_t nkeep, size_t reply_size,
	       struct berth_err *err)
{
	cleanup_free int *all = calloc(nkeep + 1, sizeof(*all));
	cleanup_close int out = -1;
	pid_t parent = getpid();
	int p[2];

	if (!all || nkeep > CELL_KEEP_MAX || reply_size > CELL_REPLY_MAX)
		return berth_fail(err, all ? BERTH_EBUG : BERTH_ESYS, all ? 0 : ENOMEM, "cannot start a converter");
	for (size_t i = 0; i < nkeep; i++)
		if (keep[i] <= STDERR_FILENO)
			return berth_fail(err, BERTH_EBUG, 0, "a converter keeps none of the first three descriptors");
	if (pipe2(p, O_CLOEXEC) < 0)
		return berth_fail(err, BERTH_ESYS, errno, "cannot start a converter");
	c->reply_fd = p[0];
	out = p[1];
	if (nkeep > 0)
		memcpy(all, keep, nkeep * sizeof(*all));
	all[nkeep] = out;
	c->pid = fork();
	if (c->pid == 0)
		inside(work, arg, all, nkeep + 1, out, parent);
	if (c->pid < 0) {
		berth_fail(err, BERTH_ESYS, errno, "cannot start a converter");
		cell_done(c);
		return -1;
	}
	/* KERNEL: of a child that was not waited for: its number cannot be another's. */
	c->pidfd = (int)syscall(SYS_pidfd_open, c->pid, 0);
	if (c->pidfd < 0) {
		berth_fail(err, BERTH_ESYS, errno, "cannot watch the converter");
		cell_done(c);
		return -1;
	}
	return 0;
}

bool cell_ended(const struct cell *c)
{
	struct pollfd p = { .fd = c->pidfd, .events = POLLIN };

	return c->pidfd >= 0 && poll(&p, 1, 0) > 0;
}

static int reap(struct cell *c)
{
	int status = 0;

	while (c->pid > 0 && waitpid(c->pid, &status, 0) < 0 && errno == EINTR)
		;
	c->pid = -1;
	cleanup_close_fn(&c->pidfd);
	return status;
}

/*
 * What there is of an answer, or of the start of one: bytes in *ret_n. One that was taken over may send half
 * of it and wait. false: the caller does not want it any more.
 */
static bool read_answer(const struct cell *c, int cancel_fd, struct answer *a, size_t *ret_n)
{
	struct pollfd p[] = {
		{ .fd = c->reply_fd, .events = POLLIN }, { .fd = cancel_fd, .events = POLLIN },
	};

	for (*ret_n = 0; *ret_n < sizeof(*a);) {
		ssize_t n;

		if (poll(p, ARRAY_SIZE(p), -1) < 0) {
			if (errno == EINTR)
				continue;
			return true;
		}
		if (p[1].revents & POLLIN)
			return false;
		n = read(c->reply_fd, (char *)a + *ret_n, sizeof(*a) - *ret_n);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return true;
		*ret_n += (size_t)n;
	}
	return true;
}

int cell_wait(struct cell *c, int cancel_fd, void *reply, size_t reply_size, struct berth_err *err)
{
	struct answer a = { .rc = -1, .err = BERTH_ERR_INIT };
	size_t n;
	int status;

	if (!read_answer(c, cancel_fd, &a, &n)) {
		cell_done(c);
		return berth_fail(err, BERTH_ESYS, EINTR, "the conversion was ended");
	}
	/*
	 * Nothing is left for it to do, and it must not write to its files any more.
	 * KERNEL: the status of one that is dying of something else already does not change.
	 */
	(void)kill(c->pid, SIGKILL);
	status = reap(c);
	cleanup_close_fn(&c->reply_fd);
	if (n != sizeof(a)) {
		if (!WIFSIGNALED(status))
			return berth_fail(err, BERTH_EBUG, 0, "the converter ended without an answer");
		if (WTERMSIG(status) == SIGKILL)
			return berth_fail(err, BERTH_ESYS, 0, "the converter was killed, perhaps for want of memory");
		return berth_fail(err, BERTH_EIMAGE, 0, "the converter died of what it read (signal %d)",
				  WTERMSIG(status));
	}
	if (a.rc != 0) {
		*err = a.err;
		/* as it may have been made up */
		err->text[sizeof(err->text) - 1] = '\0';
		err->hint[sizeof(err->hint) - 1] = '\0';
		if (err->code <= BERTH_OK || err->code >= BERTH_ECODES)
			err->code = BERTH_EBUG;
		return -1;
	}
	memcpy(reply, a.reply, reply_size);
	return 0;
}

void cell_done(struct cell *c)
{
	if (c->pid > 0) {
		(void)kill(c->pid, SIGKILL);
		(void)reap(c);
	}
	cleanup_close_fn(&c->reply_fd);
}
