/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * mutate_afl.c - mutate.h for AFL++: a library that afl-fuzz loads (AFL_CUSTOM_MUTATOR_LIBRARY).
 *
 * afl-fuzz flips bytes by itself between the calls, so fuzz_bytes() does little.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/mutate.h"

/* afl-fuzz looks these up by name. */
#define AFL_HOOK __attribute__((visibility("default")))

struct afl_mutator {
	uint8_t *buf;
	size_t size;
	uint64_t count;
};

AFL_HOOK void *afl_custom_init(void *afl, unsigned int seed);
AFL_HOOK size_t afl_custom_fuzz(void *self, uint8_t *data, size_t n, uint8_t **ret, uint8_t *other,
				size_t other_n, size_t max);
AFL_HOOK void afl_custom_deinit(void *self);

size_t fuzz_bytes(uint8_t *data, size_t n, size_t max)
{
	(void)max;
	for (uint64_t times = n ? 1 + rnd(4) : 0; times > 0; times--)
		data[rnd(n)] = (uint8_t)rnd_odd(data[rnd(n)], 1);
	return n;
}

void *afl_custom_init(void *afl, unsigned int seed)
{
	struct afl_mutator *m = calloc(1, sizeof(*m));

	(void)afl;
	if (m)
		m->count = seed;
	return m;
}

size_t afl_custom_fuzz(void *self, uint8_t *data, size_t n, uint8_t **ret, uint8_t *other,
		       size_t other_n, size_t max)
{
	struct afl_mutator *m = self;

	(void)other;
	(void)other_n;
	if (m->size < max) {
		free(m->buf);
		m->buf = malloc(max);
		m->size = m->buf ? max : 0;
	}
	if (n > m->size) {
		*ret = data;
		return n;
	}
	memcpy(m->buf, data, n);
	*ret = m->buf;
	m->count++;
	return fuzz_mutate(m->buf, n, max, (uint32_t)(m->count ^ m->count >> 32));
}

void afl_custom_deinit(void *self)
{
	struct afl_mutator *m = self;

	free(m->buf);
	free(m);
}
