/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * unit.h - the few lines that every check program needs around its tests.
 */
#ifndef BERTH_TESTS_UNIT_H
#define BERTH_TESTS_UNIT_H

#include <check.h>

/* Run the tests of 'tc' as the suite 'name'; the exit status of the program. */
static inline int unit_run(const char *name, TCase *tc)
{
	Suite *s = suite_create(name);
	SRunner *r;
	int failed;

	suite_add_tcase(s, tc);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? 1 : 0;
}

#endif
