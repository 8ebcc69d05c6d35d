/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * digest.h - what a piece of content is called: "sha256:" and 64 lower-case hex digits.
 *
 * Runs as:  anyone. Text only.
 * Promise:  what digest_parse() took is of a known algorithm and of exact length and holds nothing
 *           but [0-9a-f] after the colon, so its hex part may be a file's name and its text part
 *           of a URL. Digests come from registries: nobody else looks at them again.
 */
#ifndef BERTH_DIGEST_H
#define BERTH_DIGEST_H

#include <stdbool.h>
#include <stddef.h>

struct berth_err;

enum { DIGEST_TEXT_SIZE = 7 + 128 + 1 }; /* "sha512:", its hex, NUL */

struct digest {
	char text[DIGEST_TEXT_SIZE]; /* "" in one that is not set */
};

/*
 * "sha256:<64 hex>" or "sha512:<128 hex>", the two algorithms that the OCI image format registers
 * and that are in use; upper case, another algorithm, another length are refused.
 * Fails: BERTH_EIMAGE, with *ret untouched; who got the text from the caller makes it BERTH_EUSAGE.
 */
int digest_parse(const char *text, struct digest *ret, struct berth_err *err);

/* The digits after the colon: points into 'd'. */
const char *digest_hex(const struct digest *d);

bool digest_is_set(const struct digest *d);

/* Of the same algorithm and the same sum; one that is not set equals nothing. */
bool digest_equal(const struct digest *a, const struct digest *b);

/* Make one of 'n' bytes of a sum: 32 of "sha256", 64 of "sha512". Anything else is -1. */
int digest_from_sum(const char *algorithm, const unsigned char *sum, size_t n, struct digest *ret);

#endif
