/* SPDX-License-Identifier: BSD-3-Clause */
/* check_num.c - strict numbers (libimage/base/num.h). */
#include "config.h"

#include "libimage/base/cleanup.h"
#include "libimage/base/num.h"
#include "tests/unit/unit.h"

static const struct {
	const char *text;
	uint64_t max, want;
} good[] = {
	{ "0", 0, 0 },
	{ "7", 7, 7 },
	{ "10", UINT64_MAX, 10 },
	{ "18446744073709551615", UINT64_MAX, UINT64_MAX },
};

static const struct {
	const char *text;
	uint64_t max;
} bad[] = {
	{ "", 9 }, { "+0", 9 }, { " 0", 9 }, { "0 ", 9 }, { "0x0", 9 }, { "01", 9 }, { "00", 9 },
	{ "-1", UINT64_MAX }, { "-0", 9 }, { "1.0", 9 }, { "1e3", 9999 }, { "1_0", 99 }, { "1,0", 99 },
	{ "8", 7 }, { "1", 0 }, { "10\n", 99 }, { "\t1", 9 }, { "a", 99 }, { "1a", 99 },
	{ "18446744073709551616", UINT64_MAX }, { "18446744073709551625", UINT64_MAX },
	{ "99999999999999999999", UINT64_MAX }, { "340282366920938463463374607431768211456", UINT64_MAX },
	{ "18446744073709551615", INT64_MAX }, { "\xd9\xa1", 9 }, /* ARABIC-INDIC DIGIT ONE */
};

START_TEST(parse_good)
{
	uint64_t v = 12345;

	ck_assert_int_eq(num_parse_u64(good[_i].text, good[_i].max, &v), 0);
	ck_assert_uint_eq(v, good[_i].want);
}
END_TEST

START_TEST(parse_bad)
{
	uint64_t v = 12345;

	ck_assert_int_eq(num_parse_u64(bad[_i].text, bad[_i].max, &v), -1);
	ck_assert_uint_eq(v, 12345);
}
END_TEST

START_TEST(add_and_mul)
{
	uint64_t v = 5;

	ck_assert_int_eq(num_add_u64(UINT64_MAX, 1, &v), -1);
	ck_assert_int_eq(num_add_u64(UINT64_MAX, UINT64_MAX, &v), -1);
	ck_assert_int_eq(num_mul_u64(1ULL << 32, 1ULL << 32, &v), -1);
	ck_assert_int_eq(num_mul_u64(UINT64_MAX, 2, &v), -1);
	ck_assert_uint_eq(v, 5);
	ck_assert_int_eq(num_add_u64(UINT64_MAX - 1, 1, &v), 0);
	ck_assert_uint_eq(v, UINT64_MAX);
	ck_assert_int_eq(num_mul_u64(UINT64_MAX, 0, &v), 0);
	ck_assert_uint_eq(v, 0);
	ck_assert_int_eq(num_mul_u64(1ULL << 31, 1ULL << 32, &v), 0);
	ck_assert_uint_eq(v, 1ULL << 63);
}
END_TEST

START_TEST(little_endian_unaligned)
{
	unsigned char b[17] = { 0, 1, 2, 3, 4, 5, 6, 7, 8 };

	ck_assert_uint_eq(num_le16(b + 1), 0x0201);
	ck_assert_uint_eq(num_le32(b + 1), 0x04030201);
	ck_assert_uint_eq(num_le64(b + 1), 0x0807060504030201ULL);
	num_put_le32(b + 9, 0xdeadbeef);
	ck_assert_uint_eq(b[9], 0xef);
	ck_assert_uint_eq(num_le32(b + 9), 0xdeadbeef);
	num_put_le64(b + 9, UINT64_MAX - 1);
	ck_assert_uint_eq(b[9], 0xfe);
	ck_assert_uint_eq(num_le64(b + 9), UINT64_MAX - 1);
}
END_TEST

static const struct {
	const char *text;
	uint64_t max, want; /* want UINT64_MAX: refused */
} sizes[] = {
	{ "0", 9, 0 }, { "0T", 9, 0 }, { "512", 512, 512 }, { "1K", 1024, 1024 }, { "3M", UINT64_MAX, 3145728 },
	{ "20G", UINT64_MAX, 21474836480 }, { "16777215T", UINT64_MAX, 18446742974197923840ULL },
	{ "", 9, UINT64_MAX }, { "K", 9, UINT64_MAX }, { "1k", UINT64_MAX - 1, UINT64_MAX },
	{ "1KK", UINT64_MAX - 1, UINT64_MAX }, { "1 K", UINT64_MAX - 1, UINT64_MAX }, { "1KB", UINT64_MAX - 1, UINT64_MAX },
	{ "1.5G", UINT64_MAX - 1, UINT64_MAX }, { "-1K", UINT64_MAX - 1, UINT64_MAX }, { "01K", UINT64_MAX - 1, UINT64_MAX },
	{ "16777216T", UINT64_MAX - 1, UINT64_MAX }, { "1K", 1023, UINT64_MAX }, { "2", 1, UINT64_MAX },
	{ "18446744073709551615K", UINT64_MAX - 1, UINT64_MAX }, { "000000000000000000000000001", 9, UINT64_MAX },
};

START_TEST(parse_sizes)
{
	uint64_t v = 12345;
	int rc = num_parse_size(sizes[_i].text, sizes[_i].max, &v);

	ck_assert_msg(rc == (sizes[_i].want == UINT64_MAX ? -1 : 0), "'%s'", sizes[_i].text);
	ck_assert_uint_eq(v, rc == 0 ? sizes[_i].want : 12345);
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("num");

	tcase_add_loop_test(tc, parse_good, 0, (int)ARRAY_SIZE(good));
	tcase_add_loop_test(tc, parse_bad, 0, (int)ARRAY_SIZE(bad));
	tcase_add_loop_test(tc, parse_sizes, 0, ARRAY_SIZE(sizes));
	tcase_add_test(tc, add_and_mul);
	tcase_add_test(tc, little_endian_unaligned);
	return unit_run("num", tc);
}
