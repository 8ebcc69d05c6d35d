/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * check_sandbox.c - what berth-imgfs can still do behind its sandbox, call by call: each child
 * closes itself in and makes one system call. What serving does not need kills it by SIGSYS.
 */
#include "config.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "libimage/base/cleanup.h"
#include "libimage/imgfs/imgfs.h"
#include "tests/unit/unit.h"

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

enum { WORKERS = 2, PAGE = 4096 };

static char path[] = "/", data[64];
static char *const no_args[] = { NULL };
static void *page;

/* Calls that must kill. The numbers beside each are its arguments. */
#define KILLS(call, ...) { #call, SYS_##call, { __VA_ARGS__ } }
#define P(x) ((long)(intptr_t)(x))
static const struct {
	const char *name;
	long nr, arg[6];
} kills[] = {
	/* files */
	KILLS(openat, AT_FDCWD, P(path), O_RDONLY), KILLS(openat2, AT_FDCWD, P(path), P(data), 24),
	KILLS(open_by_handle_at, 0, P(data), 0), KILLS(name_to_handle_at, AT_FDCWD, P(path), P(data), P(data), 0),
	KILLS(memfd_create, P("x"), 0), KILLS(ftruncate, 0, 0), KILLS(unlinkat, AT_FDCWD, P(path), 0),
	KILLS(renameat2, AT_FDCWD, P(path), AT_FDCWD, P(path), 0), KILLS(linkat, AT_FDCWD, P(path), AT_FDCWD, P(path), 0),
	KILLS(symlinkat, P(path), AT_FDCWD, P(path)), KILLS(mkdirat, AT_FDCWD, P(path), 0),
	KILLS(mknodat, AT_FDCWD, P(path), 0, 0), KILLS(readlinkat, AT_FDCWD, P(path), P(data), 64),
	KILLS(faccessat, AT_FDCWD, P(path), 0), KILLS(fchmodat, AT_FDCWD, P(path), 0),
	KILLS(fchownat, AT_FDCWD, P(path), 0, 0, 0), KILLS(utimensat, AT_FDCWD, P(path), P(NULL), 0),
	KILLS(getdents64, 0, P(data), 64), KILLS(statfs, P(path), P(data)), KILLS(pwrite64, 1, P(data), 0, 0),
	KILLS(fallocate, 0, 0, 0, 1), KILLS(setxattr, P(path), P(path), P(data), 0, 0), KILLS(inotify_init1, 0),
	KILLS(fanotify_init, 0, 0), KILLS(chdir, P(path)), KILLS(chroot, P(path)), KILLS(umask, 0),
	KILLS(fcntl, 0, F_GETFL), KILLS(fcntl, 0, F_DUPFD, 0), KILLS(fcntl, 0, F_SETOWN, 1), KILLS(ioctl, 0, 0, 0), KILLS(dup, 0), KILLS(dup3, 0, 9, 0), KILLS(sendfile, 1, 0, 0, 0),
	KILLS(io_setup, 1, P(data)), KILLS(io_uring_setup, 1, P(data)), KILLS(io_uring_enter, 0, 0, 0, 0, 0, 0),
	KILLS(io_uring_register, 0, 0, 0, 0), KILLS(copy_file_range, 0, 0, 1, 0, 0, 0),
	/* sockets and other processes */
	KILLS(socket, AF_UNIX, SOCK_STREAM, 0), KILLS(socketpair, AF_UNIX, SOCK_STREAM, 0, P(data)),
	KILLS(connect, 0, P(data), 0), KILLS(bind, 0, P(data), 0), KILLS(listen, 0, 0), KILLS(accept4, 0, 0, 0, 0),
	KILLS(recvmmsg, 0, P(data), 1, 0, 0), KILLS(pipe2, P(data), 0), KILLS(eventfd2, 0, 0), KILLS(epoll_create1, 0),
	KILLS(kill, 0, 0), KILLS(pidfd_open, 1, 0), KILLS(pidfd_getfd, 0, 0, 0), KILLS(pidfd_send_signal, 0, 0, 0, 0),
	KILLS(ptrace, PTRACE_TRACEME, 0, 0, 0), KILLS(process_vm_readv, 1, P(data), 0, P(data), 0, 0),
	KILLS(process_vm_writev, 1, P(data), 0, P(data), 0, 0), KILLS(kcmp, 1, 1, 0, 0, 0), KILLS(wait4, -1, 0, WNOHANG, 0),
	KILLS(shmget, 0, 0, 0), KILLS(msgget, 0, 0), KILLS(semget, 0, 0, 0), KILLS(mq_open, P(path), 0, 0, 0),
	KILLS(keyctl, 0, 0, 0, 0, 0), KILLS(add_key, P(path), P(path), P(data), 0, 0), KILLS(userfaultfd, 0),
	KILLS(perf_event_open, P(data), 0, -1, -1, 0), KILLS(bpf, 0, P(data), 0),
	/* another program, another process */
	KILLS(execve, P(path), P(no_args), P(no_args)), KILLS(execveat, AT_FDCWD, P(path), P(no_args), P(no_args), 0),
	KILLS(clone, SIGCHLD, 0, 0, 0, 0), KILLS(clone, CLONE_VM | CLONE_VFORK | SIGCHLD, 0, 0, 0, 0),
	KILLS(clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0),
	KILLS(clone, CLONE_VM | CLONE_SIGHAND | CLONE_THREAD | CLONE_NEWNS, 0, 0, 0, 0),
	KILLS(clone, CLONE_VM | CLONE_SIGHAND | CLONE_THREAD | CLONE_UNTRACED, 0, 0, 0, 0),
	/* rights, limits, names of its own */
	KILLS(setuid, 0), KILLS(setresuid, 0, 0, 0), KILLS(setgid, 0), KILLS(setgroups, 0, P(data)), KILLS(setfsuid, 0),
	KILLS(capset, P(data), P(data)), KILLS(prctl, PR_SET_DUMPABLE, 1, 0, 0, 0), KILLS(seccomp, 1, 0, P(data)),
	KILLS(prlimit64, 1, RLIMIT_AS, 0, P(data)), KILLS(personality, ADDR_NO_RANDOMIZE), KILLS(setpriority, 0, 0, 0),
	KILLS(sched_setaffinity, 0, 8, P(data)), KILLS(setsid, 0), KILLS(unshare, CLONE_NEWUSER), KILLS(setns, 0, 0),
	KILLS(mount, P(path), P(path), P(path), 0, 0), KILLS(umount2, P(path), 0), KILLS(pivot_root, P(path), P(path)),
	KILLS(fsopen, P(path), 0), KILLS(open_tree, AT_FDCWD, P(path), 0), KILLS(move_mount, 0, P(path), 0, P(path), 0),
	KILLS(swapon, P(path), 0), KILLS(reboot, 0, 0, 0, 0), KILLS(init_module, 0, 0, P(path)), KILLS(syslog, 10, 0, 0),
	KILLS(sethostname, P(path), 1), KILLS(settimeofday, 0, 0), KILLS(acct, P(path)),
	/* executable memory, and memory that others share */
	KILLS(mmap, 0, PAGE, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
	KILLS(mmap, 0, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
	KILLS(mprotect, P(&page), PAGE, PROT_EXEC), KILLS(mprotect, P(&page), PAGE, PROT_READ | PROT_EXEC),
	KILLS(pkey_mprotect, P(&page), PAGE, PROT_EXEC, -1), KILLS(remap_file_pages, 0, 0, 0, 0, 0), KILLS(mlockall, 1),
	/* no such call, today; and one that no machine will have */
	{ "600", 600, { 0 } }, { "-1", -1, { 0 } }, { "2^30", 1 << 30, { 0 } },
};

/* In a child: into the sandbox, as the server does. Exits 70 where that fails. */
static void enter(void)
{
	struct berth_err err = BERTH_ERR_INIT;

	sandbox_signals();
	if (sandbox_drop(&err) < 0 || sandbox_close(&err) < 0 ||
	    sandbox_limit(WORKERS, 1, CACHE_DEFAULT, &err) < 0) {
		(void)fprintf(stderr, "%s\n", err.text);
		_exit(70);
	}
}

static int ended(pid_t pid)
{
	int status;

	ck_assert_int_gt(pid, 0);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	return status;
}

START_TEST(dies)
{
	const long *a = kills[_i].arg;
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		enter();
		(void)syscall(kills[_i].nr, a[0], a[1], a[2], a[3], a[4], a[5]);
		_exit(0);
	}
	status = ended(pid);
	ck_assert_msg(WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS, "%s: status %x", kills[_i].name,
		      (unsigned int)status);
}
END_TEST

/* A call by the numbers of another machine: those of 32 bits are others', and reach other calls. */
START_TEST(other_numbers_die)
{
#if defined(__x86_64__)
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		enter();
		/* i386's getpid: 20, which is writev here */
		__asm__ volatile("int $0x80" : : "a"(20) : "memory", "cc", "r8", "r9", "r10", "r11");
		_exit(0);
	}
	status = ended(pid);
	ck_assert_msg(WIFSIGNALED(status), "i386: status %x", (unsigned int)status);
	pid = fork();
	if (pid == 0) {
		enter();
		(void)syscall(0x40000000 | SYS_getpid); /* x32 */
		_exit(0);
	}
	status = ended(pid);
	ck_assert_msg(WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS, "x32: status %x", (unsigned int)status);
#endif
}
END_TEST

static void *add_one(void *arg)
{
	*(volatile int *)arg += 1;
	return NULL;
}

/* Each step's number is the child's exit status if it fails. */
static int serve_as_the_server_does(const int fds[2])
{
	struct iovec iov = { .iov_base = data, .iov_len = 4 };
	struct stat st;
	volatile int n = 0;
	pthread_t id;
	void *p;

	if (write(fds[1], "abcd", 4) != 4 || read(fds[0], data, 4) != 4)
		return 1;
	if (writev(fds[1], &iov, 1) != 4 || fstat(fds[0], &st) < 0)
		return 2;
	if (pread(fds[0], data, 4, 0) >= 0 || errno != ESPIPE)
		return 3;
	p = malloc(8 << 20);
	if (!p)
		return 4;
	memset(p, 1, 8 << 20);
	p = realloc(p, 32 << 20);
	if (!p)
		return 5;
	free(p);
	if (pthread_create(&id, NULL, add_one, (void *)(uintptr_t)&n) != 0 || pthread_join(id, NULL) != 0 || n != 1)
		return 6;
	/* clone3 is refused, not deadly: libc asks first whether there is one */
	errno = 0;
	if (!SANITIZED && (syscall(SYS_clone3, data, sizeof(data)) >= 0 || errno != ENOSYS))
		return 7;
	if (close(fds[0]) < 0)
		return 8;
	return 0;
}

START_TEST(serving_is_allowed)
{
	int fds[2], status;
	pid_t pid;

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	pid = fork();
	if (pid == 0) {
		enter();
		_exit(serve_as_the_server_does(fds));
	}
	status = ended(pid);
	ck_assert_msg(status == 0, "status %x", (unsigned int)status);
	(void)close(fds[0]);
	(void)close(fds[1]);
}
END_TEST

static void *make_sockets(void *arg)
{
	int fds[2];

	(void)arg;
	(void)!socketpair(AF_UNIX, SOCK_STREAM, 0, fds);
	return NULL;
}

/* A filter that only one thread had would be none. */
START_TEST(a_new_thread_is_inside_too)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		pthread_t id;

		enter();
		(void)pthread_create(&id, NULL, make_sockets, NULL);
		(void)pthread_join(id, NULL);
		_exit(0);
	}
	status = ended(pid);
	ck_assert_msg(WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS, "status %x", (unsigned int)status);
}
END_TEST

static int rights_left(void)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct left[2] = { 0 };
	struct berth_err err = BERTH_ERR_INIT;
	struct rlimit lim;
	bool could;
	int fd;

	could = syscall(SYS_capget, &head, left) == 0 && left[0].effective & 1U << CAP_SETPCAP;
	if (sandbox_drop(&err) < 0 || sandbox_limit(WORKERS, 1, CACHE_DEFAULT, &err) < 0)
		return 70;
	if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1)
		return 1;
	if (prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) != 0)
		return 2;
	if (getrlimit(RLIMIT_CORE, &lim) < 0 || lim.rlim_max != 0)
		return 3;
	/* no files where it was root; else only the filter keeps them away */
	fd = open("/etc/passwd", O_RDONLY);
	if (geteuid() == 0 && fd >= 0)
		return 4;
	/* who could empty it has */
	for (unsigned long cap = 0; could && prctl(PR_CAPBSET_READ, cap, 0, 0, 0) >= 0; cap++)
		if (prctl(PR_CAPBSET_READ, cap, 0, 0, 0) != 0)
			return 7;
	if (syscall(SYS_capget, &head, left) < 0 || left[0].effective || left[0].permitted ||
	    left[0].inheritable || left[1].effective || left[1].permitted || left[1].inheritable)
		return 8;
	if (SANITIZED)
		return 0;
	if (getrlimit(RLIMIT_AS, &lim) < 0 || lim.rlim_max > 1ull << 30)
		return 5;
	/* and it is a limit: more is refused, not killed for */
	if (mmap(NULL, 2ull << 30, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0) != MAP_FAILED)
		return 6;
	return 0;
}

START_TEST(rights_are_gone)
{
	int status;
	pid_t pid = fork();

	if (pid == 0)
		_exit(rights_left());
	status = ended(pid);
	ck_assert_msg(status == 0, "status %x", (unsigned int)status);
}
END_TEST

/* The limit grows with what was asked for, and not beyond what a launcher can ask for. */
START_TEST(memory_follows_the_cache)
{
	struct berth_err err = BERTH_ERR_INIT;
	int status;
	pid_t pid;

	if (SANITIZED)
		return;
	pid = fork();
	if (pid == 0) {
		struct rlimit lim;

		if (sandbox_drop(&err) < 0 || sandbox_limit(IMGFS_FUSE_MAX, IMGFS_SOURCES_MAX, CACHE_MAX, &err) < 0)
			_exit(70);
		if (getrlimit(RLIMIT_AS, &lim) < 0)
			_exit(1);
		_exit(lim.rlim_cur < CACHE_MAX || lim.rlim_cur > 3 * CACHE_MAX);
	}
	status = ended(pid);
	ck_assert_msg(status == 0, "status %x", (unsigned int)status);
}
END_TEST

START_TEST(signals_have_no_effect)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		sandbox_signals();
		for (int s = 1; s <= SIGRTMAX; s++) {
			bool deadly = s == SIGKILL || s == SIGSTOP || s == 32 || s == 33 || s == SIGSEGV || s == SIGBUS ||
				      s == SIGILL || s == SIGFPE || s == SIGABRT;

			if (!deadly && raise(s) != 0)
				_exit(1);
		}
		_exit(0);
	}
	status = ended(pid);
	ck_assert_msg(status == 0, "status %x", (unsigned int)status);
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("sandbox");

	page = &page; /* an address of writable memory */
	if (!SANITIZED) {
		tcase_add_loop_test(tc, dies, 0, ARRAY_SIZE(kills));
		tcase_add_test(tc, other_numbers_die);
		tcase_add_test(tc, a_new_thread_is_inside_too);
	}
	tcase_add_test(tc, serving_is_allowed);
	tcase_add_test(tc, rights_are_gone);
	tcase_add_test(tc, memory_follows_the_cache);
	tcase_add_test(tc, signals_have_no_effect);
	return unit_run("sandbox", tc);
}
