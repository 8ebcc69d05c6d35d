/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * hasher.h - the digest of bytes that come one after another, at the speed of the processor's own
 * instructions for it (libcrypto).
 *
 * Runs as:  the user, never root.   Uses: libcrypto.
 *
 * Order: hasher_new(), hasher_add() as often as there are bytes, hasher_end() once, hasher_free().
 * One hasher is one thread's at a time.
 */
#ifndef BERTH_HASHER_H
#define BERTH_HASHER_H

#include <stddef.h>

struct digest;
struct hasher;

/*
 * 'algorithm': "sha256" or "sha512", or a digest's text, which starts with one of these and a
 * colon. NULL: another algorithm, or no memory.
 */
struct hasher *hasher_new(const char *algorithm);

/* The next 'n' bytes. What goes wrong shows in hasher_end(). */
void hasher_add(struct hasher *h, const void *bytes, size_t n);

/* Returns 0, or -1 if the library failed (no memory); *ret is untouched then. */
int hasher_end(struct hasher *h, struct digest *ret);

/* NULL-safe; returns NULL. */
struct hasher *hasher_free(struct hasher *h);

static inline void hasher_freep(struct hasher **h)
{
	*h = hasher_free(*h);
}

/* The digest of 'n' bytes that are all there. Returns 0, or -1 as hasher_new() and hasher_end(). */
int hasher_sum(const char *algorithm, const void *bytes, size_t n, struct digest *ret);

#endif
