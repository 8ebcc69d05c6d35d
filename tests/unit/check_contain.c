/* SPDX-License-Identifier: BSD-3-Clause */
/* check_contain.c - the directories of a contained room, as far as they need no rights. */
#include "config.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "launcher/room/contain.h"
#include "libimage/base/cleanup.h"
#include "libimage/base/err.h"
#include "tests/unit/unit.h"

static char dir[PATH_MAX];
static int dir_fd;

static void setup(void)
{
	const char *base = getenv("TMPDIR");

	(void)snprintf(dir, sizeof(dir), "%s/check_contain.XXXXXX", base ? base : "/tmp");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ck_assert_int_ge(dir_fd, 0);
	(void)umask(022);
}

static void teardown(void)
{
	char command[PATH_MAX + 16];

	(void)close(dir_fd);
	(void)snprintf(command, sizeof(command), "rm -rf '%s'", dir);
	ck_assert_int_eq(system(command), 0);
}

static unsigned int mode_of(const char *name)
{
	struct stat st;

	return fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 ? (unsigned int)st.st_mode : 0;
}

START_TEST(empty)
{
	struct berth_err err = BERTH_ERR_INIT;
	cleanup_close int a = contain_empty(dir_fd, "a", 01777, &err), b = contain_empty(dir_fd, "b", 0700, &err);

	ck_assert_int_ge(a, 0);
	ck_assert_int_ge(b, 0);
	ck_assert_uint_eq(mode_of("a"), S_IFDIR | 01777); /* whatever the umask */
	ck_assert_uint_eq(mode_of("b"), S_IFDIR | 0700);
	ck_assert_int_eq(contain_empty(dir_fd, "a", 0700, &err), -1); /* never one that was there */
	ck_assert_int_eq(symlinkat("a", dir_fd, "link"), 0);
	ck_assert_int_eq(contain_empty(dir_fd, "link", 0700, &err), -1);
	ck_assert_uint_eq(mode_of("a"), S_IFDIR | 01777);
}
END_TEST

START_TEST(small_dev)
{
	struct berth_err err = BERTH_ERR_INIT;
	cleanup_close int fd = contain_dev(dir_fd, &err);
	char to[32] = "";

	ck_assert_int_ge(fd, 0);
	ck_assert_uint_eq(mode_of("dev"), S_IFDIR | 0755);
	ck_assert_int_eq(readlinkat(dir_fd, "dev/ptmx", to, sizeof(to) - 1), 8);
	ck_assert_str_eq(to, "pts/ptmx");
	ck_assert_uint_eq(mode_of("dev/stderr"), S_IFLNK | 0777);
}
END_TEST

START_TEST(point)
{
	struct berth_err err = BERTH_ERR_INIT;

	ck_assert_int_eq(contain_point(dir_fd, "a/b/c", true, &err), 0);
	ck_assert_uint_eq(mode_of("a/b/c"), S_IFDIR | 0755);
	ck_assert_int_eq(contain_point(dir_fd, "a/b/f", false, &err), 0);
	ck_assert_uint_eq(mode_of("a/b/f"), S_IFREG | 0644);
	/* there already */
	ck_assert_int_eq(contain_point(dir_fd, "a/b/c", true, &err), 0);
	ck_assert_int_eq(contain_point(dir_fd, "a/b/f", false, &err), 0);
	ck_assert_int_eq(contain_point(dir_fd, "a/b", false, &err), 0); /* the bind will complain */
	/* a FIFO is neither opened nor replaced */
	ck_assert_int_eq(mkfifoat(dir_fd, "fifo", 0600), 0);
	ck_assert_int_eq(contain_point(dir_fd, "fifo", false, &err), 0);
	ck_assert_uint_eq(mode_of("fifo"), S_IFIFO | 0600);
	/* what an earlier program left as a link leads nowhere */
	ck_assert_int_eq(symlinkat("a", dir_fd, "link"), 0);
	ck_assert_int_eq(contain_point(dir_fd, "link/new", true, &err), -1);
	ck_assert_int_eq(contain_point(dir_fd, "link", true, &err), -1);
	ck_assert_uint_eq(mode_of("a/new"), 0);
	ck_assert_int_eq(contain_point(dir_fd, "a/b/f/new", true, &err), -1);
	ck_assert_uint_eq(mode_of("link"), S_IFLNK | 0777);
}
END_TEST

START_TEST(kept)
{
	struct berth_err err = BERTH_ERR_INIT;
	char path[PATH_MAX + 32];
	cleanup_close int a = -1, b = -1, c = -1, d = -1;

	(void)snprintf(path, sizeof(path), "%s/v/w", dir);
	ck_assert_int_ge(a = contain_kept(path, "tmp", 01777, &err), 0);
	ck_assert_uint_eq(mode_of("v/w"), S_IFDIR | 0755);
	ck_assert_uint_eq(mode_of("v/w/tmp"), S_IFDIR | 01777);
	ck_assert_int_ge(b = contain_kept(path, "tmp", 0700, &err), 0); /* there: as it is */
	ck_assert_uint_eq(mode_of("v/w/tmp"), S_IFDIR | 01777);
	ck_assert_int_ge(c = contain_kept(path, "scratch/a/b", 0700, &err), 0);
	ck_assert_uint_eq(mode_of("v/w/scratch/a/b"), S_IFDIR | 0700);
	/* the directory itself may be behind a link, nothing below it */
	ck_assert_int_eq(symlinkat("v/w", dir_fd, "link"), 0);
	ck_assert_int_eq(symlinkat("..", dir_fd, "v/w/up"), 0);
	(void)snprintf(path, sizeof(path), "%s/link", dir);
	ck_assert_int_ge(d = contain_kept(path, "home", 0700, &err), 0);
	ck_assert_uint_eq(mode_of("v/w/home"), S_IFDIR | 0700);
	ck_assert_int_eq(contain_kept(path, "up", 0700, &err), -1);
	ck_assert_int_eq(contain_kept(path, "up/x", 0700, &err), -1);
	ck_assert_uint_eq(mode_of("v/x"), 0);
	ck_assert_int_eq(err.code, BERTH_EDENIED);
	ck_assert_str_ne(err.hint, "");
	ck_assert_int_eq(symlinkat("nowhere", dir_fd, "dangling"), 0);
	(void)snprintf(path, sizeof(path), "%s/dangling", dir);
	ck_assert_int_eq(contain_kept(path, "home", 0700, &err), -1);
	ck_assert_int_eq(contain_kept("/proc/self/w", "home", 0700, &err), -1);
}
END_TEST

/* An arm that has no such calls, as the opener's under Slurm. */
START_TEST(not_under_slurm)
{
	static const enum plan_kind kinds[] = { PLAN_NODE, PLAN_SHM, PLAN_PTS };
	struct plan_mount m = { .kind = kinds[_i], .target = dir };
	const struct arm arm = { 0 };
	struct berth_err err = BERTH_ERR_INIT;

	ck_assert_int_eq(contain_attach(&arm, &m, dir_fd, dir_fd, &err), -1);
	ck_assert_int_eq(err.code, BERTH_EBUG);
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("contain");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, empty);
	tcase_add_test(tc, small_dev);
	tcase_add_test(tc, point);
	tcase_add_test(tc, kept);
	tcase_add_loop_test(tc, not_under_slurm, 0, 3);
	return unit_run("contain", tc);
}
