/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * subid.h - /etc/subuid and /etc/subgid: numbers that belong to a user besides his own.
 *
 * Lines are OWNER:FIRST:COUNT, subuid(5); OWNER is a login name or a number.
 */
#ifndef BERTH_SUBID_H
#define BERTH_SUBID_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct subid_range {
	unsigned long first, count;
};

enum { SUBID_BYTES_MAX = 4 * 1024 * 1024 }; /* LIMIT: a line for each of 100,000 users */

/*
 * The first range of 'user' (NULL: without a name) or 'uid' in 'n' bytes of such a file. False: none.
 * Lines that are not of that form, overflow, or have no numbers, are skipped. 0 is nobody's.
 *   "ann:100000:65536\n", ann      100000, 65536
 *   "2001:100000:65536\n", 2001    100000, 65536
 */
bool subid_find(const char *text, size_t n, const char *user, uid_t uid, struct subid_range *ret);

#endif
