/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * check_squash_data.c - the bytes of files: which of them lie in the image as they are, which reads
 * leave the cache alone, holes, more than 4 GiB; several file systems that share a cache; and an
 * image that changes, or cannot be read any more, while it is in use.
 */
#include "config.h"

#include <errno.h>

#include "tests/unit/squash_forge.h"
#include "tests/unit/squash_make.h"

enum { LINE = 31, BLOCK = 131072, MIXED = 5 * BLOCK + 1000 };
static const uint64_t HUGE_SIZE = (5ull << 30) + 12345, HUGE_AT = (4ull << 30) + 777;

static char top[] = "/tmp/check_squash.XXXXXX";

/* "mixed": blocks 0, 1 and 3 do not compress, 2 does, 4 is a hole, and then there is a tail. */
static void make_tree(void)
{
	if (!mkdtemp(top) || setenv("T", top, 1) != 0)
		return;
	(void)shell("mkdir $T/t && cd $T/t && head -c 262144 /dev/urandom >mixed && seq 100000 | head -c 131072 >>mixed && "
		    "head -c 131072 /dev/urandom >>mixed && truncate -s +131072 mixed && "
		    "head -c 1000 /dev/urandom >>mixed && seq 200000 >text && echo small >small && : >none && "
		    "truncate -s 1M hole && seq 3000 >list");
}

static void remove_tree(void)
{
	(void)shell("rm -rf $T");
}

static void make(struct reader *r, const char *options)
{
	struct berth_err err = BERTH_ERR_INIT;
	char path[64];

	ck_assert_int_eq(shell("mksquashfs $T/t $T/image -noappend -quiet -no-progress %s >/dev/null && "
			       "{ printf '%%031d' 0; cat $T/image; } >$T/line", options), 0);
	(void)snprintf(path, sizeof(path), "%s/line", top);
	ck_assert_msg(reader_try(r, open(path, O_RDWR | O_CLOEXEC), LINE, &err) == 0, "%s", err.text);
}

static int open_source(const char *name)
{
	char path[64];
	int fd;

	(void)snprintf(path, sizeof(path), "%s/t/%s", top, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	ck_assert_int_ge(fd, 0);
	return fd;
}

/* Bytes that are said to lie in the image are there, and are the file's. */
static size_t raw_at(const struct reader *r, const struct squash_inode *o, int src, uint64_t off, size_t len)
{
	struct berth_err err = BERTH_ERR_INIT;
	cleanup_free uint8_t *a = malloc(len + 1), *b = malloc(len + 1);
	uint64_t at = 0;
	size_t n = 0;
	int rc = squash_raw(r->w, o, off, len, &at, &n, &err);

	ck_assert_msg(rc >= 0, "%s", err.text);
	if (rc == 0)
		return 0;
	ck_assert_uint_gt(n, 0);
	ck_assert_uint_le(n, len);
	ck_assert_uint_gt(at, LINE);
	ck_assert_int_eq(pread(r->fd, a, n, (off_t)at), (ssize_t)n);
	ck_assert_int_eq(pread(src, b, n, (off_t)off), (ssize_t)n);
	ck_assert_int_eq(memcmp(a, b, n), 0);
	return n;
}

START_TEST(raw_spans)
{
	cleanup_close int mixed = open_source("mixed"), text = open_source("text"), hole = open_source("hole");
	struct squash_inode o;
	struct reader r;

	make(&r, "-comp zstd -noF");
	o = reader_find(&r, "mixed");
	ck_assert_uint_eq(o.size, MIXED);
	ck_assert_uint_eq(raw_at(&r, &o, mixed, 0, MIXED), 2 * BLOCK);
	ck_assert_uint_eq(raw_at(&r, &o, mixed, 100, 1 << 20), 2 * BLOCK - 100);
	ck_assert_uint_eq(raw_at(&r, &o, mixed, BLOCK, 1 << 20), BLOCK);
	ck_assert_uint_eq(raw_at(&r, &o, mixed, BLOCK - 1, 2), 2);
	ck_assert_uint_eq(raw_at(&r, &o, mixed, 2 * BLOCK - 1, 4096), 1);
	ck_assert_uint_eq(raw_at(&r, &o, mixed, 2 * BLOCK, 1 << 20), 0);
	ck_assert_uint_eq(raw_at(&r, &o, mixed, 3 * BLOCK - 1, 1 << 20), 0);
	ck_assert_uint_eq(raw_at(&r, &o, mixed, 3 * BLOCK, 1 << 20), BLOCK);
	ck_assert_uint_eq(raw_at(&r, &o, mixed, 4 * BLOCK, 1 << 20), 0);
	ck_assert_uint_eq(raw_at(&r, &o, mixed, 5 * BLOCK + 10, 1 << 20), 990); /* in a raw fragment */
	ck_assert_uint_eq(raw_at(&r, &o, mixed, MIXED - 1, 10), 1);
	ck_assert_uint_eq(raw_at(&r, &o, mixed, MIXED, 10), 0);
	ck_assert_uint_eq(raw_at(&r, &o, mixed, UINT64_MAX, 10), 0);
	ck_assert_uint_eq(raw_at(&r, &o, mixed, 0, 0), 0);
	o = reader_find(&r, "text");
	ck_assert_uint_eq(raw_at(&r, &o, text, 0, 1 << 20), 0);
	o = reader_find(&r, "hole");
	ck_assert_uint_eq(raw_at(&r, &o, hole, 0, 1 << 20), 0);
	reader_close(&r);
	make(&r, "-comp gzip -noD -no-fragments");
	o = reader_find(&r, "text");
	ck_assert_uint_eq(raw_at(&r, &o, text, 0, 4 << 20), o.size);
	ck_assert_uint_eq(raw_at(&r, &o, text, 1, 4 << 20), o.size - 1);
	o = reader_find(&r, "mixed");
	ck_assert_uint_eq(raw_at(&r, &o, mixed, 0, MIXED), 4 * BLOCK);
	ck_assert_uint_eq(raw_at(&r, &o, mixed, 5 * BLOCK, MIXED), 1000);
	reader_close(&r);
	make(&r, "-comp zstd"); /* a fragment that is compressed */
	o = reader_find(&r, "small");
	ck_assert_uint_eq(raw_at(&r, &o, mixed, 0, 100), 0);
	reader_close(&r);
}
END_TEST

START_TEST(raw_refuses)
{
	struct berth_err err = BERTH_ERR_INIT;
	struct squash_inode o;
	struct reader r;
	uint64_t at;
	size_t n;

	make(&r, "-noD");
	o = reader_root(&r);
	ck_assert_int_eq(squash_raw(r.w, &o, 0, 1, &at, &n, &err), -1);
	ck_assert_int_eq(err.code, BERTH_EBUG);
	reader_close(&r);
}
END_TEST

static void expect(struct reader *r, const char *name, uint64_t off, size_t len, uint64_t unpacked,
		   uint64_t reads)
{
	struct squash_stats before = reader_stats(r), after;
	struct squash_inode o = reader_find(r, name);
	struct berth_err err = BERTH_ERR_INIT;
	cleanup_free uint8_t *a = malloc(len), *b = malloc(len);
	cleanup_close int src = open_source(name);
	ssize_t want = pread(src, b, len, (off_t)off);

	ck_assert_msg(squash_read(r->w, &o, off, a, len, &err) == want, "%s", err.text);
	ck_assert_int_eq(memcmp(a, b, (size_t)want), 0);
	after = reader_stats(r);
	ck_assert_msg(after.unpacked - before.unpacked == unpacked, "%s at %llu: %llu unpacked", name,
		      (unsigned long long)off, (unsigned long long)(after.unpacked - before.unpacked));
	ck_assert_msg(after.reads - before.reads == reads, "%s at %llu: %llu reads", name,
		      (unsigned long long)off, (unsigned long long)(after.reads - before.reads));
	ck_assert_uint_ge(after.read_bytes - before.read_bytes, reads);
}

/* What a read costs: blocks decompressed, system calls. All metadata is known already. */
START_TEST(costs)
{
	static const char *const names[] = { "mixed", "text", "small", "hole" };
	struct berth_err err = BERTH_ERR_INIT;
	struct squash_span span;
	struct squash_inode o;
	struct reader r;
	uint8_t byte;

	make(&r, "-comp zstd");
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		o = reader_find(&r, names[i]);
		ck_assert_int_eq(squash_read(r.w, &o, 0, &byte, 1, &err), 1);
	}
	o = reader_find(&r, "mixed");
	ck_assert_int_eq(squash_read(r.w, &o, MIXED - 1, &byte, 1, &err), 1);
	expect(&r, "text", BLOCK, BLOCK, 1, 1);	 /* whole: no matter how often */
	expect(&r, "text", BLOCK, BLOCK, 1, 1);
	expect(&r, "text", BLOCK, 4 * BLOCK, 4, 4);
	expect(&r, "text", BLOCK + 1, 10, 1, 1); /* a part: once */
	expect(&r, "text", BLOCK + 1, 10, 0, 0);
	expect(&r, "text", BLOCK, BLOCK, 0, 0);	 /* and then the whole is there */
	expect(&r, "text", 2 * BLOCK - 5, 10, 1, 1);
	expect(&r, "mixed", 0, 100, 0, 1);	 /* raw: the bytes that are wanted */
	expect(&r, "mixed", BLOCK - 100, 200, 0, 2);
	expect(&r, "mixed", 4 * BLOCK, BLOCK, 0, 0); /* a hole */
	expect(&r, "mixed", 4 * BLOCK + 5, 10, 0, 0);
	expect(&r, "hole", 0, 1 << 20, 0, 0);
	expect(&r, "small", 0, 100, 0, 0);	 /* in a fragment: it is in the cache */
	expect(&r, "list", 5, 100, 0, 0);
	o = reader_find(&r, "text");
	ck_assert_int_eq(squash_pin(r.w, &o, 5 * BLOCK, BLOCK, &span, &err), 0);
	ck_assert_uint_eq(span.len, BLOCK);
	squash_unpin(r.w, &span);
	expect(&r, "text", 5 * BLOCK, BLOCK, 0, 0); /* pinned before: it was got ready */
	ck_assert_int_eq(squash_pin(r.w, &o, o.size, 10, &span, &err), 0);
	ck_assert_uint_eq(span.len, 0);
	ck_assert_int_eq(squash_pin(r.w, &o, o.size - 1, 10, &span, &err), 0);
	ck_assert_uint_eq(span.len, 1);
	squash_unpin(r.w, &span);
	ck_assert_int_eq(squash_read(r.w, &o, UINT64_MAX, &byte, 1, &err), 0);
	ck_assert_int_eq(squash_read(r.w, &o, o.size, &byte, 1, &err), 0);
	ck_assert_int_eq(squash_read(r.w, &o, 0, &byte, 0, &err), 0);
	reader_close(&r);
}
END_TEST

/* A file of 5 GiB, mostly holes, with something on both sides of 4 GiB; read here and there. */
START_TEST(huge)
{
	static const char *const options[] = { "-comp zstd -b 1M", "-comp lz4 -b 128K -no-fragments" };
	struct berth_err err = BERTH_ERR_INIT;
	uint32_t x = 1;
	struct squash_inode o;
	struct reader r;
	int src;

	ck_assert_int_eq(shell("cd $T/t && truncate -s %llu huge && for at in 0 %llu %llu %llu; do "
			       "seq 1000 | dd of=huge bs=64K seek=$at oflag=seek_bytes conv=notrunc status=none; done",
			       (unsigned long long)HUGE_SIZE, (unsigned long long)HUGE_AT,
			       (unsigned long long)(HUGE_AT - 1000000), (unsigned long long)(HUGE_SIZE - 3893)), 0);
	src = open_source("huge");
	make(&r, options[_i]);
	o = reader_find(&r, "huge");
	ck_assert_uint_eq(o.size, HUGE_SIZE);
	ck_assert_uint_lt(o.blocks, 40000); /* of 512 bytes: the holes take none */
	for (int i = 0; i < 400; i++) {
		static const uint64_t near[] = { 0, HUGE_AT, HUGE_AT - 1000000, HUGE_SIZE - 4096, 4ull << 30 };
		char a[5000], b[5000];
		uint64_t off;

		x = x * 1664525 + 1013904223;
		off = i % 2 ? (uint64_t)x * 5 / 4 : near[i / 2 % 5] + x % 3000;
		ck_assert_int_eq(squash_read(r.w, &o, off, a, sizeof(a), &err), pread(src, b, sizeof(b), (off_t)off));
		if (off < HUGE_SIZE)
			ck_assert_int_eq(memcmp(a, b, HUGE_SIZE - off < 5000 ? HUGE_SIZE - off : 5000), 0);
	}
	reader_close(&r);
	(void)close(src);
	ck_assert_int_eq(shell("rm $T/t/huge"), 0);
}
END_TEST

static void same_text(struct squash_worker *w, struct squash *fs, int src)
{
	struct berth_err err = BERTH_ERR_INIT;
	struct squash_dirent ent;
	struct squash_inode o;
	char a[3000], b[3000];

	ck_assert_int_eq(squash_inode_get(w, fs, squash_info(fs)->root, &o, &err), 0);
	ck_assert_ptr_eq(o.fs, fs);
	ck_assert_int_eq(squash_lookup(w, &o, "text", &ent, &err), 1);
	ck_assert_int_eq(squash_inode_get(w, fs, ent.ref, &o, &err), 0);
	for (uint64_t off = 0; off < o.size; off += 50021) {
		ssize_t n = squash_read(w, &o, off, a, sizeof(a), &err);

		ck_assert_msg(n == pread(src, b, sizeof(b), (off_t)off), "%s", err.text);
		ck_assert_int_eq(memcmp(a, b, (size_t)n), 0);
	}
}

/* Three images of other compressors and block sizes, whose positions are the same, one worker. */
START_TEST(group)
{
	static const char *const options[] = { "-comp gzip -b 4K", "-comp zstd -b 1M", "-comp xz -b 128K",
					       "-comp zstd -b 1M -noI" };
	enum { N = ARRAY_SIZE(options) };
	cleanup_close int src = open_source("text");
	struct berth_err err = BERTH_ERR_INIT;
	struct squash *fs[N], *alone;
	struct squash_worker *w;
	struct squash_stats st, again;
	int fd[N];

	for (int i = 0; i < N; i++) {
		char path[64];

		ck_assert_int_eq(shell("mksquashfs $T/t $T/g%d -noappend -quiet -no-progress %s >/dev/null", i,
				       options[i]), 0);
		(void)snprintf(path, sizeof(path), "%s/g%d", top, i);
		fd[i] = open(path, O_RDONLY | O_CLOEXEC);
		ck_assert_int_eq(squash_open(fd[i], 0, (uint64_t)lseek(fd[i], 0, SEEK_END), &fs[i], &err), 0);
	}
	ck_assert_int_eq(squash_open(fd[0], 0, (uint64_t)lseek(fd[0], 0, SEEK_END), &alone, &err), 0);
	ck_assert_int_eq(squash_worker_new(fs, N, &w, &err), -1); /* not before they share */
	ck_assert_int_eq(err.code, BERTH_EBUG);
	ck_assert_int_eq(squash_share(fs, 0, 1 << 20, 1, &err), -1);
	ck_assert_int_eq(squash_share(fs, SQUASH_SHARE_MAX + 1, 1 << 20, 1, &err), -1);
	ck_assert_int_eq(squash_share(fs, N, 1 << 20, 0, &err), -1);
	ck_assert_int_eq(squash_share(fs, N, 0, 1, &err), 0);
	ck_assert_int_eq(squash_share(fs, 1, 1 << 20, 1, &err), -1); /* once only */
	ck_assert_int_eq(squash_share(&alone, 1, 1 << 20, 1, &err), 0);
	ck_assert_int_eq(squash_worker_new((struct squash *[]){ fs[0], alone }, 2, &w, &err), -1);
	ck_assert_int_eq(squash_worker_new(fs, 0, &w, &err), -1);
	ck_assert_int_eq(squash_worker_new(fs, N, &w, &err), 0);
	for (int k = 0; k < 3 * N; k++)
		same_text(w, fs[k % N], src);
	squash_stats(fs[0], &st);
	squash_stats(fs[N - 1], &again);
	ck_assert_int_eq(memcmp(&st, &again, sizeof(st)), 0);
	ck_assert_uint_gt(st.reads, N);
	ck_assert_uint_gt(st.unpacked, N);
	ck_assert_uint_gt(st.read_bytes, st.reads);
	squash_stats(alone, &st);
	ck_assert_uint_eq(st.reads, 1);
	ck_assert_uint_eq(st.unpacked, 0);
	squash_worker_free(w); /* what it did is not forgotten */
	squash_stats(fs[1], &st);
	ck_assert_uint_eq(st.reads, again.reads);
	ck_assert_uint_eq(st.cache_hits, again.cache_hits);
	for (int i = 0; i < N; i++) {
		squash_close(fs[i]);
		(void)close(fd[i]);
	}
	squash_close(alone);
}
END_TEST

/* Two images that differ in what lies at the same places, asked by turns: none answers for the other. */
START_TEST(twins)
{
	static const struct forge_swap as_it_is = { .part = FORGE_PARTS };
	struct berth_err err = BERTH_ERR_INIT;
	struct squash *fs[2];
	struct squash_worker *w;
	struct forge f;
	int fd[2];

	forge_make(&f, &as_it_is);
	for (int i = 0; i < 2; i++) {
		f.data[f.at[FORGE_DATA]] = (uint8_t)('0' + i);
		f.data[f.at[FORGE_FRAG_DATA] + FORGE_TAIL_AT] = (uint8_t)('0' + i);
		forge_poke(&f, FORGE_FILE, 8, (uint64_t)i, 4);
		forge_poke(&f, FORGE_IDS, 0, 1000 + (uint64_t)i, 4);
		forge_poke(&f, FORGE_VALUE, 4, '0' + (uint64_t)i, 1);
		fd[i] = forge_fd(&f);
		ck_assert_int_eq(squash_open(fd[i], 0, f.n, &fs[i], &err), 0);
	}
	ck_assert_int_eq(squash_share(fs, 2, 1 << 20, 1, &err), 0);
	ck_assert_int_eq(squash_worker_new(fs, 2, &w, &err), 0);
	for (int k = 0; k < 10; k++) {
		char want = (char)('0' + k % 2), value[5];
		struct squash_inode o;
		struct squash_span span;

		ck_assert_int_eq(squash_inode_get(w, fs[k % 2], f.at[FORGE_FILE] - f.at[FORGE_ROOT], &o, &err), 0);
		ck_assert_int_eq(o.mtime, k % 2);
		ck_assert_uint_eq(o.uid, 1000 + (unsigned int)k % 2);
		ck_assert_int_eq(squash_xattr_get(w, &o, "user.b", value, sizeof(value), &err), 5);
		ck_assert_int_eq(value[0], want);
		for (uint64_t off = 0; off < FORGE_SIZE; off += FORGE_BLOCK) {
			ck_assert_int_eq(squash_pin(w, &o, off, 1, &span, &err), 0);
			ck_assert_int_eq(span.data[0], want);
			squash_unpin(w, &span);
		}
	}
	squash_worker_free(w);
	for (int i = 0; i < 2; i++) {
		squash_close(fs[i]);
		(void)close(fd[i]);
	}
}
END_TEST

/* Cut short or unreadable while it is in use: errors, no signal, and what is in memory still is. */
START_TEST(vanishes)
{
	struct berth_err err = BERTH_ERR_INIT;
	cleanup_free uint8_t *buf = malloc(MIXED);
	struct squash_inode mixed, text;
	struct reader r;
	int wo;

	make(&r, "-comp zstd");
	mixed = reader_find(&r, "mixed");
	text = reader_find(&r, "text");
	ck_assert_int_eq(squash_read(r.w, &text, 10, buf, 10, &err), 10);
	if (_i == 0) {
		ck_assert_int_eq(ftruncate(r.fd, 4096), 0);
	} else {
		wo = open("/dev/null", O_WRONLY | O_CLOEXEC);
		ck_assert_int_eq(dup2(wo, r.fd), r.fd);
		(void)close(wo);
	}
	ck_assert_int_eq(squash_read(r.w, &text, 10, buf, 10, &err), 10);
	ck_assert_int_eq(err.code, BERTH_OK);
	ck_assert_int_eq(squash_read(r.w, &mixed, 0, buf, MIXED, &err), -1);
	ck_assert_int_eq(err.code, _i == 0 ? BERTH_EIMAGE : BERTH_ESYS);
	ck_assert_int_eq(err.sys, _i == 0 ? 0 : EBADF);
	err = (struct berth_err)BERTH_ERR_INIT;
	ck_assert_int_eq(squash_read(r.w, &text, BLOCK + 5, buf, 10, &err), -1);
	ck_assert_int_eq(err.code, _i == 0 ? BERTH_EIMAGE : BERTH_ESYS);
	ck_assert_int_eq(squash_read(r.w, &text, 10, buf, 10, &err), 10);
	reader_close(&r);
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("squash_data");

	if (shell("command -v mksquashfs >/dev/null") != 0) {
		printf("skipped: needs mksquashfs (squashfs-tools)\n");
		return 77;
	}
	tcase_add_unchecked_fixture(tc, make_tree, remove_tree);
	tcase_add_test(tc, raw_spans);
	tcase_add_test(tc, raw_refuses);
	tcase_add_test(tc, costs);
	tcase_add_loop_test(tc, huge, 0, 2);
	tcase_add_test(tc, group);
	tcase_add_test(tc, twins);
	tcase_add_loop_test(tc, vanishes, 0, 2);
	return unit_run("squash_data", tc);
}
