/* SPDX-License-Identifier: BSD-3-Clause */
/* check_convert.c - layers that end in the middle, whatever was written of them (libimage/build/convert.h). */
#include "config.h"

#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "libimage/base/cleanup.h"
#include "libimage/base/err.h"
#include "libimage/base/fd.h"
#include "libimage/base/filter.h"
#include "libimage/build/convert.h"
#include "tests/unit/tar_make.h"
#include "tests/unit/unit.h"

#if FILTER_SANITIZED
/* libsquashfs 1.2 leaks the blocks that its workers had when they were ended; a converter ends with them. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
	return "leak:libsquashfs.so";
}
#endif

/* A file with random bytes, so that the workers have something to do. */
static void put_file(struct strbuf *tar, const char *path, size_t n)
{
	cleanup_free char *bytes = malloc(n);

	ck_assert_ptr_nonnull(bytes);
	for (size_t i = 0; i < n; i++)
		bytes[i] = (char)random();
	tar_put(tar, '0', path, NULL, bytes, n);
}

static int convert(const struct strbuf *tar, struct convert_result *res, struct berth_err *err)
{
	cleanup_close int in = memfd_create("layer", MFD_CLOEXEC), out = memfd_create("image", MFD_CLOEXEC);
	const struct convert_layer layer = { .fd = in, .size = tar->len, .packing = FLAT_PLAIN, .name = "layer 1" };
	const struct convert_job job = {
		.out_fd = out, .layer = &layer, .nlayer = 1, .bare = true,
		.squash = { .compressor = SQUASH_ZSTD, .epoch = -1 },
	};

	ck_assert_int_eq(fd_write_full(in, tar->text, tar->len), 0);
	return convert_here(&job, res, err);
}

/* What is known of the files that came is let go in an order that none of its parts minds. */
START_TEST(ends_early)
{
	static const char *const names[] = { "usr/bin/a", "bin/sh", "lib/libc.so.6", "bin/sh", "etc/passwd" };

	for (size_t n = 0; n <= ARRAY_SIZE(names); n++) {
		cleanup(strbuf_done) struct strbuf tar = STRBUF_INIT;
		struct berth_err err = BERTH_ERR_INIT;
		struct convert_result res;

		for (size_t i = 0; i < n; i++)
			put_file(&tar, names[i], 70000 * (i + 1));
		tar_put(&tar, '0', "up/../../..", NULL, "x", 1);
		ck_assert_int_eq(convert(&tar, &res, &err), -1);
		ck_assert_int_eq(err.code, BERTH_EIMAGE);
		ck_assert_ptr_nonnull(strstr(err.text, "leads upwards"));
		/* and in the middle of the last file */
		tar.len -= 1024;
		if (n == 0)
			continue;
		tar.len -= 40000;
		ck_assert_int_eq(convert(&tar, &res, &err), -1);
		ck_assert_ptr_nonnull(strstr(err.text, "in the middle of a file"));
	}
}
END_TEST

static uint64_t space(void)
{
	FILE *f = fopen("/proc/self/statm", "re");
	unsigned long pages = 0;

	ck_assert(f && fscanf(f, "%lu", &pages) == 1 && fclose(f) == 0);
	return (uint64_t)pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

/* Wherever memory runs out, that is what is said, not that there is a mistake in Berth or in the image. */
START_TEST(no_memory)
{
	cleanup(strbuf_done) struct strbuf tar = STRBUF_INIT;
	int refused = 0;

	if (FILTER_SANITIZED)
		return; /* they have the address space for themselves */
	put_file(&tar, "bin/sh", 100000);
	put_file(&tar, "data", 3000000);
	for (uint64_t mib = 0; mib < 80; mib += 2) {
		struct rlimit was, now;
		struct berth_err err = BERTH_ERR_INIT;
		struct convert_result res;
		int rc;

		ck_assert_int_eq(getrlimit(RLIMIT_AS, &was), 0);
		now = (struct rlimit){ .rlim_cur = space() + (mib << 20), .rlim_max = was.rlim_max };
		(void)setrlimit(RLIMIT_AS, &now);
		rc = convert(&tar, &res, &err);
		(void)setrlimit(RLIMIT_AS, &was);
		refused += rc < 0;
		ck_assert_msg(rc == 0 || (err.code == BERTH_ESYS && (err.sys == ENOMEM || err.sys == EAGAIN)),
			      "%d MiB: %d %s", (int)mib, err.code, err.text);
	}
	ck_assert_int_gt(refused, 0);
}
END_TEST

int main(void)
{
	TCase *c = tcase_create("convert");

	/* What was freed does not look as it did. */
	(void)mallopt(M_PERTURB, 0xa5);
	tcase_set_timeout(c, 120);
	tcase_add_test(c, ends_early);
	tcase_add_test(c, no_memory);
	return unit_run("convert", c);
}
