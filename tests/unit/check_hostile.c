/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * check_hostile.c - what the squashfs reader says of the hostile images in the fuzzer's corpus, each
 * wrong in what its name says (tests/fuzz/seeds makes them): that the image is damaged, in which
 * way, and after reading and keeping little.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "libimage/base/cleanup.h"
#include "libimage/base/err.h"
#include "libimage/base/path.h"
#include "libimage/squash/squash.h"
#include "tests/unit/unit.h"

enum {
	READ_LEN = 70000,
	READS_MAX = 60, /* system calls, of the images here that have a few blocks */
	BLOCKS_MAX = 60,
};

static const struct {
	const char *image, *path;
	const char *said; /* part of what is said; NULL: nothing is wrong there */
} rows[] = {
	{ "kinds-gzip", "a", NULL },
	{ "kinds-gzip", "tail", NULL },
	{ "kinds-gzip", "dx", NULL },
	{ "kinds-gzip", "none", "no 'none'" },
	/* a directory below itself: each step costs the same, and who walks is who ends it */
	{ "loop-root", "d/d/d/d/d/d/d/d", NULL },
	{ "loop-below", "a/up/up/up/up/up", NULL },
	{ "loop-twice", "x/x/x", "not sorted" },
	{ "loop-xattr-far", "dx", NULL },
	/* blocks that decompress to more, or less, than they may */
	{ "block-too-large-gzip", "f", "does not decompress" },
	{ "block-too-large-xz", "f", "does not decompress" },
	{ "block-much-too-large-gzip", "f", "does not decompress" },
	{ "block-much-too-large-xz", "f", "does not decompress" },
	{ "block-short-gzip", "f", "has not the size" },
	{ "block-short-xz", "f", "has not the size" },
	{ "meta-too-large-gzip", "", "does not decompress" },
	{ "meta-too-large-xz", "", "does not decompress" },
	{ "meta-8193", "", "a metadata block of 8193 bytes" },
	{ "meta-empty", "", "a metadata block of 0 bytes" },
	{ "meta-garbage", "", "does not decompress" },
	{ "meta-outside", "", "outside" },
	{ "block-flags", "f", "a data block of size 0xffffffff" },
	{ "block-is-table", "f", "has not the size" },
	{ "block-outside", "f", "outside" },
	{ "block-log", "", "its block size" },
	{ "block-1m", "sparse", "has not the size" },
	/* counts and sizes */
	{ "huge-file", "f", "a file of 4611686018427387904 bytes" },
	{ "huge-file-32", "f", "outside" },
	{ "huge-file-list", "f", "outside" },
	{ "huge-sizes", "f", "a data block of size" },
	{ "huge-start", "f", "outside" },
	{ "huge-start-wraps", "f", "outside" },
	{ "huge-count-fragments", "", "outside" },
	{ "huge-count-ids", "", "outside" },
	{ "huge-count-inodes", "a", NULL }, /* nobody asks how many there are */
	{ "huge-count-xattrs", "", "outside" },
	{ "huge-count-xattr-set", "tail", "a set of 4294967295 attributes" },
	{ "huge-xattr-name", "tail", "name of 65535 bytes" },
	{ "huge-xattr-value", "tail", "an attribute of 4294967295 bytes" },
	{ "huge-xattr-values", "tail", NULL },
	{ "xattr-outside", "tail", "outside" },
	{ "huge-dir", "", "outside" },
	{ "huge-index", "", "outside" },
	{ "huge-index-name", "", "a long name" },
	{ "index-outside", "f", "outside" },
	{ "huge-run-255", "", "entry of type" },
	{ "huge-run-256", "", "a run of 256 entries" },
	{ "huge-run-4294967295", "", "a run of 4294967295 entries" },
	/* cut, and tables in each other's places */
	{ "truncated-half", "", "cut short" },
	{ "truncated-one", "", "cut short" },
	{ "truncated-super", "", "too short" },
	{ "used-all", "", "cut short" },
	{ "overlap-inode-dir", "", "does not decompress" },
	{ "overlap-backwards", "", "outside" },
	{ "overlap-same", "", "outside" },
	{ "overlap-super", "", "out of order" },
	{ "overlap-id-super", "", "outside" },
	{ "overlap-xattr-data", "", "outside" },
	{ "overlap-pointers", "f", NULL }, /* odd, but all there */
	/* references, names, links, fragments */
	{ "root-outside", "", "outside" },
	{ "root-is-file", "f", "a directory is none" },
	{ "id-outside", "", "owner 1 of 1" },
	{ "kind-unknown", "f", "inode type 0" },
	{ "kind-unknown", "g", "inode type 15" },
	{ "kind-other", "z", "outside" },
	{ "kind-no-link", "m", NULL }, /* the inode's kind counts */
	{ "name-slash", "", "may not be named" },
	{ "name-dot", "", "may not be named" },
	{ "name-dotdot", "", "may not be named" },
	{ "name-nul", "", "may not be named" },
	{ "name-256", "", NULL },
	{ "name-257", "", "a name of 257 bytes" },
	{ "name-newline", "", NULL },
	{ "name-unsorted", "", "not sorted" },
	{ "link-4095", "m", NULL },
	{ "link-4096", "m", "a link of 4096 bytes" },
	{ "link-huge", "m", "a link of 4294967295 bytes" },
	{ "link-empty", "m", "a link of 0 bytes" },
	{ "link-nul", "m", "has a NUL" },
	{ "link-past", "m", "outside" },
	{ "fragment-beyond", "f", "has not the size" },
	{ "fragment-number", "f", "fragment 5 of 1" },
	{ "fragment-offset", "f", "has not the size" },
	{ "fragment-outside", "f", "outside" },
	{ "fragment-sparse", "f", "a fragment of size 0x0" },
};

static int ignore_entry(void *arg, const struct squash_dirent *ent)
{
	(void)arg;
	(void)ent;
	return 0;
}

static int ignore_attr(void *arg, const char *name, size_t value_len)
{
	(void)arg;
	(void)name;
	(void)value_len;
	return 0;
}

/* All that can be asked of one inode. */
static int use(struct squash_worker *w, const struct squash_inode *o, struct berth_err *err)
{
	static uint8_t buf[READ_LEN];
	char target[PATH_MAX];

	if (squash_xattr_list(w, o, ignore_attr, NULL, err) < 0)
		return -1;
	if (S_ISDIR(o->mode))
		return squash_list(w, o, 0, ignore_entry, NULL, err);
	if (S_ISLNK(o->mode))
		return squash_readlink(w, o, target, err) < 0 ? -1 : 0;
	if (!S_ISREG(o->mode))
		return 0;
	if (squash_read(w, o, 0, buf, sizeof(buf), err) < 0 || squash_read(w, o, o->size - 1, buf, 1, err) < 0)
		return -1;
	return 0;
}

static int walk(struct squash_worker *w, struct squash *fs, const char *path, struct berth_err *err)
{
	struct squash_dirent ent;
	struct squash_inode o;
	char copy[256], *save = NULL;

	(void)snprintf(copy, sizeof(copy), "%s", path);
	if (squash_inode_get(w, fs, squash_info(fs)->root, &o, err) < 0)
		return -1;
	for (const char *name = strtok_r(copy, "/", &save); name; name = strtok_r(NULL, "/", &save)) {
		int rc = squash_lookup(w, &o, name, &ent, err);

		if (rc <= 0)
			return rc < 0 ? -1 : berth_fail(err, BERTH_ENOTFOUND, ENOENT, "no '%s'", name);
		if (squash_inode_get(w, fs, ent.ref, &o, err) < 0)
			return -1;
	}
	return use(w, &o, err);
}

static int try_image(int fd, uint64_t size, const char *path, struct berth_err *err)
{
	struct squash_worker *w;
	struct squash_stats st;
	struct squash *fs;
	int rc;

	if (squash_open(fd, 0, size, &fs, err) < 0)
		return -1;
	ck_assert_int_eq(squash_share(&fs, 1, 0, 1, err), 0);
	ck_assert_int_eq(squash_worker_new(&fs, 1, &w, err), 0);
	rc = walk(w, fs, path, err);
	squash_stats(fs, &st);
	squash_worker_free(w);
	squash_close(fs);
	ck_assert_uint_le(st.reads, READS_MAX);
	ck_assert_uint_le(st.unpacked, BLOCKS_MAX);
	return rc;
}

START_TEST(hostile)
{
	cleanup_free char *path = path_join(FUZZ_CORPUS, rows[_i].image);
	cleanup_close int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	struct berth_err err = BERTH_ERR_INIT;
	struct stat st;
	int rc;

	ck_assert_msg(fd >= 0 && fstat(fd, &st) == 0, "%s: %s", rows[_i].image, strerror(errno));
	rc = try_image(fd, (uint64_t)st.st_size, rows[_i].path, &err);
	if (!rows[_i].said) {
		ck_assert_msg(rc == 0, "%s: %s", rows[_i].image, err.text);
		return;
	}
	ck_assert_msg(rc < 0, "%s '%s': nothing is wrong", rows[_i].image, rows[_i].path);
	ck_assert_msg(err.code == BERTH_EIMAGE || err.code == BERTH_ENOTFOUND, "%s: %s", rows[_i].image, err.text);
	ck_assert_msg(strstr(err.text, rows[_i].said) != NULL, "%s '%s': %s", rows[_i].image, rows[_i].path,
		      err.text);
}
END_TEST

/* 4,000 sets of one attribute of 64 KiB, each of which would be walked over to see its name. */
START_TEST(any_attribute)
{
	cleanup_close int fd = open(FUZZ_CORPUS "/huge-xattr-values", O_RDONLY | O_CLOEXEC);
	struct berth_err err = BERTH_ERR_INIT;
	struct squash_worker *w;
	struct squash_stats s;
	struct squash *fs;
	struct stat st;

	ck_assert(fd >= 0 && fstat(fd, &st) == 0);
	ck_assert_int_eq(squash_open(fd, 0, (uint64_t)st.st_size, &fs, &err), 0);
	ck_assert_int_eq(squash_share(&fs, 1, 0, 1, &err), 0);
	ck_assert_int_eq(squash_worker_new(&fs, 1, &w, &err), 0);
	ck_assert_uint_eq(squash_info(fs)->xattr_sets, 4000);
	ck_assert_int_eq(squash_xattr_any(w, fs, "user.", &err), 1); /* it gives up */
	squash_stats(fs, &s);
	ck_assert_uint_le(s.cache_hits + s.cache_misses, 2000);
	squash_worker_free(w);
	squash_close(fs);
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("hostile");

	tcase_add_loop_test(tc, hostile, 0, ARRAY_SIZE(rows));
	tcase_add_test(tc, any_attribute);
	return unit_run("hostile", tc);
}
