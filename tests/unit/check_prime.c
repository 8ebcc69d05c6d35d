/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * check_prime.c - the thread that primes a start (launcher/room/prime.h): with whose strings, with
 * which rights, and which files it opens.
 *
 * What it calls is replaced where it can be seen: pthread_create() makes it wait for the caller;
 * posix_fadvise() notes what is asked for. Needs root, to have rights and mounts.
 */
#include "config.h"

#include <check.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sched.h>
#include <stddef.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "launcher/room/prime.h"
#include "libimage/base/cleanup.h"
#include "tests/unit/unit.h"

#define TOP "/mnt"

enum { TRIES = 2000 };

static atomic_bool changed;
static atomic_int asked, with_caps;
static atomic_ulong inode;
static int fds;

static void *(*begin)(void *);

static void *begin_late(void *arg)
{
	while (!changed)
		(void)sched_yield();
	return begin(arg);
}

int pthread_create(pthread_t *id, const pthread_attr_t *attr, void *(*run)(void *), void *arg)
{
	int (*create)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
	void *real = dlsym(RTLD_NEXT, "pthread_create");

	memcpy(&create, &real, sizeof(create));
	begin = run;
	return create(id, attr, begin_late, arg);
}

int posix_fadvise(int fd, off_t at, off_t n, int advice)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct now[_LINUX_CAPABILITY_U32S_3] = { 0 };
	struct stat st = { 0 };

	(void)at;
	(void)n;
	(void)advice;
	if (syscall(SYS_capget, &head, now) < 0 || now[0].permitted || now[1].permitted)
		with_caps++;
	(void)fstat(fd, &st);
	inode = st.st_ino;
	asked++;
	return 0;
}

static int root_open(void)
{
	int fd, root;

	ck_assert_int_eq(unshare(CLONE_NEWNS), 0);
	ck_assert_int_eq(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
	ck_assert_int_eq(mount("test", TOP, "tmpfs", 0, "mode=0755"), 0);
	ck_assert_int_eq(mkdir(TOP "/bin", 0755), 0);
	fd = open(TOP "/bin/prog", O_WRONLY | O_CREAT | O_CLOEXEC, 0755);
	ck_assert_int_ge(fd, 0);
	cleanup_close_fn(&fd);
	root = open(TOP, O_PATH | O_DIRECTORY | O_CLOEXEC);
	ck_assert_int_ge(root, 0);
	fds = unit_count_fds();
	return root;
}

/* The thread closes its descriptor at its end. */
static void wait_end(void)
{
	for (int i = 0; i < TRIES && unit_count_fds() != fds; i++)
		(void)usleep(1000);
	ck_assert_int_eq(unit_count_fds(), fds);
}

static const struct {
	const char *name, *path;
} programs[] = {
	{ "prog", "/none:/bin:/usr" },
	{ "/bin/prog", NULL },
	{ "/bin/prog", "/usr" },
};

START_TEST(own_strings_no_rights)
{
	char name[32], path[32];
	struct prime_program program = { name, programs[_i].path ? path : NULL };
	cleanup_close int root = root_open();
	struct stat st;

	ck_assert_int_eq(stat(TOP "/bin/prog", &st), 0);
	(void)snprintf(name, sizeof(name), "%s", programs[_i].name);
	(void)snprintf(path, sizeof(path), "%s", programs[_i].path ? programs[_i].path : "");
	ck_assert(prime_start(root, &program));
	memset(name, 'x', sizeof(name) - 1);
	memset(path, 'x', sizeof(path) - 1);
	changed = true;
	wait_end();
	ck_assert_int_eq(asked, 1);
	ck_assert_uint_eq(inode, st.st_ino);
	ck_assert_int_eq(with_caps, 0);
}
END_TEST

START_TEST(rights_that_stay)
{
	struct sock_filter refuse[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_capset, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	const struct sock_fprog filter = { .len = ARRAY_SIZE(refuse), .filter = refuse };
	struct prime_program program = { "/bin/prog", NULL };
	cleanup_close int root = root_open();

	ck_assert_int_eq(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter), 0);
	changed = true;
	ck_assert(prime_start(root, &program));
	wait_end();
	ck_assert_int_eq(asked, 0);
}
END_TEST

static void other_mount(void)
{
	ck_assert_int_eq(mount(TOP "/bin", TOP "/bin", NULL, MS_BIND, NULL), 0);
}

static void fifo(void)
{
	ck_assert_int_eq(unlink(TOP "/bin/prog"), 0);
	ck_assert_int_eq(mkfifo(TOP "/bin/prog", 0755), 0);
}

static void directory(void)
{
	ck_assert_int_eq(unlink(TOP "/bin/prog"), 0);
	ck_assert_int_eq(mkdir(TOP "/bin/prog", 0755), 0);
}

static void (*const changes[])(void) = { other_mount, fifo, directory };

START_TEST(not_opened)
{
	struct prime_program program = { "/bin/prog", NULL };
	cleanup_close int root = root_open();

	changes[_i]();
	prime_pages(root, &program);
	ck_assert_int_eq(asked, 0);
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("prime");

	if (geteuid() != 0)
		return 77;
	tcase_add_loop_test(tc, own_strings_no_rights, 0, ARRAY_SIZE(programs));
	tcase_add_test(tc, rights_that_stay);
	tcase_add_loop_test(tc, not_opened, 0, ARRAY_SIZE(changes));
	return unit_run("prime", tc);
}
