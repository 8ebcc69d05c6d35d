/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * cache_types.h - the kinds of things in a store by the names of `berth cache --type`: ours, and those of
 * other runtimes, which keep images apart by where they came from.
 */
#ifndef BERTH_CACHE_TYPES_H
#define BERTH_CACHE_TYPES_H

#include <stdbool.h>
#include <stdint.h>

struct berth_err;
struct store_entry;

/* Those that were asked for; none: all. */
struct cache_types {
	unsigned int set;
};

/* Add the words of 'text', which commas separate. Fails: BERTH_EUSAGE, with the words there are. */
int cache_types_parse(const char *text, struct cache_types *t, struct berth_err *err);

bool cache_types_have(const struct cache_types *t, const struct store_entry *e);

/* "image", "blob", "partial", "rest". */
const char *cache_type_of(const struct store_entry *e);

/* "2.81 MiB", as Apptainer writes it. */
void cache_size_text(uint64_t bytes, char out[32]);

#endif
