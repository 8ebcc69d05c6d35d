/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * check_unpack.c - the decompressors: blocks made here with their own libraries come back, and what
 * is larger than its room, cut, spoilt, or not one block as its format wants it is refused.
 */
#include "config.h"

#include <libdeflate.h>
#include <lz4.h>
#include <lzma.h>
#include <string.h>
#include <zstd.h>

#include "libimage/base/cleanup.h"
#include "libimage/base/num.h"
#include "libimage/squash/unpack.h"
#include "tests/unit/unit.h"

enum { GZIP = 1, LZMA, LZO, XZ, LZ4, ZSTD };
enum { BLOCK_MAX = 1 << 20, CANARY = 64 };

static const uint16_t can[] = { GZIP, LZMA, XZ, LZ4, ZSTD };
static uint8_t in[2 * BLOCK_MAX + CANARY], packed[4 * BLOCK_MAX], out[2 * BLOCK_MAX + CANARY];

static size_t pack_gzip(size_t n)
{
	struct libdeflate_compressor *c = libdeflate_alloc_compressor(9);
	size_t got = libdeflate_zlib_compress(c, in, n, packed, sizeof(packed));

	libdeflate_free_compressor(c);
	return got;
}

static size_t pack_xz(size_t n, uint32_t dict, bool alone)
{
	lzma_options_lzma opt;
	lzma_filter filters[2] = { { .id = LZMA_FILTER_LZMA2, .options = &opt }, { .id = LZMA_VLI_UNKNOWN } };
	lzma_stream s = LZMA_STREAM_INIT;
	size_t at = 0;

	ck_assert(!lzma_lzma_preset(&opt, 1));
	opt.dict_size = dict;
	if (!alone) {
		ck_assert_int_eq(lzma_stream_buffer_encode(filters, LZMA_CHECK_CRC32, NULL, in, n, packed, &at,
							   sizeof(packed)), LZMA_OK);
		return at;
	}
	ck_assert_int_eq(lzma_alone_encoder(&s, &opt), LZMA_OK);
	s.next_in = in;
	s.avail_in = n;
	s.next_out = packed;
	s.avail_out = sizeof(packed);
	ck_assert_int_eq(lzma_code(&s, LZMA_FINISH), LZMA_STREAM_END);
	at = s.total_out;
	lzma_end(&s);
	num_put_le64(packed + 5, n); /* as squashfs has it: the size is known */
	return at;
}

static size_t pack(uint16_t id, size_t n)
{
	switch (id) {
	case GZIP:
		return pack_gzip(n);
	case LZMA:
		return pack_xz(n, BLOCK_MAX, true);
	case XZ:
		return pack_xz(n, BLOCK_MAX, false);
	case LZ4:
		return (size_t)LZ4_compress_default((char *)in, (char *)packed, (int)n, sizeof(packed));
	default:
		return ZSTD_compress(packed, sizeof(packed), in, n, 3);
	}
}

static void fill(size_t n, bool random)
{
	uint32_t x = 1;

	for (size_t i = 0; i < n; i++) {
		x = x * 1664525 + 1013904223;
		in[i] = random ? (uint8_t)(x >> 24) : (uint8_t)(i / 64 + (x >> 30));
	}
}

/* Decompress 'n' packed bytes into 'max', and see that nothing was written behind. */
static int64_t unpack(struct unpack *u, uint16_t id, size_t n, size_t max)
{
	cleanup_free uint8_t *exact = malloc(n + 1); /* so that ASan sees a byte read behind it */
	int64_t got;

	memcpy(exact, packed, n);
	memset(out, 0xA5, sizeof(out));
	got = unpack_block(u, id, exact, (uint32_t)n, out, (uint32_t)max);
	for (size_t i = max; i < max + CANARY; i++)
		ck_assert_uint_eq(out[i], 0xA5);
	ck_assert(got == UNPACK_DAMAGED || (got > 0 && got <= (int64_t)max));
	return got;
}

START_TEST(comes_back)
{
	static const size_t sizes[] = { 1, 2, 100, 4096, 8191, 8192, 131072, BLOCK_MAX };
	struct unpack *u = unpack_new();
	uint16_t id = can[_i];

	ck_assert(unpack_can(id));
	for (size_t k = 0; k < ARRAY_SIZE(sizes) * 2; k++) {
		size_t n = sizes[k / 2], m;

		fill(n, k % 2);
		m = pack(id, n);
		ck_assert_int_eq(unpack(u, id, m, n), (int64_t)n);
		ck_assert_int_eq(memcmp(in, out, n), 0);
		ck_assert_int_eq(unpack(u, id, m, n + 1000), (int64_t)n);
		ck_assert_int_eq(memcmp(in, out, n), 0);
	}
	unpack_free(u);
}
END_TEST

/* The most that a byte less of room, or of a block that is far too large, may do is to be refused. */
START_TEST(too_large)
{
	static const size_t sizes[] = { 2, 100, 8193, 131073, 2 * BLOCK_MAX };
	static const size_t rooms[] = { 1, 99, 8192, 131072, 8192 };
	struct unpack *u = unpack_new();
	uint16_t id = can[_i];

	for (size_t k = 0; k < ARRAY_SIZE(sizes) * 2; k++) {
		fill(sizes[k / 2], k % 2);
		ck_assert_int_eq(unpack(u, id, pack(id, sizes[k / 2]), rooms[k / 2]), UNPACK_DAMAGED);
	}
	memset(in, 0, sizeof(in)); /* what packs best */
	ck_assert_int_eq(unpack(u, id, pack(id, 2 * BLOCK_MAX), 4096), UNPACK_DAMAGED);
	fill(5000, false); /* the next one is not disturbed */
	ck_assert_int_eq(unpack(u, id, pack(id, 5000), 5000), 5000);
	unpack_free(u);
}
END_TEST

START_TEST(cut)
{
	struct unpack *u = unpack_new();
	uint16_t id = can[_i];
	size_t m;

	fill(3000, false);
	m = pack(id, 3000);
	for (size_t n = 0; n < m; n++) {
		int64_t got = unpack(u, id, n, 8192);

		/* lz4 has no end of its own: a cut one may be a shorter one */
		ck_assert_msg(got == UNPACK_DAMAGED || id == LZ4 || (id == LZMA && n + 16 > m), "%zu of %zu", n, m);
		ck_assert_int_lt(got, 3001);
	}
	unpack_free(u);
}
END_TEST

/* Any byte changed: no more room than there is, and where there is a checksum, no success. */
START_TEST(spoilt)
{
	struct unpack *u = unpack_new();
	uint16_t id = can[_i];
	size_t m;

	fill(3000, false);
	m = pack(id, 3000);
	for (size_t i = 0; i < m; i++) {
		uint8_t was = packed[i];
		int64_t got;

		for (int k = 0; k < 8; k++) {
			packed[i] = was ^ (uint8_t)(1 << k);
			got = unpack(u, id, m, 3000);
			if (id == XZ && got > 0)
				ck_assert_msg(got == 3000 && memcmp(in, out, 3000) == 0, "byte %zu bit %d", i, k);
			if (id == GZIP && i + 4 >= m) /* its sum of the bytes */
				ck_assert_int_eq(got, UNPACK_DAMAGED);
		}
		packed[i] = was;
	}
	ck_assert_int_eq(unpack(u, id, m, 3000), 3000);
	unpack_free(u);
}
END_TEST

START_TEST(garbage)
{
	struct unpack *u = unpack_new();
	uint16_t id = can[_i];
	uint32_t x = 77;

	for (int k = 0; k < 2000; k++) {
		for (size_t i = 0; i < 300; i++) {
			x = x * 1664525 + 1013904223;
			packed[i] = (uint8_t)(x >> 24);
		}
		(void)unpack(u, id, x % 300, 4096);
	}
	memset(packed, 0, 300);
	ck_assert_int_eq(unpack(u, id, 300, 4096), UNPACK_DAMAGED);
	unpack_free(u);
}
END_TEST

/* A block is one frame of zstd 1: not two, not followed by anything, not skippable, not older. */
START_TEST(zstd_forms)
{
	static const uint32_t magics[] = { 0x184D2A50, 0xFD2FB527, 0xFD2FB525, 0xFD2FB523, 0x1EB52FFD };
	/* "abcd" as 0.7 had it: libzstd may still know that */
	static const uint8_t older[] = { 0x27, 0xB5, 0x2F, 0xFD, 0x20, 4, 0x40, 0, 4, 'a', 'b', 'c', 'd', 0xC0, 0, 0 };
	struct unpack *u = unpack_new();
	size_t m, both;

	fill(100, false);
	m = pack(ZSTD, 100);
	ck_assert_int_eq(unpack(u, ZSTD, m, 4096), 100);
	memcpy(packed + m, packed, m);
	both = 2 * m;
	ck_assert_int_eq(unpack(u, ZSTD, both, 4096), UNPACK_DAMAGED);
	packed[m] = 0;
	ck_assert_int_eq(unpack(u, ZSTD, m + 1, 4096), UNPACK_DAMAGED);
	memcpy(packed, older, sizeof(older));
	ck_assert_int_eq(unpack(u, ZSTD, sizeof(older), 4096), UNPACK_DAMAGED);
	for (size_t i = 0; i < ARRAY_SIZE(magics); i++) {
		num_put_le32(packed, magics[i]);
		num_put_le32(packed + 4, 4);
		ck_assert_int_eq(unpack(u, ZSTD, 12, 4096), UNPACK_DAMAGED);
	}
	unpack_free(u);
}
END_TEST

/* Nobody may make a worker allocate what no block needs. */
START_TEST(dictionaries)
{
	struct unpack *u = unpack_new();
	size_t m;

	fill(8192, false);
	ck_assert_int_eq(unpack(u, XZ, pack_xz(8192, 8 << 20, false), 8192), UNPACK_DAMAGED);
	m = pack_xz(8192, BLOCK_MAX, true);
	ck_assert_int_eq(unpack(u, LZMA, m, 8192), 8192);
	num_put_le32(packed + 1, 1u << 30);
	ck_assert_int_eq(unpack(u, LZMA, m, 8192), UNPACK_DAMAGED);
	num_put_le32(packed + 1, BLOCK_MAX);
	num_put_le64(packed + 5, UINT64_MAX); /* lzma's "unknown" is not what squashfs writes */
	ck_assert_int_eq(unpack(u, LZMA, m, 8192), UNPACK_DAMAGED);
	num_put_le64(packed + 5, 8191);
	ck_assert_int_eq(unpack(u, LZMA, m, 8192), UNPACK_DAMAGED);
	num_put_le64(packed + 5, 8193);
	ck_assert_int_eq(unpack(u, LZMA, m, 9000), UNPACK_DAMAGED);
	unpack_free(u);
}
END_TEST

START_TEST(names)
{
	struct unpack *u = unpack_new();

	ck_assert_str_eq(unpack_name(GZIP), "gzip");
	ck_assert_str_eq(unpack_name(ZSTD), "zstd");
	ck_assert_str_eq(unpack_name(LZO), "lzo");
	ck_assert(!unpack_can(LZO));
	ck_assert_int_eq(unpack(u, LZO, 10, 10), UNPACK_DAMAGED);
	for (uint32_t id = 0; id <= UINT16_MAX; id++) {
		if (id >= GZIP && id <= ZSTD)
			continue;
		ck_assert_ptr_null(unpack_name((uint16_t)id));
		ck_assert(!unpack_can((uint16_t)id));
	}
	ck_assert_int_eq(unpack(u, 0, 10, 10), UNPACK_DAMAGED);
	ck_assert_int_eq(unpack(u, 7, 10, 10), UNPACK_DAMAGED);
	unpack_free(u);
	ck_assert_ptr_null(unpack_free(NULL));
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("unpack");

	tcase_add_loop_test(tc, comes_back, 0, ARRAY_SIZE(can));
	tcase_add_loop_test(tc, too_large, 0, ARRAY_SIZE(can));
	tcase_add_loop_test(tc, cut, 0, ARRAY_SIZE(can));
	tcase_add_loop_test(tc, spoilt, 0, ARRAY_SIZE(can));
	tcase_add_loop_test(tc, garbage, 0, ARRAY_SIZE(can));
	tcase_add_test(tc, zstd_forms);
	tcase_add_test(tc, dictionaries);
	tcase_add_test(tc, names);
	return unit_run("unpack", tc);
}
