/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * check_squash_write.c - directories to squashfs (libimage/squash/write.h) and to SIF
 * (libimage/build/build.h), compared with what unsquashfs(1) and the kernel make of them.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/xattr.h>

#include "libimage/base/cleanup.h"
#include "libimage/base/err.h"
#include "libimage/base/fd.h"
#include "libimage/base/str.h"
#include "libimage/build/build.h"
#include "libimage/sif/sif.h"
#include "libimage/squash/info.h"
#include "libimage/squash/scan.h"
#include "libimage/squash/write.h"
#include "tests/unit/tree_make.h"
#include "tests/unit/unit.h"

enum { EPOCH = 1500000000, FILES = 300 };

static char top[] = "/tmp/check_squash.XXXXXX";
static int top_fd = -1;
static bool xattrs_work;

/* A tree with one of everything; 'backwards' creates its many files in the other order. */
static int make_tree(const char *name, bool backwards)
{
	static uint8_t data[300000];
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	char text[300];
	int d, s;

	ck_assert_int_eq(mkdirat(top_fd, name, 0750), 0);
	d = openat(top_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	noise(data, sizeof(data));
	ck_assert_int_eq(mkdirat(d, "many", 0755), 0);
	for (int i = 0; i < FILES; i++) {
		int k = backwards ? FILES - 1 - i : i;

		(void)snprintf(text, sizeof(text), "many/%d", k);
		put(d, text, text, strlen(text), 0644);
	}
	put(d, "empty", "", 0, 0600);
	put(d, "setuid", "x", 1, 04755);
	put(d, "noise", data, sizeof(data), 0644);
	put(d, "noise-again", data, sizeof(data), 0644);
	put(d, "one-block", data, 131072, 0444);
	put(d, "block-and-one", data, 131073, 0644);
	memset(text, 'n', 255);
	text[255] = '\0';
	put(d, text, "long", 4, 0644);
	put(d, "caf\xe9\x01\n", "odd", 3, 0644);
	{
		cleanup_close int fd = openat(d, "holes", O_CREAT | O_RDWR | O_CLOEXEC, 0644);

		ck_assert_int_eq(ftruncate(fd, 5LL * 1024 * 1024 * 1024), 0);
		ck_assert_int_eq(fd_pwrite_full(fd, "middle", 6, 3000000000LL), 0);
	}
	ck_assert_int_eq(symlinkat("/etc/shadow", d, "absolute"), 0);
	ck_assert_int_eq(symlinkat("../../..", d, "up"), 0);
	ck_assert_int_eq(linkat(d, "noise", d, "many/hard", 0), 0);
	ck_assert_int_eq(linkat(d, "up", d, "up2", 0), 0);
	ck_assert_int_eq(mkfifoat(d, "fifo", 0640), 0);
	s = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	(void)snprintf(sun.sun_path, sizeof(sun.sun_path), "%s/%s/sock", top, name);
	ck_assert_int_eq(bind(s, (struct sockaddr *)&sun, sizeof(sun)), 0);
	(void)close(s);
	ck_assert_int_eq(mkdirat(d, "a", 0700), 0);
	ck_assert_int_eq(mkdirat(d, "a/b", 01777), 0);
	if (geteuid() == 0)
		ck_assert_int_eq(mknodat(d, "null", S_IFCHR | 0666, makedev(1, 3)), 0);
	(void)snprintf(text, sizeof(text), "%s/%s/noise", top, name);
	xattrs_work = setxattr(text, backwards ? "user.b" : "user.a", backwards ? "2" : "1", 1, 0) == 0 &&
		      setxattr(text, backwards ? "user.a" : "user.b", backwards ? "1" : "2", 1, 0) == 0;
	ck_assert_int_eq(sh("find %s/%s -exec touch -h -d @1600000000 {} +", top, name), 0);
	return d;
}

static void setup(void)
{
	ck_assert_ptr_nonnull(mkdtemp(top));
	top_fd = open(top, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	(void)close(make_tree("d", false));
	(void)close(make_tree("e", true));
}

static void teardown(void)
{
	cleanup_close_fn(&top_fd);
	ck_assert_int_eq(sh("rm -rf %s", top), 0);
}

static int write_to(const char *dir, const char *out, uint64_t at,
		    const struct squash_write_options *opt, struct squash_write_result *res,
		    struct berth_err *err)
{
	cleanup_close int d = openat(top_fd, dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	cleanup_close int o = openat(top_fd, out, O_CREAT | O_TRUNC | O_RDWR | O_CLOEXEC, 0600);

	ck_assert_int_ge(d, 0);
	ck_assert_int_ge(o, 0);
	ck_assert_int_eq(ftruncate(o, (off_t)at), 0);
	return squash_write_dir(d, o, at, opt, res, err);
}

static const struct squash_write_options plain = { .epoch = -1, .keep_devices = true };

START_TEST(same_bytes)
{
	static const struct {
		const char *dir;
		unsigned int workers;
		uint64_t at;
	} rows[] = {
		{ "d", 1, 0 }, { "d", 2, 0 }, { "d", 9, 0 }, { "e", 1, 0 }, { "e", 5, 0 }, { "d", 3, 32768 },
	};
	struct berth_err err = BERTH_ERR_INIT;

	ck_assert_msg(write_to("d", "first", 0, &plain, NULL, &err) == 0, "%s", err.text);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct squash_write_options opt = plain;

		opt.workers = rows[i].workers;
		ck_assert_int_eq(write_to(rows[i].dir, "next", rows[i].at, &opt, NULL, &err), 0);
		ck_assert_msg(sh("cmp -i 0:%d %s/first %s/next", (int)rows[i].at, top, top) == 0, "row %zu",
			      i);
	}
}
END_TEST

/* Everything find(1) can say about both trees, but directories' sizes. */
static void compare(const char *a, const char *b)
{
	static const char list[] = "find . -mindepth 1 -type d -printf '%P|%y|%m|%Ts\\n' -o -mindepth 1 "
				   "-printf '%P|%y|%m|%n|%s|%l|%Ts\\n' | LC_ALL=C sort";

	ck_assert_int_eq(sh("cd '%s' && %s >%s/list.a", a, list, top), 0);
	ck_assert_int_eq(sh("cd '%s' && %s >%s/list.b", b, list, top), 0);
	ck_assert_int_eq(sh("cmp %s/list.a %s/list.b", top, top), 0);
	ck_assert_int_gt(sh("exit $(($(wc -l <%s/list.a) / 10))", top), FILES / 10);
	ck_assert_int_eq(sh("cd '%s' && find . -type f ! -name holes -exec sha256sum {} + | "
			    "(cd '%s' && sha256sum --quiet -c -)", a, b), 0);
	ck_assert_int_eq(sh("cmp -i 2999000000 -n 2000000 '%s'/holes '%s'/holes", a, b), 0);
}

static void check_xattrs(const char *dir)
{
	char path[128], value[8] = "";

	(void)snprintf(path, sizeof(path), "%s/%s/noise", top, dir);
	if (!xattrs_work)
		return;
	ck_assert_int_eq(getxattr(path, "user.a", value, sizeof(value)), 1);
	ck_assert_str_eq(value, "1");
	ck_assert_int_eq(getxattr(path, "user.b", value, sizeof(value)), 1);
	ck_assert_str_eq(value, "2");
}

START_TEST(unsquashfs_agrees)
{
	struct berth_err err = BERTH_ERR_INIT;
	char a[100], b[100];

	if (sh("command -v unsquashfs >/dev/null") != 0)
		return;
	ck_assert_int_eq(write_to("d", "img", 0, &plain, NULL, &err), 0);
	ck_assert_int_eq(sh("cd %s && unsquashfs -q -n -d out img >log 2>&1", top), 0);
	(void)snprintf(a, sizeof(a), "%s/d", top);
	(void)snprintf(b, sizeof(b), "%s/out", top);
	compare(a, b);
	check_xattrs("out");
	ck_assert_int_eq(sh("unsquashfs -lln %s/img | grep -v ' 0/0 ' | grep -q squashfs-root", top), 1);
	ck_assert_int_eq(sh("stat -c %%a %s/out | grep -qx 755", top), 0); /* 750 in the source */
}
END_TEST

START_TEST(kernel_agrees)
{
	struct berth_err err = BERTH_ERR_INIT;
	char a[100], b[100];

	if (geteuid() != 0 || unshare(CLONE_NEWNS) < 0 ||
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return;
	ck_assert_int_eq(write_to("e", "img", 0, &plain, NULL, &err), 0);
	ck_assert_int_eq(mkdirat(top_fd, "mnt", 0700), 0);
	if (sh("mount -t squashfs -o loop,ro %s/img %s/mnt 2>/dev/null", top, top) != 0)
		return; /* no loop devices here */
	(void)snprintf(a, sizeof(a), "%s/e", top);
	(void)snprintf(b, sizeof(b), "%s/mnt", top);
	compare(a, b);
	check_xattrs("mnt");
	/* Two names, one inode; equal files, two inodes; a hole costs nothing. */
	ck_assert_int_eq(sh("cd %s && test noise -ef many/hard && test up -ef up2 && ! test noise -ef noise-again",
			    b), 0);
	ck_assert_int_eq(sh("test $(du -k %s/holes | cut -f1) -lt 200", b), 0);
	ck_assert_int_eq(sh("umount %s", b), 0);
}
END_TEST

START_TEST(options)
{
	struct squash_write_options opt = { .epoch = EPOCH };
	struct berth_err err = BERTH_ERR_INIT;
	struct squash_write_result res;
	struct squash_head head;
	cleanup_close int fd = -1;

	ck_assert_int_eq(write_to("d", "img", 0, &opt, &res, &err), 0);
	ck_assert_uint_eq(res.devices_left_out, geteuid() == 0 ? 1 : 0);
	ck_assert_uint_eq(res.bytes % 4096, 0);
	fd = openat(top_fd, "img", O_RDONLY | O_CLOEXEC);
	ck_assert_int_eq(squash_head_read(fd, 0, &head, &err), 0);
	ck_assert_uint_eq(head.mkfs_time, EPOCH);
	ck_assert_uint_eq(head.inodes, res.inodes);
	ck_assert_str_eq(squash_compressor_name(head.compressor), "zstd");
	ck_assert_int_eq(squash_head_read(fd, 1, &head, &err), -1);
	ck_assert_int_eq(squash_head_read(fd, res.bytes - 95, &head, &err), -1);
	if (sh("command -v unsquashfs >/dev/null") == 0) {
		ck_assert_int_eq(sh("unsquashfs -lln %s/img | grep -c '2017-07-14' | grep -qvx 0", top), 0);
		ck_assert_int_eq(sh("unsquashfs -lln %s/img | grep -q '2020-'", top), 1);
	}
	opt.epoch = -1;
	ck_assert_int_eq(write_to("d", "img2", 0, &opt, &res, &err), 0);
	cleanup_close_fn(&fd);
	fd = openat(top_fd, "img2", O_RDONLY | O_CLOEXEC);
	ck_assert_int_eq(squash_head_read(fd, 0, &head, &err), 0);
	ck_assert_uint_eq(head.mkfs_time, 1600000000); /* the newest file's */
}
END_TEST

START_TEST(too_deep)
{
	struct berth_err err = BERTH_ERR_INIT;
	int fd = -1, before;

	ck_assert_int_eq(mkdirat(top_fd, "deep", 0700), 0);
	fd = openat(top_fd, "deep", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	for (int i = 0; i <= TREE_DEPTH_MAX; i++) {
		int next;

		ck_assert_int_eq(mkdirat(fd, "d", 0700), 0);
		next = openat(fd, "d", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		(void)close(fd);
		fd = next;
	}
	(void)close(fd);
	before = unit_count_fds();
	ck_assert_int_eq(write_to("deep", "img", 0, &plain, NULL, &err), -1);
	ck_assert_ptr_nonnull(strstr(err.text, "d/d/d"));
	ck_assert_int_eq(unit_count_fds(), before);
}
END_TEST

START_TEST(unreadable)
{
	struct berth_err err = BERTH_ERR_INIT;

	ck_assert_int_eq(sh("chmod 755 %s; mkdir -p %s/u; echo >%s/u/key; chmod 0 %s/u/key", top, top, top,
			    top), 0);
	{
		cleanup_close int d = openat(top_fd, "u", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		cleanup_close int o = openat(top_fd, "img", O_CREAT | O_TRUNC | O_RDWR | O_CLOEXEC, 0666);

		if (geteuid() == 0)
			ck_assert_int_eq(setuid(65534), 0);
		ck_assert_int_eq(squash_write_dir(d, o, 0, &plain, NULL, &err), -1);
	}
	ck_assert_int_eq(err.code, BERTH_EDENIED);
	ck_assert_str_eq(err.text, "cannot read './key': Permission denied");
	ck_assert_int_ne(err.hint[0], '\0');
}
END_TEST

START_TEST(full_disk)
{
	struct berth_err err = BERTH_ERR_INIT;
	cleanup_close int d = openat(top_fd, "d", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	cleanup_close int o = open("/dev/full", O_RDWR | O_CLOEXEC);

	ck_assert_int_eq(squash_write_dir(d, o, 0, &plain, NULL, &err), -1);
	ck_assert_int_eq(err.code, BERTH_ESYS);
	ck_assert_int_eq(err.sys, ENOSPC);
}
END_TEST

/* Build the SIF top/out of top/dir; 0 or the error's code. */
static enum berth_code build(const char *dir, const char *out, bool force, struct berth_err *err)
{
	struct build_options opt = { .force = force, .epoch = -1, .keep_devices = true };
	char from[200], to[200];

	(void)snprintf(from, sizeof(from), "%s/%s", top, dir);
	(void)snprintf(to, sizeof(to), "%s/%s", top, out);
	return build_sif_from_dir(from, to, &opt, NULL, err) == 0 ? BERTH_OK : err->code;
}

START_TEST(sif_of_dir)
{
	struct berth_err err = BERTH_ERR_INIT;
	cleanup_close int fd = -1;
	struct squash_head head;
	struct sif_object root;
	struct stat st;
	struct sif s;

	(void)umask(022);
	ck_assert_msg(build("d", "a.sif", false, &err) == BERTH_OK, "%s", err.text);
	ck_assert_int_eq(build("e", "b.sif", false, &err), BERTH_OK);
	ck_assert_int_eq(sh("cmp %s/a.sif %s/b.sif", top, top), 0);
	fd = openat(top_fd, "a.sif", O_RDONLY | O_CLOEXEC);
	ck_assert_int_eq(fstat(fd, &st), 0);
	ck_assert_uint_eq(st.st_mode, S_IFREG | 0755);
	ck_assert_int_eq(sif_open(fd, &s, &err), 0);
	ck_assert_int_eq(sif_find_root(&s, &root, &err), 0);
	ck_assert_uint_eq(root.offset % 4096, 0);
	ck_assert_uint_eq(root.offset + root.size, (uint64_t)st.st_size);
	ck_assert_int_eq(squash_head_read(fd, root.offset, &head, &err), 0);
	/* What is there stays, unless it is told otherwise. */
	ck_assert_int_eq(build("many", "a.sif", true, &err), BERTH_ENOTFOUND);
	ck_assert_int_eq(build("d", "a.sif", false, &err), BERTH_EDENIED);
	ck_assert_int_eq(sh("cmp %s/a.sif %s/b.sif", top, top), 0);
	ck_assert_int_eq(build("d/many", "a.sif", true, &err), BERTH_OK);
	ck_assert_int_eq(sh("cmp -s %s/a.sif %s/b.sif", top, top), 1);
	ck_assert_int_eq(sh("ls -A %s | grep -q '^\\.berth'", top), 1);
}
END_TEST

START_TEST(sif_refusals)
{
	static const struct {
		const char *dir, *out;
		enum berth_code want;
	} rows[] = {
		{ "d", "d", BERTH_EUSAGE }, { "d", "x/", BERTH_EUSAGE }, { "d", ".", BERTH_EUSAGE },
		{ "d", "..", BERTH_EUSAGE }, { "d", "d/fifo", BERTH_EUSAGE }, { "d", "no/x", BERTH_ESYS },
		{ "d", "d/empty/x", BERTH_ESYS }, { "nope", "x", BERTH_ENOTFOUND },
		{ "d/empty", "x", BERTH_EUSAGE },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct berth_err err = BERTH_ERR_INIT;

		ck_assert_msg(build(rows[i].dir, rows[i].out, true, &err) == rows[i].want, "row %zu: %s", i,
			      err.text);
	}
	ck_assert_int_eq(faccessat(top_fd, "x", F_OK, 0), -1);
}
END_TEST

START_TEST(arch_of_tree)
{
	static const struct {
		uint8_t class, data, lo, hi;
		const char *want;
	} rows[] = {
		{ 2, 1, 62, 0, "02" }, { 1, 1, 3, 0, "01" }, { 2, 1, 183, 0, "04" }, { 1, 1, 40, 0, "03" },
		{ 2, 1, 21, 0, "06" }, { 2, 2, 0, 21, "05" }, { 2, 2, 0, 22, "11" }, { 2, 1, 243, 0, "12" },
		{ 2, 1, 2, 1, "13" }, { 2, 1, 8, 0, "10" }, { 1, 2, 0, 8, "07" }, { 2, 1, 99, 9, "00" },
	};
	cleanup_close int d = -1;

	ck_assert_int_eq(sh("mkdir -p %s/r/bin %s/r/usr", top, top), 0);
	d = openat(top_fd, "r", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ck_assert_str_eq(build_arch(d), sif_arch_host());
	ck_assert_int_eq(symlinkat("/bin/real", d, "bin/sh"), 0); /* of the tree, not of the host */
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		uint8_t e[20] = { 0x7f, 'E', 'L', 'F', rows[i].class, rows[i].data };

		e[18] = rows[i].lo;
		e[19] = rows[i].hi;
		put(d, "bin/real", e, sizeof(e), 0755);
		ck_assert_str_eq(build_arch(d), rows[i].want);
	}
	put(d, "bin/real", "#!/bin/x\n", 9, 0755);
	ck_assert_str_eq(build_arch(d), sif_arch_host());
	(void)unlinkat(d, "bin/real", 0);
	ck_assert_int_eq(mkfifoat(d, "bin/real", 0600), 0); /* must not hang */
	ck_assert_str_eq(build_arch(d), sif_arch_host());
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("squash_write");

	tcase_add_unchecked_fixture(tc, setup, teardown);
	tcase_add_test(tc, same_bytes);
	tcase_add_test(tc, unsquashfs_agrees);
	tcase_add_test(tc, kernel_agrees);
	tcase_add_test(tc, options);
	tcase_add_test(tc, too_deep);
	tcase_add_test(tc, unreadable);
	tcase_add_test(tc, full_disk);
	tcase_add_test(tc, sif_of_dir);
	tcase_add_test(tc, sif_refusals);
	tcase_add_test(tc, arch_of_tree);
	return unit_run("squash_write", tc);
}
