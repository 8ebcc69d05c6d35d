/* SPDX-License-Identifier: BSD-3-Clause */
/* nearest.c - edit distance; see nearest.h. */
#include "config.h"

#include <string.h>

#include "launcher/cli/nearest.h"

enum { WORD_MAX = 32 }; /* LIMIT: the longest option has 20 letters */

static unsigned int least(unsigned int a, unsigned int b)
{
	return a < b ? a : b;
}

unsigned int nearest_distance(const char *a, const char *b)
{
	size_t na = strnlen(a, WORD_MAX + 1), nb = strnlen(b, WORD_MAX + 1);
	unsigned int d[WORD_MAX + 1][WORD_MAX + 1];

	if (na > WORD_MAX || nb > WORD_MAX || na > nb + NEAREST_MAX || nb > na + NEAREST_MAX)
		return NEAREST_MAX + 1;
	for (size_t i = 0; i <= na; i++)
		d[i][0] = (unsigned int)i;
	for (size_t j = 0; j <= nb; j++)
		d[0][j] = (unsigned int)j;
	for (size_t i = 1; i <= na; i++)
		for (size_t j = 1; j <= nb; j++) {
			unsigned int v = d[i - 1][j - 1] + (a[i - 1] != b[j - 1]);

			v = least(v, least(d[i - 1][j], d[i][j - 1]) + 1);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				v = least(v, d[i - 2][j - 2] + 1);
			d[i][j] = v;
		}
	return least(d[na][nb], NEAREST_MAX + 1);
}

void nearest_look(struct nearest *n, const char *candidate)
{
	unsigned int d;

	if (!candidate)
		return;
	d = nearest_distance(n->word, candidate);
	/* What changes more than a third of a word is a guess, and the same word is no other one. */
	if (d == 0 || d > NEAREST_MAX || 3 * (size_t)d > strlen(n->word) || (n->found && d >= n->distance))
		return;
	n->found = candidate;
	n->distance = d;
}
