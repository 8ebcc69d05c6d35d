/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * check_kernel_mount.c - which images the kernel's driver may see: root's own, and no others.
 *
 * Needs root, for files of several owners: on a tmpfs in a mount namespace of each case's own.
 * As another user there is nothing to check.
 */
#include "config.h"

#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "launcher/priv/kernel_mount.h"
#include "libimage/base/cleanup.h"
#include "tests/unit/unit.h"

#define TOP "/mnt"
#define DIR_PATH TOP "/images"
#define FILE_PATH DIR_PATH "/x.sif"

enum { OTHER = 12345 };

static void nothing(void)
{
}

static void file_of_other(void)
{
	ck_assert_int_eq(chown(FILE_PATH, OTHER, 0), 0);
}

static void file_group_writable(void)
{
	ck_assert_int_eq(chmod(FILE_PATH, 0664), 0);
}

static void file_world_writable(void)
{
	ck_assert_int_eq(chmod(FILE_PATH, 0646), 0);
}

static void two_links(void)
{
	ck_assert_int_eq(link(FILE_PATH, DIR_PATH "/y.sif"), 0);
}

static void dir_of_other(void)
{
	ck_assert_int_eq(chown(DIR_PATH, OTHER, 0), 0);
}

static void dir_sticky(void)
{
	ck_assert_int_eq(chmod(DIR_PATH, 01777), 0);
}

static void top_of_other(void)
{
	ck_assert_int_eq(chown(TOP, OTHER, 0), 0);
}

static void replaced(void)
{
	int fd = open(TOP "/new", O_WRONLY | O_CREAT | O_CLOEXEC, 0644);

	ck_assert_int_ge(fd, 0);
	cleanup_close_fn(&fd);
	ck_assert_int_eq(rename(TOP "/new", FILE_PATH), 0);
}

static void removed(void)
{
	ck_assert_int_eq(unlink(FILE_PATH), 0);
}

static void covered(void)
{
	ck_assert_int_eq(mount("cover", DIR_PATH, "tmpfs", 0, "mode=0755"), 0);
}

/* The descriptor stays open until the case's process ends. */
static void has_writer(void)
{
	ck_assert_int_ge(open(FILE_PATH, O_WRONLY | O_CLOEXEC), 0);
}

static void is_mapped(void)
{
	int fd = open(FILE_PATH, O_RDWR | O_CLOEXEC);

	ck_assert_int_eq(ftruncate(fd, 4096), 0);
	ck_assert_ptr_ne(mmap(NULL, 4096, PROT_WRITE, MAP_SHARED, fd, 0), MAP_FAILED);
	cleanup_close_fn(&fd);
}

static void had_writer(void)
{
	int fd = open(FILE_PATH, O_WRONLY | O_CLOEXEC);

	cleanup_close_fn(&fd);
}

static const struct {
	void (*change)(void); /* once the image is open */
	bool allowed;
	const char *what;
} cases[] = {
	{ nothing, true, "root's file in root's directories" },
	{ had_writer, true, "written and closed" },
	{ has_writer, false, "open for writing" },
	{ is_mapped, false, "mapped for writing" },
	{ file_of_other, false, "a user's file" },
	{ file_group_writable, false, "group-writable" },
	{ file_world_writable, false, "world-writable" },
	{ two_links, false, "a second link, maybe elsewhere" },
	{ dir_of_other, false, "a user's directory" },
	{ dir_sticky, false, "a directory as /tmp is" },
	{ top_of_other, false, "a user's directory further up" },
	{ replaced, false, "another file has its name" },
	{ removed, false, "it has no name" },
	{ covered, false, "another file system lies over its name" },
};

static int image_open(int flags)
{
	int fd;

	ck_assert_int_eq(unshare(CLONE_NEWNS), 0);
	ck_assert_int_eq(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
	ck_assert_int_eq(mount("test", TOP, "tmpfs", 0, "mode=0755"), 0);
	ck_assert_int_eq(mkdir(DIR_PATH, 0755), 0);
	fd = open(FILE_PATH, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(fchmod(fd, 0644), 0);
	cleanup_close_fn(&fd);
	fd = open(FILE_PATH, flags | O_CLOEXEC);
	ck_assert_int_ge(fd, 0);
	return fd;
}

START_TEST(allowed)
{
	cleanup_close int fd = image_open(O_RDONLY);

	cases[_i].change();
	ck_assert_msg(kernel_mount_allowed(fd) == cases[_i].allowed, "%s", cases[_i].what);
}
END_TEST

START_TEST(path_only)
{
	cleanup_close int fd = image_open(O_PATH);

	ck_assert(!kernel_mount_allowed(fd));
}
END_TEST

START_TEST(no_file)
{
	cleanup_close int dir = -1, null_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	cleanup_close int fd = image_open(O_RDONLY);

	ck_assert_int_ge(fd, 0);
	dir = open(DIR_PATH, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ck_assert(!kernel_mount_allowed(dir));
	ck_assert(!kernel_mount_allowed(null_fd));
	ck_assert(!kernel_mount_allowed(-1));
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("kernel_mount");

	if (geteuid() != 0)
		return 77;
	tcase_add_loop_test(tc, allowed, 0, ARRAY_SIZE(cases));
	tcase_add_test(tc, path_only);
	tcase_add_test(tc, no_file);
	return unit_run("kernel_mount", tc);
}
