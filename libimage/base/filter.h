/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * filter.h - a list of the system calls that a process may still make, for what reads untrusted
 * bytes: the image server, the converter.
 *
 * Runs as:  the user.   Uses: libc.
 * Promise:  what is not in the list kills the process; no executable memory, no process but threads
 *           of this one; calls of another architecture's numbering kill as well.
 * KERNEL:   seccomp(2), mode filter. Needs no_new_privs. It cannot be taken back.
 */
#ifndef BERTH_FILTER_H
#define BERTH_FILTER_H

#include <stddef.h>
#include <stdint.h>

struct berth_err;

#if defined(__SANITIZE_ADDRESS__)
#define FILTER_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define FILTER_SANITIZED 1
#endif
#endif
#ifndef FILTER_SANITIZED
#define FILTER_SANITIZED 0
#endif

/* A call that is allowed with one value of one argument (its low half). */
struct filter_one {
	unsigned int nr, arg;
	uint32_t value;
};

struct filter_rules {
	unsigned int *allowed; /* numbers; sorted in place */
	size_t nallowed;
	const unsigned int *data; /* allowed unless the third argument asks for executable memory */
	size_t ndata;
	const struct filter_one *one;
	size_t none;
};

/*
 * For all threads that are started from here on. clone() of threads is allowed, clone3() says that it is not
 * there, so that libc takes the former. Does nothing in a build with sanitizers, which read /proc
 * and start threads when they please (FILTER_SANITIZED).
 */
int filter_install(const struct filter_rules *rules, struct berth_err *err);

#endif
