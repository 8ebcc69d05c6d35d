/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * nearest.h - which of some words did the user mean? Pure.
 */
#ifndef BERTH_NEAREST_H
#define BERTH_NEAREST_H

#include <stddef.h>

/* LIMIT: two slips of the finger; words further away are other words */
enum { NEAREST_MAX = 2 };

/*
 * How many letters must be put in, left out, replaced or exchanged with their neighbour to make
 * 'b' of 'a'; more than NEAREST_MAX counts as NEAREST_MAX + 1.
 */
unsigned int nearest_distance(const char *a, const char *b);

/* The best candidate so far for 'word'. */
struct nearest {
	const char *word, *found; /* found NULL: none is near enough */
	unsigned int distance;
};

/* Look at one more candidate, NULL-safe; of two that are as near the first stands. */
void nearest_look(struct nearest *n, const char *candidate);

#endif
