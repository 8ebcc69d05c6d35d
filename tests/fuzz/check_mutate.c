/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * check_mutate.c - the mutator is worth something: an image that is taken apart and put together
 * without a change means what it did, the same seed gives the same bytes, and most of what comes
 * out still opens, without being what went in.
 *
 * Arguments are images; without any, those of FUZZ_CORPUS whose names begin with "kinds-".
 */
#include "config.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libimage/base/cleanup.h"
#include "libimage/base/path.h"
#include "tests/fuzz/model.h"
#include "tests/fuzz/mutate.h"

enum { ROUNDS = 2000, ROOM = 64 * 1024 };

static uint8_t img[ROOM], work[ROOM], again[ROOM];
static struct model before, after;

size_t fuzz_bytes(uint8_t *data, size_t n, size_t max)
{
	(void)max;
	if (n > 0)
		data[rnd(n)] ^= 1;
	return n;
}

static void must(bool ok, const char *what, const char *path)
{
	if (ok)
		return;
	(void)fprintf(stderr, "%s: %s\n", path, what);
	exit(1);
}

static size_t load(const char *path)
{
	cleanup_fclose FILE *f = fopen(path, "re");
	size_t n = f ? fread(img, 1, sizeof(img), f) : 0;

	must(f && n > 0 && n < sizeof(img), "cannot be read", path);
	return n;
}

/* All that is not a place on disk. */
static void same(const struct model *a, const struct model *b, const char *path)
{
	must(a->refs == b->refs && a->entries == b->entries && a->root_pos == b->root_pos,
	     "has other references", path);
	for (int k = 0; k < TABLES; k++)
		must(a->t[k].present == b->t[k].present && a->t[k].n == b->t[k].n &&
		     a->t[k].records == b->t[k].records, "has another table", path);
	for (uint32_t i = 0; i < a->refs; i++)
		must(a->ref[i].kind == b->ref[i].kind && a->ref[i].at == b->ref[i].at &&
		     a->ref[i].pos == b->ref[i].pos, "refers elsewhere", path);
}

static void check_whole(const char *path, size_t n)
{
	/* Not the inodes: a run of entries names one block of them. */
	static const struct packing plain, small = { .split = 1 << T_DIR | 1 << T_XATTR, .split_len = 60 },
					   packed = { .compress = (1 << TABLES) - 1 };
	static const struct packing *const ways[] = { &plain, &small, &packed };
	struct layout l;

	must(model_read(&before, img, n), "is not taken apart", path);
	for (size_t i = 0; i < ARRAY_SIZE(ways); i++) {
		size_t len;

		must(model_read(&after, img, n), "is not taken apart", path);
		len = model_write(&after, ways[i], work, sizeof(work), &l);
		must(len > 0 && model_read(&after, work, len), "is not put together", path);
		same(&before, &after, path);
	}
}

static void check_changes(const char *path, size_t n)
{
	int other = 0, whole = 0;

	for (uint32_t seed = 0; seed < ROUNDS; seed++) {
		size_t a, b;

		memcpy(work, img, n);
		memcpy(again, img, n);
		rnd_seed(seed);
		a = squash_mutate(work, n, sizeof(work));
		rnd_seed(seed);
		b = squash_mutate(again, n, sizeof(again));
		must(a <= sizeof(work) && a == b && memcmp(work, again, a) == 0, "changes by chance", path);
		other += a != n || memcmp(work, img, n) != 0;
		whole += model_read(&after, work, a);
		/* what was changed may be changed again */
		a = squash_mutate(work, a, sizeof(work));
		must(a <= sizeof(work), "grows", path);
	}
	must(other > ROUNDS * 9 / 10, "is mostly left as it was", path);
	must(whole > ROUNDS * 6 / 10, "is mostly destroyed", path);
	must(whole < ROUNDS, "is never destroyed", path);
	(void)printf("%s: of %d, %d changed, %d whole\n", path, ROUNDS, other, whole);
}

static void check(const char *path)
{
	size_t n = load(path);

	check_whole(path, n);
	check_changes(path, n);
}

int main(int argc, char **argv)
{
	DIR *d = argc < 2 ? opendir(FUZZ_CORPUS) : NULL;
	int done = 0;

	for (int i = 1; i < argc; i++, done++)
		check(argv[i]);
	for (const struct dirent *e = d ? readdir(d) : NULL; e; e = readdir(d)) {
		cleanup_free char *path = path_join(FUZZ_CORPUS, e->d_name);

		if (!path || strncmp(e->d_name, "kinds-", 6) != 0)
			continue;
		check(path);
		done++;
	}
	if (d)
		(void)closedir(d);
	return done == 0;
}
