/* SPDX-License-Identifier: BSD-3-Clause */
/* check_progress.c - what is said of a download (launcher/cli/progress.h). */
#include "config.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "launcher/cli/progress.h"
#include "libimage/base/cleanup.h"
#include "libimage/base/fd.h"
#include "libimage/base/log.h"
#include "tests/unit/unit.h"

START_TEST(sizes)
{
	static const struct { uint64_t bytes; const char *text; } rows[] = {
		{ 0, "0 B" }, { 999, "999 B" }, { 1000, "1.0 kB" }, { 106400000, "106.4 MB" },
		{ 999949, "999.9 kB" }, { 999950, "1.0 MB" }, { 20ULL << 30, "21.5 GB" }, { UINT64_MAX, "18446744.1 TB" },
	};
	char out[PROGRESS_SIZE];

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		progress_size(rows[i].bytes, out);
		ck_assert_str_eq(out, rows[i].text);
	}
}
END_TEST

START_TEST(lines)
{
	static const struct {
		uint64_t done, total;
		enum progress_state state;
		unsigned int width;
		const char *text;
	} rows[] = {
		{ 0, 2000, PROGRESS_WAITING, 80, "sha256:1a2b             2.0 kB  waiting" },
		{ 0, 2000, PROGRESS_THERE, 80, "sha256:1a2b             2.0 kB  was there already" },
		{ 2000, 2000, PROGRESS_DONE, 80, "sha256:1a2b             2.0 kB  done" },
		{ 1000, 2000, PROGRESS_COMING, 58, "sha256:1a2b          [#####     ]    1.0 kB of 2.0 kB" },
		{ 0, 2000, PROGRESS_COMING, 58, "sha256:1a2b          [          ]       0 B of 2.0 kB" },
		/* more than was said, and nothing that was said: no bar beyond its end, no division by it */
		{ 4000, 2000, PROGRESS_COMING, 58, "sha256:1a2b          [##########]    4.0 kB of 2.0 kB" },
		{ 0, 0, PROGRESS_COMING, 58, "sha256:1a2b          [##########]       0 B of 0 B" },
		/* a narrow terminal */
		{ 1000, 2000, PROGRESS_COMING, 50, "sha256:1a2b             1.0 kB of 2.0 kB" },
		{ 1000, 2000, PROGRESS_COMING, 0, "sha256:1a2b             1.0 kB of 2.0 kB" },
	};
	char out[512];

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		progress_line("sha256:1a2b", rows[i].done, rows[i].total, rows[i].state, rows[i].width, out,
			      sizeof(out));
		ck_assert_str_eq(out, rows[i].text);
	}
	/* the widest there are */
	progress_line("x", 1, 2, PROGRESS_COMING, UINT32_MAX, out, sizeof(out));
	ck_assert_uint_lt(strlen(out), sizeof(out));
}
END_TEST

/* What goes to standard error, which is no terminal: one line for each, when it is there. */
static const char *said(void (*say)(struct progress *p), bool quiet)
{
	static char text[2000];
	cleanup_close int fd = memfd_create("said", MFD_CLOEXEC), keep = dup(STDERR_FILENO);
	struct progress *p;
	ssize_t n;

	log_init("berth", LOG_NOTE);
	(void)fflush(stderr);
	ck_assert_int_ge(dup2(fd, STDERR_FILENO), 0);
	p = progress_new(2, quiet);
	say(p);
	p = progress_end(p);
	(void)fflush(stderr);
	ck_assert_int_ge(dup2(keep, STDERR_FILENO), 0);
	ck_assert_ptr_null(p);
	n = pread(fd, text, sizeof(text) - 1, 0);
	ck_assert_int_ge(n, 0);
	text[n] = '\0';
	return text;
}

static void all_goes_well(struct progress *p)
{
	progress_set(p, 0, "one", 0, 5, PROGRESS_WAITING);
	for (uint64_t i = 0; i < 5; i++)
		progress_set(p, 0, "one", i, 5, PROGRESS_COMING);
	progress_set(p, 1, "two", 7, 7, PROGRESS_THERE);
	progress_set(p, 0, "one", 5, 5, PROGRESS_DONE);
	progress_set(p, 0, "one", 5, 5, PROGRESS_DONE);
	progress_set(p, 2, "none", 5, 5, PROGRESS_DONE);
}

START_TEST(plain)
{
	ck_assert_str_eq(said(all_goes_well, false), "berth: two                        7 B  was there already\n"
						     "berth: one                        5 B  done\n");
	ck_assert_str_eq(said(all_goes_well, true), "");
	progress_set(NULL, 0, "one", 0, 5, PROGRESS_DONE); /* no memory */
	ck_assert_ptr_null(progress_end(NULL));
}
END_TEST

int main(void)
{
	TCase *c = tcase_create("progress");

	tcase_add_test(c, sizes);
	tcase_add_test(c, lines);
	tcase_add_test(c, plain);
	return unit_run("progress", c);
}
