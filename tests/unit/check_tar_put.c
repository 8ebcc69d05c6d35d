/* SPDX-License-Identifier: BSD-3-Clause */
/* check_tar_put.c - what is written as a tar and packed, read again by tar.h and inflate.h. */
#include "config.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "libimage/base/cleanup.h"
#include "libimage/base/err.h"
#include "libimage/base/str.h"
#include "libimage/layer/inflate.h"
#include "libimage/layer/pack.h"
#include "libimage/layer/tar.h"
#include "libimage/layer/tar_put.h"
#include "tests/unit/unit.h"

#define N10 "1234567890"
#define N100 N10 N10 N10 N10 N10 N10 N10 N10 N10 N10

struct bytes {
	struct strbuf text;
	size_t at;
	size_t fail_at; /* put() fails from this many bytes on; 0: never */
};

static int put(void *arg, const void *p, size_t n, struct berth_err *err)
{
	struct bytes *b = arg;

	if (b->fail_at && b->text.len + n > b->fail_at)
		return berth_fail(err, BERTH_ESYS, ENOSPC, "cannot write");
	strbuf_add(&b->text, p, n);
	return 0;
}

static ssize_t more(void *arg, const unsigned char **ret, struct berth_err *err)
{
	struct bytes *b = arg;
	size_t n = b->text.len - b->at < 700 ? b->text.len - b->at : 700;

	(void)err;
	*ret = (const unsigned char *)b->text.text + b->at;
	b->at += n;
	return (ssize_t)n;
}

static ssize_t take(void *arg, void *buf, size_t n, struct berth_err *err)
{
	struct bytes *b = arg;
	size_t left = b->text.len - b->at;

	(void)err;
	n = n < left ? n : left;
	if (n > 0)
		memcpy(buf, b->text.text + b->at, n);
	b->at += n;
	return (ssize_t)n;
}

static const struct flat_xattr attrs[] = {
	{ "user.a", "x\0y\n", 4 },
	{ "user.empty", "", 0 },
};

static const struct {
	const char *path, *target, *link;
	mode_t mode;
	int64_t size, mtime;
	uint32_t uid, gid;
	unsigned int major, minor;
	bool xattrs;
} rows[] = {
	{ .path = ".", .mode = S_IFDIR | 0755 },
	{ .path = "a", .mode = S_IFREG | 06755, .size = 5, .mtime = 1, .uid = 1, .gid = 2 },
	{ .path = "512", .mode = S_IFREG | 0, .size = 512 },
	{ .path = "empty", .mode = S_IFREG | 0644, .xattrs = true },
	{ .path = "d/b", .link = "a", .mode = S_IFREG | 0644 },
	{ .path = "l", .mode = S_IFLNK | 0777, .target = "../x" },
	{ .path = N100, .mode = S_IFREG | 0600, .size = 1 },
	{ .path = N100 "1", .mode = S_IFREG | 0600, .size = 513 },
	{ .path = N100 N100 "/x\n=y", .mode = S_IFDIR | 01777 },
	{ .path = "ll", .mode = S_IFLNK | 0777, .target = N100 N100 N100 },
	{ .path = "hl", .link = N100 "1", .mode = S_IFREG },
	{ .path = "big ids", .mode = S_IFREG | 0644, .uid = 4000000000U, .gid = 07777777 + 1 },
	{ .path = "old", .mode = S_IFREG | 0644, .mtime = -315619200 },
	{ .path = "far", .mode = S_IFREG | 0644, .mtime = 077777777777LL + 1 },
	{ .path = "null", .mode = S_IFCHR | 0666, .major = 1, .minor = 3 },
	{ .path = "disk", .mode = S_IFBLK | 0660, .major = 259, .minor = 65536 },
	{ .path = "fifo", .mode = S_IFIFO | 0600 },
	{ .path = "\303\274 \377", .mode = S_IFREG | 0644, .xattrs = true, .size = 3 },
};

static struct flat_entry entry_of(size_t i)
{
	return (struct flat_entry){
		.path = rows[i].path, .target = rows[i].target, .link = rows[i].link,
		.st = {
			.st_mode = rows[i].mode, .st_size = rows[i].size, .st_mtim.tv_sec = rows[i].mtime,
			.st_uid = rows[i].uid, .st_gid = rows[i].gid, .st_rdev = makedev(rows[i].major, rows[i].minor),
		},
		.xattrs = rows[i].xattrs ? attrs : NULL,
		.nxattrs = rows[i].xattrs ? ARRAY_SIZE(attrs) : 0,
	};
}

static void write_all(struct bytes *b)
{
	struct tar_put t = { .sink = { .arg = b, .put = put } };
	struct berth_err err = BERTH_ERR_INIT;
	char byte[600];

	memset(byte, 'c', sizeof(byte));
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct flat_entry e = entry_of(i);

		ck_assert_int_eq(tar_put_entry(&t, &e, &err), 0);
		for (int64_t n = 0; !e.link && S_ISREG(e.st.st_mode) && n < e.st.st_size; n++)
			ck_assert_int_eq(tar_put_data(&t, byte, 1, &err), 0);
	}
	ck_assert_int_eq(tar_put_end(&t, &err), 0);
	ck_assert_uint_eq(t.bytes, b->text.len);
	ck_assert_uint_eq(b->text.len % 512, 0);
}

static void compare(struct tar *t, size_t i)
{
	struct berth_err err = BERTH_ERR_INIT;
	const unsigned char *p;
	struct flat_entry e;
	uint64_t zeros, sum = 0;
	size_t n;

	ck_assert_msg(tar_next(t, &e, &err) == 1, "row %zu: %s", i, err.text);
	ck_assert_int_eq(strncmp(e.path, rows[i].path, strlen(rows[i].path)), 0);
	if (rows[i].link) {
		ck_assert_str_eq(e.link, rows[i].link);
		return;
	}
	ck_assert_uint_eq(e.st.st_mode, rows[i].mode);
	ck_assert_int_eq(e.st.st_mtim.tv_sec, rows[i].mtime);
	ck_assert_uint_eq(e.st.st_uid, rows[i].uid);
	ck_assert_uint_eq(e.st.st_gid, rows[i].gid);
	ck_assert_uint_eq(e.st.st_rdev, makedev(rows[i].major, rows[i].minor));
	if (rows[i].target)
		ck_assert_str_eq(e.target, rows[i].target);
	if (rows[i].xattrs) {
		/* one without a value is none, in a PAX header */
		ck_assert_uint_ge(e.nxattrs, 1);
		ck_assert_str_eq(e.xattrs[0].name, "user.a");
		ck_assert_uint_eq(e.xattrs[0].n, 4);
		ck_assert_mem_eq(e.xattrs[0].value, "x\0y\n", 4);
	}
	while (S_ISREG(e.st.st_mode) && tar_data(t, &p, &n, &zeros, &err) > 0)
		sum += n;
	ck_assert_int_eq((int64_t)sum, rows[i].size);
}

START_TEST(reads_again)
{
	struct bytes b = { .at = 0 };
	const struct tar_input in = { .arg = &b, .more = more };
	struct berth_err err = BERTH_ERR_INIT;
	struct flat_entry e;
	struct tar *t;

	write_all(&b);
	t = tar_new(&in);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		compare(t, i);
	ck_assert_int_eq(tar_next(t, &e, &err), 0);
	(void)tar_free(t);
	strbuf_done(&b.text);
}
END_TEST

/* 8 GiB and more is no number that eleven octal digits hold. */
START_TEST(large)
{
	struct bytes b = { .at = 0 };
	struct tar_put t = { .sink = { .arg = &b, .put = put } };
	const struct tar_input in = { .arg = &b, .more = more };
	struct flat_entry e = { .path = "x", .st = { .st_mode = S_IFREG, .st_size = (off_t)1 << 40 } };
	struct berth_err err = BERTH_ERR_INIT;
	struct flat_entry got;
	struct tar *r;

	ck_assert_int_eq(tar_put_entry(&t, &e, &err), 0);
	r = tar_new(&in);
	ck_assert_int_eq(tar_next(r, &got, &err), 1);
	ck_assert_int_eq(got.st.st_size, (off_t)1 << 40);
	(void)tar_free(r);
	strbuf_done(&b.text);
}
END_TEST

START_TEST(refuses)
{
	static const struct flat_xattr odd = { "user.a=b", "x", 1 };
	struct flat_entry file = { .path = "x", .st = { .st_mode = S_IFREG, .st_size = 3 } };
	const struct flat_entry sock = { .path = "x", .st = { .st_mode = S_IFSOCK } };
	const struct flat_entry attr = { .path = "x", .st = { .st_mode = S_IFREG }, .xattrs = &odd, .nxattrs = 1 };
	struct berth_err err = BERTH_ERR_INIT;
	struct bytes b = { .at = 0 };
	struct tar_put t = { .sink = { .arg = &b, .put = put } };

	ck_assert_int_eq(tar_put_entry(&t, &sock, &err), 1);
	ck_assert_uint_eq(b.text.len, 0);
	ck_assert_int_eq(tar_put_entry(&t, &attr, &err), -1);
	ck_assert_int_eq(err.code, BERTH_EIMAGE);
	ck_assert_int_eq(tar_put_data(&t, "x", 1, &err), -1);
	ck_assert_int_eq(tar_put_entry(&t, &file, &err), 0);
	ck_assert_int_eq(tar_put_data(&t, "xxxx", 4, &err), -1);
	ck_assert_int_eq(tar_put_data(&t, "xx", 2, &err), 0);
	ck_assert_int_eq(tar_put_entry(&t, &file, &err), -1);
	ck_assert_int_eq(tar_put_end(&t, &err), -1);
	strbuf_done(&b.text);
}
END_TEST

/* Whatever the sink fails at is passed on. */
START_TEST(full)
{
	struct bytes whole = { .at = 0 };

	write_all(&whole);
	for (size_t at = 1; at < whole.text.len; at += 511) {
		struct bytes b = { .fail_at = at };
		struct tar_put t = { .sink = { .arg = &b, .put = put } };
		struct berth_err err = BERTH_ERR_INIT;
		int rc = 0;

		for (size_t i = 0; rc == 0 && i < ARRAY_SIZE(rows); i++) {
			struct flat_entry e = entry_of(i);

			rc = tar_put_entry(&t, &e, &err);
			for (int64_t n = 0; rc == 0 && !e.link && S_ISREG(e.st.st_mode) && n < e.st.st_size; n++)
				rc = tar_put_data(&t, "c", 1, &err);
		}
		if (rc == 0)
			rc = tar_put_end(&t, &err);
		ck_assert_int_eq(rc, -1);
		ck_assert_int_eq(err.code, BERTH_ESYS);
		strbuf_done(&b.text);
	}
	strbuf_done(&whole.text);
}
END_TEST

/* ---- packed ------------------------------------------------------------------------------------ */

static const size_t sizes[] = { 0, 1, 511, 256 * 1024, 256 * 1024 + 1, 3000000 };

static void pack_all(enum flat_packing packing, const char *text, size_t n, size_t piece, struct bytes *b)
{
	const struct pack_sink sink = { .arg = b, .put = put };
	struct berth_err err = BERTH_ERR_INIT;
	struct pack *p = NULL;

	ck_assert_int_eq(pack_new(packing, &sink, &p, &err), 0);
	for (size_t at = 0; at < n; at += piece)
		ck_assert_int_eq(pack_add(p, text + at, n - at < piece ? n - at : piece, &err), 0);
	ck_assert_int_eq(pack_end(p, &err), 0);
	(void)pack_free(p);
}

/* _i: packing, size */
START_TEST(packs)
{
	enum flat_packing packing = (enum flat_packing)((size_t)_i / ARRAY_SIZE(sizes));
	size_t n = sizes[(size_t)_i % ARRAY_SIZE(sizes)], got = 0;
	cleanup_free char *text = malloc(n + 1), *back = malloc(n + 2);
	struct bytes b = { .at = 0 }, again = { .at = 0 };
	const struct source source = { .arg = &b, .read = take };
	struct berth_err err = BERTH_ERR_INIT;
	struct inflate *z = NULL;
	uint32_t r = 1;
	ssize_t k;

	/* half of it noise */
	for (size_t i = 0; i < n; i++)
		text[i] = (char)(i % 64 < 32 ? (r = r * 1664525 + 1013904223) >> 24 : 'x');
	pack_all(packing, text, n, 70001, &b);
	pack_all(packing, text, n, 70001, &again);
	ck_assert_uint_eq(b.text.len, again.text.len);
	ck_assert(b.text.len == 0 || memcmp(b.text.text, again.text.text, b.text.len) == 0);
	if (packing == FLAT_PLAIN || n > 0)
		ck_assert_int_eq(inflate_new(&source, packing, &z, &err), 0);
	while (z && (k = inflate_read(z, back + got, n + 1 - got, &err)) > 0)
		got += (size_t)k;
	ck_assert_uint_eq(got, z ? n : 0);
	ck_assert_mem_eq(back, text, got);
	(void)inflate_free(z);
	strbuf_done(&b.text);
	strbuf_done(&again.text);
}
END_TEST

START_TEST(pack_full)
{
	static const enum flat_packing packings[] = { FLAT_PLAIN, FLAT_GZIP, FLAT_ZSTD };
	cleanup_free char *text = malloc(1 << 20);
	uint32_t r = 1;

	for (size_t i = 0; i < 1 << 20; i++)
		text[i] = (char)((r = r * 1664525 + 1013904223) >> 24);
	for (size_t i = 0; i < ARRAY_SIZE(packings); i++) {
		struct bytes b = { .fail_at = 1000 };
		const struct pack_sink sink = { .arg = &b, .put = put };
		struct berth_err err = BERTH_ERR_INIT;
		struct pack *p = NULL;

		ck_assert_int_eq(pack_new(packings[i], &sink, &p, &err), 0);
		ck_assert(pack_add(p, text, 1 << 20, &err) < 0 || pack_end(p, &err) < 0);
		ck_assert_int_eq(err.sys, ENOSPC);
		(void)pack_free(p);
		strbuf_done(&b.text);
	}
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("tar_put");

	tcase_add_test(tc, reads_again);
	tcase_add_test(tc, large);
	tcase_add_test(tc, refuses);
	tcase_add_test(tc, full);
	tcase_add_loop_test(tc, packs, 0, 3 * (int)ARRAY_SIZE(sizes));
	tcase_add_test(tc, pack_full);
	return unit_run("tar_put", tc);
}
