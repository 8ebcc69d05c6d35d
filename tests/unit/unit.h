/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * unit.h - what the check programs share: the frame of main() and a scratch directory.
 */
#ifndef BERTH_TESTS_UNIT_H
#define BERTH_TESTS_UNIT_H

#include <check.h>
#include <dirent.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { UNIT_SECONDS = 300 }; /* LIMIT: for what would hang; a busy machine takes a minute for a test */

/* Run the tests of 'tc' and, if it is not NULL, of 'more'; the exit status. */
static inline int unit_run_two(const char *name, TCase *tc, TCase *more)
{
	Suite *s = suite_create(name);
	SRunner *r;
	int failed;

	tcase_set_timeout(tc, UNIT_SECONDS);
	suite_add_tcase(s, tc);
	if (more) {
		tcase_set_timeout(more, UNIT_SECONDS);
		suite_add_tcase(s, more);
	}
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

static inline int unit_run(const char *name, TCase *tc)
{
	return unit_run_two(name, tc, NULL);
}

/* How many descriptors this process has open (the one that counts is not). */
static inline int unit_count_fds(void)
{
	DIR *d = opendir("/proc/self/fd");
	int n = 0;

	ck_assert_ptr_nonnull(d);
	while (readdir(d))
		n++;
	(void)closedir(d);
	return n;
}

#endif
