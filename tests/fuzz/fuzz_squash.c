/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * fuzz_squash.c - the squashfs reader on arbitrary bytes: open, walk, read, look up.
 *
 * The walk is bounded, so that an input costs milliseconds; the reader itself must not crash,
 * read outside or run for ever.
 */
#include "config.h"

#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "libimage/base/cleanup.h"
#include "libimage/base/err.h"
#include "libimage/base/fd.h"
#include "libimage/squash/squash.h"

enum { DEPTH_MAX = 3, NODES_MAX = 64, ENTRIES_MAX = 32 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct walk {
	struct squash_worker *w;
	struct squash_dirent ent[ENTRIES_MAX];
	int n;
};

static int nodes;

static int collect(void *arg, const struct squash_dirent *ent)
{
	struct walk *k = arg;

	k->ent[k->n++] = *ent;
	return k->n == ENTRIES_MAX;
}

static void visit(struct squash_worker *w, struct squash *fs, uint64_t ref, int depth)
{
	static uint8_t buf[300000];
	struct berth_err err = BERTH_ERR_INIT;
	struct squash_dirent found;
	struct squash_inode o;
	struct walk k = { .w = w };
	char target[PATH_MAX];

	if (nodes++ > NODES_MAX || squash_inode_get(w, fs, ref, &o, &err) < 0)
		return;
	if (S_ISLNK(o.mode)) {
		(void)squash_readlink(w, &o, target, &err);
	} else if (S_ISREG(o.mode)) {
		(void)squash_read(w, &o, 0, buf, sizeof(buf), &err);
		(void)squash_read(w, &o, o.size / 2 + 1, buf, 5000, &err);
		(void)squash_read(w, &o, o.size - 1, buf, 2, &err);
	} else if (S_ISDIR(o.mode) && depth < DEPTH_MAX) {
		(void)squash_list(w, &o, 0, collect, &k, &err);
		(void)squash_lookup(w, &o, "m", &found, &err);
		for (int i = 0; i < k.n; i++) {
			(void)squash_lookup(w, &o, k.ent[i].name, &found, &err);
			visit(w, fs, k.ent[i].ref, depth + 1);
		}
		k.n = 0;
		(void)squash_list(w, &o, o.size / 2, collect, &k, &err);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	cleanup_close int fd = memfd_create("fuzz", MFD_CLOEXEC);
	struct berth_err err = BERTH_ERR_INIT;
	struct squash_worker *w;
	struct squash *s;

	nodes = 0;
	if (fd < 0 || fd_pwrite_full(fd, data, size, 0) < 0 ||
	    squash_open(fd, 0, size, &s, &err) < 0)
		return 0;
	if (squash_share(&s, 1, 1 << 20, 1, &err) == 0 && squash_worker_new(&s, 1, &w, &err) == 0) {
		visit(w, s, squash_info(s)->root, 0);
		squash_worker_free(w);
	}
	squash_close(s);
	return 0;
}
