/* SPDX-License-Identifier: BSD-3-Clause */
/* check_inflate.c - packed streams: whole, in pieces, damaged (libimage/layer/inflate.h, ring.h). */
#include "config.h"

#include <isa-l/igzip_lib.h>
#include <zstd.h>

#include "libimage/base/cleanup.h"
#include "libimage/layer/inflate.h"
#include "libimage/ref/digest.h"
#include "libimage/ref/hasher.h"
#include "tests/unit/flat_make.h"
#include "tests/unit/unit.h"

enum { PLAIN_BYTES = 700000 };

static char plain[PLAIN_BYTES];

static void setup(void)
{
	uint32_t x = 1;

	for (size_t i = 0; i < sizeof(plain); i++) {
		x = x * 1664525 + 1013904223;
		plain[i] = (char)(i % 3000 < 2000 ? 'a' + (int)(i / 3000 % 26) : (int)(x >> 24));
	}
}

static void put_gzip(struct strbuf *out, const void *p, size_t n)
{
	struct isal_zstream *s = calloc(1, sizeof(*s));
	size_t room = n + n / 8 + 1000;
	char *buf = malloc(room);

	ck_assert(s && buf);
	isal_deflate_stateless_init(s);
	s->gzip_flag = IGZIP_GZIP;
	s->end_of_stream = 1;
	s->next_in = (uint8_t *)(uintptr_t)p;
	s->avail_in = (uint32_t)n;
	s->next_out = (uint8_t *)buf;
	s->avail_out = (uint32_t)room;
	ck_assert_int_eq(isal_deflate_stateless(s), COMP_OK);
	strbuf_add(out, buf, room - s->avail_out);
	free(buf);
	free(s);
}

static void put_zstd(struct strbuf *out, const void *p, size_t n, int window)
{
	ZSTD_CCtx *c = ZSTD_createCCtx();
	size_t room = ZSTD_compressBound(n), got;
	char *buf = malloc(room);

	ck_assert(c && buf);
	(void)ZSTD_CCtx_setParameter(c, ZSTD_c_checksumFlag, 1);
	(void)ZSTD_CCtx_setParameter(c, ZSTD_c_contentSizeFlag, 0);
	if (window) {
		ck_assert(!ZSTD_isError(ZSTD_CCtx_setParameter(c, ZSTD_c_windowLog, window)));
		(void)ZSTD_CCtx_setParameter(c, ZSTD_c_enableLongDistanceMatching, 1);
	}
	got = ZSTD_compress2(c, buf, room, p, n);
	ck_assert(!ZSTD_isError(got));
	strbuf_add(out, buf, got);
	(void)ZSTD_freeCCtx(c);
	free(buf);
}

/* Returns the count of what came out, or -1. */
static ssize_t unpack(const struct strbuf *s, enum flat_packing packing, size_t in_step, size_t out_step, char *out,
		      struct berth_err *err)
{
	struct test_bytes bytes = { .p = s->text, .n = s->len, .step = in_step };
	const struct source source = { .arg = &bytes, .read = test_read };
	struct inflate *z = NULL;
	size_t at = 0;
	ssize_t n;

	if (inflate_new(&source, packing, &z, err) < 0)
		return -1;
	for (;;) {
		size_t room = PLAIN_BYTES * 2 - at < out_step ? PLAIN_BYTES * 2 - at : out_step;

		n = inflate_read(z, out + at, room, err);
		if (n <= 0)
			break;
		at += (size_t)n;
		if ((size_t)n < room)
			ck_assert_int_eq(inflate_read(z, out + at, 1, err), 0);
	}
	if (n == 0)
		ck_assert_uint_eq(inflate_taken(z), s->len);
	inflate_free(z);
	return n < 0 ? -1 : (ssize_t)at;
}

static void put_half(struct strbuf *out, enum flat_packing packing, size_t half)
{
	const char *p = plain + half * (PLAIN_BYTES / 2);

	if (packing == FLAT_GZIP)
		put_gzip(out, p, PLAIN_BYTES / 2);
	else if (packing == FLAT_ZSTD)
		put_zstd(out, p, PLAIN_BYTES / 2, 0);
	else
		strbuf_add(out, p, PLAIN_BYTES / 2);
}

START_TEST(whole)
{
	static const size_t steps[] = { 0, 1, 7, 65536, 262144 };
	enum flat_packing packing = (enum flat_packing)_i;
	cleanup_free char *out = malloc(PLAIN_BYTES * 2);
	struct berth_err err = BERTH_ERR_INIT;
	struct strbuf s = STRBUF_INIT;

	/* Two members, or frames, in a row. */
	put_half(&s, packing, 0);
	put_half(&s, packing, 1);
	for (size_t i = 0; i < ARRAY_SIZE(steps); i++)
		for (size_t k = 1; k < ARRAY_SIZE(steps); k++) {
			memset(out, 0, PLAIN_BYTES);
			ck_assert_int_eq(unpack(&s, i % 2 ? packing : FLAT_ANY, steps[i], steps[k], out, &err), PLAIN_BYTES);
			ck_assert_mem_eq(out, plain, PLAIN_BYTES);
		}
	strbuf_done(&s);
}
END_TEST

/* Each cut of a short stream is one; each changed byte of it is an error, or changes nothing. */
START_TEST(cut_or_changed)
{
	enum flat_packing packing = _i == 0 ? FLAT_GZIP : FLAT_ZSTD;
	cleanup_free char *out = malloc(PLAIN_BYTES * 2);
	struct strbuf s = STRBUF_INIT;
	size_t all;

	if (packing == FLAT_GZIP)
		put_gzip(&s, plain, 5000);
	else
		put_zstd(&s, plain, 5000, 0);
	all = s.len;
	for (size_t n = 0; n < all; n++) {
		struct berth_err err = BERTH_ERR_INIT;

		s.len = n;
		ck_assert_msg(unpack(&s, packing, n % 50, 4096, out, &err) == -1, "%zu of %zu bytes", n, all);
		ck_assert_int_eq(err.code, BERTH_EIMAGE);
	}
	s.len = all;
	for (size_t i = 0; i < all; i++) {
		struct berth_err err = BERTH_ERR_INIT;

		s.text[i] ^= 0x40;
		if (unpack(&s, packing, 0, 4096, out, &err) >= 0)
			ck_assert_mem_eq(out, plain, 5000);
		else
			ck_assert_int_eq(err.code, BERTH_EIMAGE);
		s.text[i] ^= 0x40;
	}
	strbuf_done(&s);
}
END_TEST

static const struct {
	const char *before, *after; /* around a packed "hello" of 'is' */
	enum flat_packing is, said;
	const char *want; /* NULL: "hello" */
	size_t nafter;
} rows[] = {
	{ "", "", FLAT_GZIP, FLAT_GZIP, NULL, 0 },
	{ "", "", FLAT_ZSTD, FLAT_ZSTD, NULL, 0 },
	{ "", "", FLAT_PLAIN, FLAT_PLAIN, NULL, 0 },
	{ "", "", FLAT_GZIP, FLAT_ANY, NULL, 0 },
	{ "", "\0\0\0\0\0\0\0\0", FLAT_GZIP, FLAT_GZIP, NULL, 8 },
	{ "", "\0", FLAT_GZIP, FLAT_GZIP, NULL, 1 },
	{ "\x50\x2a\x4d\x18\x03\x00\x00\x00" "abc", "", FLAT_ZSTD, FLAT_ZSTD, NULL, 0 },
	{ "", "\x5f\x2a\x4d\x18\x01\x00\x00\x00" "a", FLAT_ZSTD, FLAT_ZSTD, NULL, 9 },
	{ "", "", FLAT_GZIP, FLAT_ZSTD, "is said to be zstd, and is gzip", 0 },
	{ "", "", FLAT_ZSTD, FLAT_GZIP, "is said to be gzip, and is zstd", 0 },
	{ "", "", FLAT_PLAIN, FLAT_GZIP, "is said to be gzip, and is not compressed", 0 },
	{ "", "", FLAT_PLAIN, FLAT_ZSTD, "is said to be zstd, and is not compressed", 0 },
	{ "", "", FLAT_GZIP, FLAT_PLAIN, "is said to be not compressed, and is gzip", 0 },
	{ "", "", FLAT_ZSTD, FLAT_PLAIN, "is said to be not compressed, and is zstd", 0 },
	{ "", "x", FLAT_GZIP, FLAT_GZIP, "something behind its end", 1 },
	{ "", "\0\0x", FLAT_GZIP, FLAT_GZIP, "something behind its end", 3 },
	{ "", "\x1f", FLAT_GZIP, FLAT_GZIP, "something behind its end", 1 },
	{ "", "\x1f\x8b", FLAT_GZIP, FLAT_GZIP, "is cut short", 2 },
	{ "", "\x1f\x8b\x07\0\0\0\0\0\0\0", FLAT_GZIP, FLAT_GZIP, "that nobody knows", 10 },
	{ "", "\x1f\x8b\x08\xe0\0\0\0\0\0\0", FLAT_GZIP, FLAT_GZIP, "that nobody knows", 10 },
	{ "", "\x1f\x8b\x08\x02\0\0\0\0\0\0\0\0", FLAT_GZIP, FLAT_GZIP, "is damaged", 12 },
	{ "", "\x1f\x8b\x08\x08\0\0\0\0\0\0name", FLAT_GZIP, FLAT_GZIP, "is cut short", 14 },
	{ "", "x", FLAT_ZSTD, FLAT_ZSTD, "something behind its end", 1 },
	{ "", "\0\0\0\0", FLAT_ZSTD, FLAT_ZSTD, "something behind its end", 4 },
	{ "", "\x5f\x2a\x4d\x18\x02\x00\x00\x00" "a", FLAT_ZSTD, FLAT_ZSTD, "is cut short", 9 },
};

/* NULs in 'before' are part of it: the only one has three bytes of content. */
START_TEST(around)
{
	cleanup_free char *out = malloc(PLAIN_BYTES * 2);
	struct berth_err err = BERTH_ERR_INIT;
	struct strbuf s = STRBUF_INIT;
	ssize_t n;

	strbuf_add(&s, rows[_i].before, rows[_i].before[0] ? 11 : 0);
	if (rows[_i].is == FLAT_GZIP)
		put_gzip(&s, "hello", 5);
	else if (rows[_i].is == FLAT_ZSTD)
		put_zstd(&s, "hello", 5, 0);
	else
		strbuf_puts(&s, "hello");
	strbuf_add(&s, rows[_i].after, rows[_i].nafter);
	n = unpack(&s, rows[_i].said, 1, 100, out, &err);
	if (!rows[_i].want) {
		ck_assert_msg(n == 5, "%s", err.text);
		ck_assert_mem_eq(out, "hello", 5);
	} else {
		ck_assert_int_eq(n, -1);
		ck_assert_int_eq(err.code, BERTH_EIMAGE);
		ck_assert_msg(strstr(err.text, rows[_i].want) != NULL, "%s", err.text);
	}
	strbuf_done(&s);
}
END_TEST

/* A window that takes more memory than we give. */
START_TEST(window)
{
	cleanup_free char *out = malloc(PLAIN_BYTES * 2);

	for (int log = 27; log <= 28; log++) {
		struct berth_err err = BERTH_ERR_INIT;
		struct strbuf s = STRBUF_INIT;

		put_zstd(&s, plain, PLAIN_BYTES, log);
		s.text[5] = (char)((log - 10) << 3); /* said whatever is needed */
		ck_assert_int_eq(unpack(&s, FLAT_ZSTD, 0, 65536, out, &err), log == 27 ? PLAIN_BYTES : -1);
		strbuf_done(&s);
	}
}
END_TEST

static int read_layer(const struct strbuf *s, const char *diff_id, const struct flat_limits *limits,
		      struct berth_err *err)
{
	struct flat_test t = { 0 };
	const struct flat_sink sink = test_sink(&t);
	struct test_bytes bytes = { .p = s->text, .n = s->len, .step = 1000 };
	struct digest d;
	struct flat_blob blob = { .source = { .arg = &bytes, .read = test_read }, .packing = FLAT_ANY, .name = "layer 1" };
	struct flat *f = NULL;
	int rc;

	if (diff_id) {
		ck_assert_int_eq(digest_parse(diff_id, &d, err), 0);
		blob.diff_id = &d;
	}
	ck_assert_int_eq(flat_new(&sink, limits, &f, err), 0);
	rc = flat_layer(f, &blob, err);
	flat_free(f);
	test_done(&t);
	return rc;
}

/* The digest is of all plain bytes, also of those behind the archive. */
START_TEST(digests)
{
	const struct flat_limits limits = FLAT_LIMITS_INIT;
	struct strbuf tar = STRBUF_INIT, s = STRBUF_INIT;
	struct berth_err err = BERTH_ERR_INIT;
	struct digest d;

	tar_put_text(&tar, '0', "a", "hello");
	tar_end(&tar);
	strbuf_add(&tar, plain, 600000);
	put_gzip(&s, tar.text, tar.len);
	ck_assert_int_eq(hasher_sum("sha256", tar.text, tar.len, &d), 0);
	ck_assert_msg(read_layer(&s, d.text, &limits, &err) == 0, "%s", err.text);
	ck_assert_int_eq(hasher_sum("sha512", tar.text, tar.len, &d), 0);
	ck_assert_msg(read_layer(&s, d.text, &limits, &err) == 0, "%s", err.text);
	d.text[100] = d.text[100] == '0' ? '1' : '0';
	ck_assert_int_eq(read_layer(&s, d.text, &limits, &err), -1);
	ck_assert_int_eq(err.code, BERTH_EIMAGE);
	ck_assert_ptr_nonnull(strstr(err.text, "layer 1: the layer is not what the image says"));
	strbuf_done(&s);
	tar.text[tar.len - 1] ^= 1;
	ck_assert_int_eq(hasher_sum("sha256", tar.text, tar.len - 1, &d), 0);
	put_gzip(&s, tar.text, tar.len);
	ck_assert_int_eq(read_layer(&s, d.text, &limits, &err), -1);
	s.len -= 3; /* cut behind the archive's end */
	ck_assert_int_eq(read_layer(&s, NULL, &limits, &err), -1);
	ck_assert_ptr_nonnull(strstr(err.text, "is cut short"));
	strbuf_done(&s);
	strbuf_done(&tar);
}
END_TEST

/* 64 MiB of zeros in 64 KiB. */
START_TEST(bombs)
{
	struct flat_limits limits = FLAT_LIMITS_INIT;
	struct strbuf tar = STRBUF_INIT, s = STRBUF_INIT;
	struct berth_err err = BERTH_ERR_INIT;
	size_t n = 64 << 20;
	char *zeros = calloc(1, n);
	unsigned char h[512];

	tar_header(h, '0', "a", NULL, n);
	strbuf_add(&tar, h, sizeof(h));
	strbuf_add(&tar, zeros, n);
	free(zeros);
	put_zstd(&s, tar.text, tar.len, 0);
	strbuf_done(&tar);
	ck_assert_msg(read_layer(&s, NULL, &limits, &err) == 0, "%s", err.text);
	limits.ratio_from = 1 << 20;
	limits.ratio = 100;
	ck_assert_int_eq(read_layer(&s, NULL, &limits, &err), -1);
	ck_assert_ptr_nonnull(strstr(err.text, "unpacks to more than 100 times its size"));
	limits.ratio = 1 << 20;
	ck_assert_int_eq(read_layer(&s, NULL, &limits, &err), 0);
	limits.bytes = n;
	ck_assert_int_eq(read_layer(&s, NULL, &limits, &err), -1);
	ck_assert_ptr_nonnull(strstr(err.text, "more than 67108864 bytes"));
	strbuf_done(&s);
}
END_TEST

static ssize_t broken(void *arg, void *buf, size_t n, struct berth_err *err)
{
	size_t *left = arg;
	size_t part = *left < n ? *left : n;

	memset(buf, 0, part);
	*left -= part;
	return part > 0 ? (ssize_t)part : berth_fail(err, BERTH_ENET, 0, "the line went dead");
}

/* What the source fails with arrives, and a reader that stops early does not wait for ever. */
START_TEST(sources_that_fail)
{
	const struct flat_limits limits = FLAT_LIMITS_INIT;
	struct strbuf tar = STRBUF_INIT;
	struct berth_err err = BERTH_ERR_INIT;

	for (size_t i = 0; i < 3; i++) {
		struct flat_test t = { 0 };
		const struct flat_sink sink = test_sink(&t);
		size_t left = i * 5000000;
		const struct flat_blob blob = { .source = { .arg = &left, .read = broken }, .packing = FLAT_ANY };
		struct flat *f = NULL;

		ck_assert_int_eq(flat_new(&sink, &limits, &f, &err), 0);
		ck_assert_int_eq(flat_layer(f, &blob, &err), -1);
		ck_assert_int_eq(err.code, BERTH_ENET);
		ck_assert_str_eq(err.text, "the line went dead");
		flat_free(f);
		test_done(&t);
	}
	strbuf_add(&tar, plain, sizeof(plain));
	for (size_t i = 0; i < 10; i++)
		strbuf_add(&tar, plain, sizeof(plain));
	ck_assert_int_eq(read_layer(&tar, NULL, &limits, &err), -1);
	ck_assert_int_eq(err.code, BERTH_EIMAGE);
	strbuf_done(&tar);
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("inflate");

	tcase_add_unchecked_fixture(tc, setup, NULL);
	tcase_add_loop_test(tc, whole, FLAT_PLAIN, FLAT_ZSTD + 1);
	tcase_add_loop_test(tc, cut_or_changed, 0, 2);
	tcase_add_loop_test(tc, around, 0, ARRAY_SIZE(rows));
	tcase_add_test(tc, window);
	tcase_add_test(tc, digests);
	tcase_add_test(tc, bombs);
	tcase_add_test(tc, sources_that_fail);
	return unit_run("inflate", tc);
}
