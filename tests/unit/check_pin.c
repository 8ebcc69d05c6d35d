/* SPDX-License-Identifier: BSD-3-Clause */
/* check_pin.c - what identifies an image (libimage/base/pin.h). */
#include "config.h"

#include <errno.h>
#include <fcntl.h>

#include "libimage/base/cleanup.h"
#include "libimage/base/pin.h"
#include "tests/unit/image_make.h"

#define HEX "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static int squash(size_t at, size_t n)
{
	uint8_t b[256] = "#!/usr/bin/env run-singularity\n";
	int fd = memfd_create("squash", MFD_CLOEXEC);

	memcpy(b + at, "hsqs", 4);
	ck_assert_int_eq(fd_pwrite_full(fd, b, n, 0), 0);
	return fd;
}

START_TEST(kinds)
{
	struct berth_err err = BERTH_ERR_INIT;
	struct sif_new_object o[2];
	struct image_pin pin;
	char text[PIN_TEXT_MAX];
	uint64_t size;
	cleanup_close int sif = made_sif(o, "02", &size), plain = squash(0, 200), old = squash(31, 200);
	cleanup_close int dir = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);

	ck_assert_int_eq(image_pin_read(sif, &pin, &err), 0);
	ck_assert_int_eq(pin.kind, IMAGE_SIF);
	ck_assert_uint_eq(pin.size, size);
	ck_assert_int_eq(image_pin_read(plain, &pin, &err), 0);
	ck_assert_int_eq(pin.kind, IMAGE_SQUASHFS);
	ck_assert_uint_eq(pin.size, 200);
	ck_assert_int_eq(image_pin_read(old, &pin, &err), 0);
	ck_assert_int_eq(pin.kind, IMAGE_SQUASHFS);
	ck_assert_int_eq(image_pin_read(dir, &pin, &err), 0);
	ck_assert_int_eq(pin.kind, IMAGE_DIR);
	image_pin_format(&pin, text);
	ck_assert_str_eq(text, "dir");
}
END_TEST

/* Who reads the kind alone refuses what who reads the pin refuses. */
static int (*const readers[])(int, struct image_pin *, struct berth_err *) = {
	image_pin_read, image_kind_read,
};

START_TEST(no_image)
{
	static const char *const files[] = { "/dev/null", "/proc/self/cmdline", "/bin/sh" };
	struct berth_err err;
	struct image_pin pin = { .kind = IMAGE_DIR, .size = 7 };
	int p[2];

	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		cleanup_close int fd = open(files[i], O_RDONLY | O_CLOEXEC);

		ck_assert_int_eq(readers[_i](fd, &pin, &err), -1);
		ck_assert_int_eq(err.code, BERTH_EIMAGE);
	}
	for (size_t n = 0; n < 128; n += 31) {
		cleanup_close int fd = squash(0, n);

		ck_assert_int_eq(readers[_i](fd, &pin, &err), -1);
		ck_assert_int_eq(err.code, BERTH_EIMAGE);
	}
	ck_assert_int_eq(pipe2(p, O_CLOEXEC), 0);
	ck_assert_int_eq(readers[_i](p[0], &pin, &err), -1);
	ck_assert_int_eq(err.code, BERTH_EIMAGE);
	ck_assert_int_eq(readers[_i](-1, &pin, &err), -1);
	ck_assert_int_eq(err.code, BERTH_ESYS);
	ck_assert_uint_eq(pin.size, 7);
	(void)close(p[0]);
	(void)close(p[1]);
}
END_TEST

START_TEST(kind_is_pin_without_sum)
{
	static const uint8_t zero[SHA256_BYTES];
	struct berth_err err = BERTH_ERR_INIT;
	struct sif_new_object o[2];
	struct image_pin pin, kind;
	uint64_t size;
	const int fds[] = {
		made_sif(o, "02", &size), squash(0, 200), squash(31, 200),
		open("/", O_PATH | O_DIRECTORY | O_CLOEXEC),
	};

	for (size_t i = 0; i < ARRAY_SIZE(fds); i++) {
		memset(&kind, 0xff, sizeof(kind));
		ck_assert_int_eq(image_pin_read(fds[i], &pin, &err), 0);
		ck_assert_int_eq(image_kind_read(fds[i], &kind, &err), 0);
		ck_assert_int_eq(kind.kind, pin.kind);
		ck_assert_uint_eq(kind.size, pin.size);
		ck_assert_mem_eq(kind.sum, zero, sizeof(zero));
		/* and is good for no comparison */
		ck_assert_int_eq(image_pin_check(&pin, &kind, "x", &err), pin.kind == IMAGE_DIR ? 0 : -1);
		(void)close(fds[i]);
	}
}
END_TEST

/* Every byte of header and table counts, no byte behind them does. */
START_TEST(what_counts)
{
	static const struct {
		uint64_t at;
		bool counts;
	} rows[] = {
		{ 0, true }, { 45, true }, { 48, true }, { 64, true }, { 80, true }, { 127, true },
		{ 128, false }, { 4095, false }, { 4096, true }, { 4096 + 585, true },
		{ 4096 + 48 * 585 - 1, true }, { 4096 + 48 * 585, false }, { 32768 + 5, false },
	};
	struct sif_new_object o[2];
	uint64_t size;
	cleanup_close int fd = made_sif(o, "02", &size);
	struct berth_err err = BERTH_ERR_INIT;
	struct image_pin pin, now;

	ck_assert_int_eq(image_pin_read(fd, &pin, &err), 0);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		uint8_t was, is;

		ck_assert_int_eq(fd_pread_full(fd, &was, 1, (off_t)rows[i].at), 0);
		is = was ^ 0x10;
		ck_assert_int_eq(fd_pwrite_full(fd, &is, 1, (off_t)rows[i].at), 0);
		ck_assert_int_eq(image_pin_read(fd, &now, &err), 0);
		ck_assert_msg((image_pin_check(&pin, &now, "x", &err) < 0) == rows[i].counts, "byte %zu",
			      (size_t)rows[i].at);
		ck_assert_int_eq(fd_pwrite_full(fd, &was, 1, (off_t)rows[i].at), 0);
	}
	ck_assert_int_eq(ftruncate(fd, (off_t)size - 1), 0);
	ck_assert_int_eq(image_pin_read(fd, &now, &err), 0);
	ck_assert_int_eq(image_pin_check(&pin, &now, "x.sif", &err), -1);
	ck_assert_int_eq(err.code, BERTH_EIMAGE);
	ck_assert_ptr_nonnull(strstr(err.text, "x.sif"));
	ck_assert_int_ne(err.hint[0], 0);
	pin.kind = IMAGE_UNKNOWN; /* nothing was pinned */
	ck_assert_int_eq(image_pin_check(&pin, &now, "x.sif", &err), 0);
}
END_TEST

START_TEST(bad_sif)
{
	static const struct {
		enum sif_header_field at;
		uint64_t v;
	} rows[] = {
		{ SIF_H_SLOTS, 0 }, { SIF_H_SLOTS, SIF_DESC_MAX + 1 }, { SIF_H_SLOTS, UINT64_MAX },
		{ SIF_H_SLOTS, 100 }, { SIF_H_SLOTS, 1ULL << 32 }, { SIF_H_TABLE, 0 },
		{ SIF_H_TABLE, 127 }, { SIF_H_TABLE, UINT64_MAX }, { SIF_H_TABLE, INT64_MAX },
		{ SIF_H_TABLE, 45056 }, { SIF_H_TABLE, UINT64_MAX - 48 * 585 + 1 },
		{ SIF_H_VERSION, 0x3230 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct sif_new_object o[2];
		uint64_t size;
		cleanup_close int fd = made_sif(o, "02", &size);
		struct berth_err err = BERTH_ERR_INIT;
		struct image_pin pin;

		poke64(fd, (uint64_t)rows[i].at, rows[i].v);
		ck_assert_msg(image_pin_read(fd, &pin, &err) == -1, "row %zu", i);
		ck_assert_int_eq(err.code, BERTH_EIMAGE);
	}
}
END_TEST

START_TEST(text_round_trip)
{
	static const char *const texts[] = {
		"dir", "sif:1:" HEX, "squashfs:9223372036854775807:" HEX, "sif:0:" HEX,
	};

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		struct berth_err err = BERTH_ERR_INIT;
		char text[PIN_TEXT_MAX];
		struct image_pin pin;

		ck_assert_int_eq(image_pin_parse(texts[i], &pin, &err), 0);
		image_pin_format(&pin, text);
		ck_assert_str_eq(text, texts[i]);
	}
}
END_TEST

static const char *const bad_texts[] = {
	"", "dir ", "dir:", "DIR", "unknown", "sif", "sif:", "sif::" HEX, "sif:1:", "sif:1", "sif:1:" HEX "0",
	"sif:1:" HEX " ", " sif:1:" HEX, "sif:-1:" HEX, "sif:+1:" HEX, "sif:01:" HEX, "sif:1 :" HEX,
	"sif:9223372036854775808:" HEX, "sif:18446744073709551616:" HEX, "squash:1:" HEX, "ext3:1:" HEX,
	"sif:1:0123456789ABCDEF0123456789abcdef0123456789abcdef0123456789abcdef",
	"sif:1:g123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
	"sif:111111111111111111111111111111111111111:" HEX, "sif:1:" HEX ":1", "squashfs:1:" HEX "\n",
};

START_TEST(text_bad)
{
	struct image_pin pin = { .size = 7 };
	struct berth_err err = BERTH_ERR_INIT;

	ck_assert_int_eq(image_pin_parse(bad_texts[_i], &pin, &err), -1);
	ck_assert_int_eq(err.code, BERTH_EUSAGE);
	ck_assert_uint_eq(pin.size, 7);
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("pin");

	tcase_add_test(tc, kinds);
	tcase_add_loop_test(tc, no_image, 0, (int)ARRAY_SIZE(readers));
	tcase_add_test(tc, kind_is_pin_without_sum);
	tcase_add_test(tc, what_counts);
	tcase_add_test(tc, bad_sif);
	tcase_add_test(tc, text_round_trip);
	tcase_add_loop_test(tc, text_bad, 0, (int)ARRAY_SIZE(bad_texts));
	return unit_run("pin", tc);
}
