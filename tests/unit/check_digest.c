/* SPDX-License-Identifier: BSD-3-Clause */
/* check_digest.c - what is a digest, and sums of bytes (libimage/ref/digest.h, hasher.h). */
#include "config.h"

#include <string.h>

#include "libimage/base/cleanup.h"
#include "libimage/base/err.h"
#include "libimage/ref/digest.h"
#include "libimage/ref/hasher.h"
#include "tests/unit/unit.h"

#define HEX63 "123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define HEX64 "0" HEX63

static const char *const good[] = {
	"sha256:" HEX64,
	"sha256:ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
	"sha512:" HEX64 HEX64,
};

START_TEST(parse_good)
{
	struct berth_err err = BERTH_ERR_INIT;
	struct digest d;

	ck_assert_msg(digest_parse(good[_i], &d, &err) == 0, "%s", err.text);
	ck_assert_str_eq(d.text, good[_i]);
	ck_assert_str_eq(digest_hex(&d), good[_i] + strlen("sha256:"));
	ck_assert(digest_is_set(&d));
}
END_TEST

/* Each has led somebody from a digest to a path or a host of the registry's choice, or might. */
static const char *const bad[] = {
	"",
	"sha256",
	"sha256:",
	":" HEX64,
	HEX64,
	"sha256:" HEX63,
	"sha256:" HEX64 "0",
	"sha512:" HEX64,
	"sha512:" HEX64 HEX63,
	"sha512:" HEX64 HEX64 "0",
	"SHA256:" HEX64,
	"sha256:" "A" HEX63,
	"sha256:" "g" HEX63,
	"sha256:" " " HEX63,
	"sha256:" "\n" HEX63,
	" sha256:" HEX64,
	"sha256:" HEX64 "\n",
	"sha256:" HEX64 "@evil.example",
	"sha256:../../../../../../../../../../../../../../../../../../etc/passw",
	"sha256:" HEX64 "/../../x",
	"sha256:/" HEX63,
	"sha256::" HEX64,
	"sha256+b64:" HEX64,
	"sha384:" HEX64 "0123456789abcdef0123456789abcdef",
	"sha1:0123456789abcdef0123456789abcdef01234567",
	"md5:0123456789abcdef0123456789abcdef",
	"blake3:" HEX64,
	"sha256-" HEX64,
	"../sha256:" HEX64,
	"sha256:%00" HEX63,
	"sha256:0x" HEX64,
};

START_TEST(parse_bad)
{
	struct berth_err err = BERTH_ERR_INIT;
	struct digest d = { .text = "untouched" };

	ck_assert_int_eq(digest_parse(bad[_i], &d, &err), -1);
	ck_assert_int_eq(err.code, BERTH_EIMAGE);
	ck_assert_str_eq(d.text, "untouched");
	for (const char *p = err.text; *p; p++)
		ck_assert_msg((unsigned char)*p >= ' ' && *p != 0x7f, "a control character in an error text");
}
END_TEST

START_TEST(equal)
{
	struct berth_err err = BERTH_ERR_INIT;
	struct digest a, b, none = { 0 };

	ck_assert_int_eq(digest_parse(good[0], &a, &err), 0);
	ck_assert_int_eq(digest_parse(good[0], &b, &err), 0);
	ck_assert(digest_equal(&a, &b));
	ck_assert_int_eq(digest_parse(good[1], &b, &err), 0);
	ck_assert(!digest_equal(&a, &b));
	ck_assert(!digest_equal(&a, &none));
	ck_assert(!digest_equal(&none, &a));
	ck_assert(!digest_equal(&none, &none));
	ck_assert(!digest_is_set(&none));
}
END_TEST

/* FIPS 180-4's own examples. */
static const struct {
	const char *algorithm, *bytes, *want;
} sums[] = {
	{ "sha256", "", "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" },
	{ "sha256", "abc", "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" },
	{ "sha256:" HEX64, "abc", "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" },
	{ "sha512", "abc", "sha512:ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
			   "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f" },
};

START_TEST(sum)
{
	cleanup(hasher_freep) struct hasher *h = hasher_new(sums[_i].algorithm);
	struct digest d, whole;

	ck_assert_ptr_nonnull(h);
	for (const char *p = sums[_i].bytes; *p; p++)
		hasher_add(h, p, 1);
	ck_assert_int_eq(hasher_end(h, &d), 0);
	ck_assert_str_eq(d.text, sums[_i].want);
	ck_assert_int_eq(hasher_sum(sums[_i].algorithm, sums[_i].bytes, strlen(sums[_i].bytes), &whole), 0);
	ck_assert(digest_equal(&d, &whole));
}
END_TEST

START_TEST(no_such_sum)
{
	static const char *const names[] = { "", ":", "sha1", "md5", "SHA256", "sha", "sha256 ", "sha2567" };
	struct digest d = { .text = "untouched" };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		ck_assert_ptr_null(hasher_new(names[i]));
		ck_assert_int_eq(hasher_sum(names[i], "", 0, &d), -1);
	}
	ck_assert_int_eq(digest_from_sum("sha256", (const unsigned char *)"1234", 4, &d), -1);
	ck_assert_int_eq(digest_from_sum("sha1", (const unsigned char *)"12345678901234567890", 20, &d), -1);
	ck_assert_str_eq(d.text, "untouched");
	ck_assert_ptr_null(hasher_free(NULL));
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("digest");

	tcase_add_loop_test(tc, parse_good, 0, (int)ARRAY_SIZE(good));
	tcase_add_loop_test(tc, parse_bad, 0, (int)ARRAY_SIZE(bad));
	tcase_add_test(tc, equal);
	tcase_add_loop_test(tc, sum, 0, (int)ARRAY_SIZE(sums));
	tcase_add_test(tc, no_such_sum);
	return unit_run("digest", tc);
}
