/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * check_sha256.c - SHA-256 (libimage/base/sha256.h): the vectors of FIPS 180-4, every length
 * around the block's edges against sha256sum(1), and any cutting of the input.
 */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "libimage/base/cleanup.h"
#include "libimage/base/sha256.h"
#include "tests/unit/unit.h"

enum { LENGTHS = 201 };

static void sum_hex(const void *data, size_t n, size_t step, char out[SHA256_HEX + 1])
{
	uint8_t sum[SHA256_BYTES];
	struct sha256 s;

	sha256_init(&s);
	for (size_t at = 0; at < n; at += step)
		sha256_add(&s, (const char *)data + at, n - at < step ? n - at : step);
	sha256_end(&s, sum);
	sha256_hex(sum, out);
}

static const struct {
	const char *text, *want;
} vectors[] = {
	{ "", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" },
	{ "abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" },
	{ "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
	  "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1" },
	{ "abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmnopqrl"
	  "mnopqrsmnopqrstnopqrstu",
	  "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1" },
};

START_TEST(fips)
{
	char hex[SHA256_HEX + 1];

	sum_hex(vectors[_i].text, strlen(vectors[_i].text), 1000, hex);
	ck_assert_str_eq(hex, vectors[_i].want);
}
END_TEST

START_TEST(million)
{
	char hex[SHA256_HEX + 1];
	cleanup_free char *a = malloc(1000000);

	ck_assert_ptr_nonnull(a);
	memset(a, 'a', 1000000);
	for (size_t step = 997; step < 1000001; step += 999003) {
		sum_hex(a, 1000000, step, hex);
		ck_assert_str_eq(hex, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
	}
}
END_TEST

/* sha256sum takes one file a length; all in one run. */
START_TEST(lengths)
{
	char dir[] = "/tmp/check_sha256.XXXXXX", path[64], command[128], line[256];
	uint8_t data[LENGTHS];
	FILE *p;

	ck_assert_ptr_nonnull(mkdtemp(dir));
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)(i * 37 + 11);
	for (size_t n = 0; n < LENGTHS; n++) {
		FILE *f;

		(void)snprintf(path, sizeof(path), "%s/%03zu", dir, n);
		f = fopen(path, "we");
		ck_assert_ptr_nonnull(f);
		ck_assert_uint_eq(fwrite(data, 1, n, f), n);
		ck_assert_int_eq(fclose(f), 0);
	}
	(void)snprintf(command, sizeof(command), "cd %s && sha256sum *", dir);
	p = popen(command, "re");
	ck_assert_ptr_nonnull(p);
	for (size_t n = 0; n < LENGTHS; n++) {
		char hex[SHA256_HEX + 1];

		ck_assert_ptr_nonnull(fgets(line, sizeof(line), p));
		line[SHA256_HEX] = '\0';
		for (size_t step = 1; step < 70; step += 7) {
			sum_hex(data, n, step, hex);
			ck_assert_str_eq(hex, line);
		}
		(void)snprintf(path, sizeof(path), "%s/%03zu", dir, n);
		(void)unlink(path);
	}
	ck_assert_int_eq(pclose(p), 0);
	(void)rmdir(dir);
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("sha256");

	tcase_add_loop_test(tc, fips, 0, (int)ARRAY_SIZE(vectors));
	tcase_add_test(tc, million);
	tcase_add_test(tc, lengths);
	return unit_run("sha256", tc);
}
