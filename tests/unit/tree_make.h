/* SPDX-License-Identifier: BSD-3-Clause */
/* tree_make.h - directory trees for the tests of the writer. */
#ifndef BERTH_TESTS_TREE_MAKE_H
#define BERTH_TESTS_TREE_MAKE_H

#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/wait.h>

#include "libimage/base/cleanup.h"
#include "libimage/base/fd.h"
#include "tests/unit/unit.h"

/* Run a command line; its status. */
__attribute__((format(printf, 1, 2))) static inline int sh(const char *fmt, ...)
{
	char text[2000];
	va_list ap;
	int rc;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	rc = system(text);
	return WIFEXITED(rc) ? WEXITSTATUS(rc) : -1;
}

static inline void put(int dir, const char *name, const void *data, size_t n, mode_t mode)
{
	cleanup_close int fd = openat(dir, name, O_CREAT | O_WRONLY | O_TRUNC | O_CLOEXEC, 0600);

	ck_assert_msg(fd >= 0, "%s", name);
	ck_assert_int_eq(fd_write_full(fd, data, n), 0);
	ck_assert_int_eq(fchmod(fd, mode), 0);
}

/* Bytes that do not compress, the same every time. */
static inline void noise(uint8_t *p, size_t n)
{
	uint32_t x = 2463534242U;

	for (size_t i = 0; i < n; i++) {
		x ^= x << 13;
		x ^= x >> 17;
		x ^= x << 5;
		p[i] = (uint8_t)x;
	}
}

#endif
