/* SPDX-License-Identifier: BSD-3-Clause */
/* check_fd.c - descriptors (libimage/base/fd.h). */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/wait.h>

#include "libimage/base/cleanup.h"
#include "libimage/base/fd.h"
#include "tests/unit/unit.h"

static char dir[] = "/tmp/check_fd.XXXXXX";
static int root = -1;

static void put(const char *name, const char *text)
{
	cleanup_close int fd = openat(root, name, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(fd_write_full(fd, text, strlen(text)), 0);
}

/*
 * DIR/root is the root; DIR/secret must never be seen through it.
 */
static void setup(void)
{
	cleanup_close int up = -1;

	ck_assert_ptr_nonnull(mkdtemp(dir));
	up = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	root = up;
	put("secret", "outside");
	ck_assert_int_eq(mkdirat(up, "root", 0700), 0);
	root = openat(up, "root", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ck_assert_int_eq(mkdirat(root, "sub", 0700), 0);
	put("secret", "inside");
	ck_assert_int_eq(symlinkat("/secret", root, "abs"), 0);
	ck_assert_int_eq(symlinkat("../secret", root, "up"), 0);
	ck_assert_int_eq(symlinkat("../../../../secret", root, "sub/far"), 0);
	ck_assert_int_eq(symlinkat("/sub", root, "dirlink"), 0);
	ck_assert_int_eq(symlinkat("loop", root, "loop"), 0);
	ck_assert_int_eq(symlinkat("/nowhere", root, "dangling"), 0);
}

static void teardown(void)
{
	char command[64];

	cleanup_close_fn(&root);
	(void)snprintf(command, sizeof(command), "rm -rf %s", dir);
	ck_assert_int_eq(system(command), 0);
}

START_TEST(links_stay_inside)
{
	static const char *const paths[] = {
		"/secret", "secret", "abs", "/abs", "up", "/up", "../secret", "/../../secret",
		"sub/far", "dirlink/far", "sub/../../../secret", "./secret",
	};

	for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
		cleanup_close int fd = fd_open_in_root(root, paths[i], O_RDONLY);
		char buf[16] = "";

		ck_assert_msg(fd >= 0, "%s", paths[i]);
		ck_assert_int_eq(fd_read_full(fd, buf, sizeof(buf) - 1), 6);
		ck_assert_str_eq(buf, "inside");
		ck_assert(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	}
}
END_TEST

START_TEST(refusals_in_root)
{
	char proc[64];

	ck_assert_int_eq(fd_open_in_root(root, "loop", O_RDONLY), -1);
	ck_assert_int_eq(errno, ELOOP);
	ck_assert_int_eq(fd_open_in_root(root, "dangling", O_RDONLY), -1);
	ck_assert_int_eq(errno, ENOENT);
	ck_assert_int_eq(fd_open_in_root(root, "abs", O_RDONLY | O_NOFOLLOW), -1);
	ck_assert_int_eq(errno, ELOOP);
	ck_assert_int_eq(fd_open_in_root(root, "secret/x", O_RDONLY), -1);
	ck_assert_int_eq(errno, ENOTDIR);
	ck_assert_int_eq(fd_open_in_root(root, "", O_RDONLY), -1);
	(void)snprintf(proc, sizeof(proc), "/proc/self/fd/%d", root);
	ck_assert_int_eq(fd_open_in_root(root, proc, O_RDONLY), -1);
}
END_TEST

START_TEST(other_mounts)
{
	cleanup_close int top = -1;
	char path[128];
	int fd;

	if (geteuid() != 0)
		return;
	ck_assert_int_eq(unshare(CLONE_NEWNS), 0);
	ck_assert_int_eq(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
	(void)snprintf(path, sizeof(path), "%s/root", dir);
	top = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	(void)snprintf(path, sizeof(path), "%s/root/sub", dir);
	ck_assert_int_eq(mount("test", path, "tmpfs", 0, NULL), 0);
	fd = fd_open_in_root(top, "sub", O_PATH);
	ck_assert_int_ge(fd, 0);
	(void)close(fd);
	ck_assert_int_eq(fd_open_in_mount(top, "sub", O_PATH), -1);
	ck_assert_int_eq(errno, EXDEV);
	fd = fd_open_in_mount(top, "abs", O_RDONLY);
	ck_assert_int_ge(fd, 0);
	(void)close(fd);
	ck_assert_int_eq(umount2(path, MNT_DETACH), 0);
}
END_TEST

START_TEST(user_and_strict)
{
	char path[128], magic[64];
	int fd;

	(void)snprintf(path, sizeof(path), "%s/root/sub/../up", dir);
	fd = fd_open_user(path, O_RDONLY); /* a host path: the link leads to the outer file */
	ck_assert_int_ge(fd, 0);
	(void)close(fd);
	ck_assert_int_eq(fd_open_strict(path, O_RDONLY), -1);
	ck_assert_int_eq(errno, ELOOP);
	(void)snprintf(path, sizeof(path), "%s/root/dirlink/x", dir);
	ck_assert_int_eq(fd_open_strict(path, O_RDONLY), -1);
	ck_assert_int_eq(errno, ELOOP);
	(void)snprintf(path, sizeof(path), "%s/root/secret", dir);
	fd = fd_open_strict(path, O_RDONLY);
	ck_assert_int_ge(fd, 0);
	(void)close(fd);
	(void)snprintf(magic, sizeof(magic), "/proc/self/fd/%d/secret", root);
	ck_assert_int_eq(fd_open_user(magic, O_RDONLY), -1);
	ck_assert_int_eq(fd_open_user("/proc/self/root", O_RDONLY | O_DIRECTORY), -1);
	ck_assert_int_eq(fd_open_strict("/proc/self/exe", O_RDONLY), -1);
}
END_TEST

START_TEST(whole_reads_and_writes)
{
	char buf[8] = "", big[200000];
	int p[2];
	pid_t pid;

	cleanup_close int fd = openat(root, "rw", O_CREAT | O_RDWR | O_CLOEXEC, 0600);
	ck_assert_int_eq(fd_pwrite_full(fd, "hello", 5, 3), 0);
	ck_assert_int_eq(fd_pread_full(fd, buf, 5, 3), 0);
	ck_assert_str_eq(buf, "hello");
	ck_assert_int_eq(fd_pread_full(fd, buf, 6, 3), -1);
	ck_assert_int_eq(errno, ENODATA);
	ck_assert_int_eq(fd_pread_full(fd, buf, 1, 100), -1);
	ck_assert_int_eq(errno, ENODATA);
	ck_assert_int_eq(fd_pread_full(fd, buf, 0, 100), 0);
	ck_assert_int_eq(fd_pread_full(-1, buf, 1, 0), -1);
	ck_assert_int_eq(errno, EBADF);
	ck_assert_int_eq(fd_read_full(fd, buf, sizeof(buf)), 8);
	ck_assert_int_eq(fd_read_full(fd, buf, sizeof(buf)), 0);
	/* A pipe takes and gives less than asked for. */
	ck_assert_int_eq(pipe2(p, O_CLOEXEC), 0);
	memset(big, 'x', sizeof(big));
	pid = fork();
	if (pid == 0)
		_exit(fd_write_full(p[1], big, sizeof(big)) == 0 ? 0 : 1);
	(void)close(p[1]);
	ck_assert_int_eq(fd_read_full(p[0], big, sizeof(big)), (ssize_t)sizeof(big));
	ck_assert_int_eq(fd_read_full(p[0], big, 1), 0);
	(void)close(p[0]);
}
END_TEST

START_TEST(memfile_is_sealed)
{
	cleanup_close int fd = fd_memfile("x", "hello", 5);
	char buf[8] = "";

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(fd_read_full(fd, buf, sizeof(buf)), 5);
	ck_assert_str_eq(buf, "hello");
	ck_assert_int_eq(fd_pwrite_full(fd, "J", 1, 0), -1);
	ck_assert_int_eq(errno, EPERM);
	ck_assert_int_eq(ftruncate(fd, 0), -1);
	ck_assert_int_eq(ftruncate(fd, 10), -1);
	ck_assert_int_eq(fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL), -1);
	ck_assert_ptr_eq(mmap(NULL, 5, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0), MAP_FAILED);
	ck_assert(fcntl(fd, F_GETFD) & FD_CLOEXEC);
}
END_TEST

/* Held as long as anybody has the descriptor; another's file makes nobody wait. */
START_TEST(holding)
{
	cleanup_close int one = -1, two = -1, held = -1;
	pid_t pid;
	int status;

	put("hold", "x");
	one = openat(root, "hold", O_RDONLY | O_CLOEXEC);
	two = openat(root, "hold", O_RDONLY | O_CLOEXEC);
	held = openat(root, "hold", O_RDONLY | O_CLOEXEC);
	ck_assert_int_eq(flock(two, LOCK_EX | LOCK_NB), 0);
	ck_assert_int_eq(fchmod(one, 0644), 0);
	fd_hold(one); /* returns */
	ck_assert_int_eq(flock(two, LOCK_UN), 0);
	ck_assert_int_eq(fchmod(one, 0600), 0);
	fd_hold(held);
	ck_assert_int_eq(flock(two, LOCK_SH | LOCK_NB), 0);
	pid = fork();
	if (pid == 0) {
		(void)pause();
		_exit(0);
	}
	cleanup_close_fn(&held);
	ck_assert_int_eq(flock(two, LOCK_EX | LOCK_NB), -1);
	ck_assert_int_eq(errno, EWOULDBLOCK);
	ck_assert_int_eq(kill(pid, SIGKILL), 0);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(flock(two, LOCK_EX | LOCK_NB), 0);
	fd_hold(-1);
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("fd");

	tcase_add_unchecked_fixture(tc, setup, teardown);
	tcase_add_test(tc, links_stay_inside);
	tcase_add_test(tc, refusals_in_root);
	tcase_add_test(tc, other_mounts);
	tcase_add_test(tc, user_and_strict);
	tcase_add_test(tc, whole_reads_and_writes);
	tcase_add_test(tc, memfile_is_sealed);
	tcase_add_test(tc, holding);
	return unit_run("fd", tc);
}
