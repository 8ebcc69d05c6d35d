/* SPDX-License-Identifier: BSD-3-Clause */
/* must.h - a promise that a target holds its subject to: broken, it ends the process and says which. */
#ifndef BERTH_TESTS_FUZZ_MUST_H
#define BERTH_TESTS_FUZZ_MUST_H

#include <stdio.h>
#include <stdlib.h>

#define must(promise) ((promise) ? (void)0 : must_failed(__FILE__, __LINE__, #promise))

static inline _Noreturn void must_failed(const char *file, int line, const char *promise)
{
	(void)fprintf(stderr, "%s:%d: not so: %s\n", file, line, promise);
	abort();
}

#endif
