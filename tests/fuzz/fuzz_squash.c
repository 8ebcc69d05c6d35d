/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * fuzz_squash.c - the squashfs reader on arbitrary bytes: open, walk, read, look up.
 *
 * The image is opened twice and both share a cache, as stacked sources do. The walk is bounded, so
 * that an input costs a fraction of a millisecond. Promises held here: nothing is read outside or
 * for ever (the sanitizers and the fuzzer's limits see to that); what fails says that the image is
 * damaged; names are names; each way to read the same bytes gives the same.
 */
#include "config.h"

#include <string.h>
#include <sys/stat.h>

#include "libimage/base/cleanup.h"
#include "libimage/base/err.h"
#include "libimage/squash/squash.h"
#include "tests/fuzz/memfd.h"
#include "tests/fuzz/must.h"

enum {
	DEPTH_MAX = 4, NODES_MAX = 64, ENTRIES_MAX = 32, ATTRS_MAX = 8,
	READ_LEN = 40000, PIECE = 1500,
	BYTES_MAX = 400000, /* that are read in all */
	AT = 512,	    /* where the image lies in its file */
};

struct image {
	const uint8_t *data;
	size_t n;
	struct squash_worker *w;
	struct squash *fs, *twin;
	unsigned int nodes;
	size_t bytes;
	bool cut; /* the file is shorter now than when it was opened */
};

struct entries {
	struct squash_dirent ent[ENTRIES_MAX];
	int n;
};

struct attrs {
	char name[ATTRS_MAX][SQUASH_NAME_MAX + 1];
	size_t len[ATTRS_MAX];
	int n;
};

/* What may fail is the image's fault, and is said. */
static bool good(int64_t rc, struct berth_err *err)
{
	must(rc >= -1);
	must(rc >= 0 || (err->code == BERTH_EIMAGE && err->text[0] != '\0'));
	*err = (struct berth_err)BERTH_ERR_INIT;
	return rc >= 0;
}

static int collect(void *arg, const struct squash_dirent *ent)
{
	struct entries *l = arg;

	must(ent->name[0] != '\0' && !strchr(ent->name, '/') && strlen(ent->name) <= SQUASH_NAME_MAX);
	must(strcmp(ent->name, ".") != 0 && strcmp(ent->name, "..") != 0);
	must(ent->ref >> SQUASH_REF_BITS == 0 && (ent->type & S_IFMT) == ent->type && ent->type != 0);
	must(l->n == 0 || ent->next > l->ent[l->n - 1].next);
	l->ent[l->n++] = *ent;
	return l->n == ENTRIES_MAX;
}

static void try_dir(struct image *m, const struct squash_inode *dir, struct entries *l)
{
	struct berth_err err = BERTH_ERR_INIT;
	struct squash_dirent found;
	struct entries more = { .n = 0 };
	bool whole;
	int rc;

	l->n = 0;
	whole = good(squash_list(m->w, dir, 0, collect, l, &err), &err) && dir->index_count == 0 && !m->cut;
	rc = squash_lookup(m->w, dir, "m", &found, &err);
	must(!good(rc, &err) || rc <= 1);
	/* Up and down: a look-up goes on where the last one ended. What an index says may be wrong. */
	for (int i = 0; i < 2 * l->n; i++) {
		const struct squash_dirent *e = &l->ent[i < l->n ? i : 2 * l->n - 1 - i];

		rc = squash_lookup(m->w, dir, e->name, &found, &err);
		must(good(rc, &err) || !whole);
		must(rc <= 0 || strcmp(found.name, e->name) == 0);
		must(!whole || (rc == 1 && found.ref == e->ref && found.next == e->next));
	}
	if (l->n < 2) {
		(void)good(squash_list(m->w, dir, dir->size / 2, collect, &more, &err), &err);
		return;
	}
	/* Going on behind the first gives the second, unless an index leads elsewhere. */
	(void)good(squash_list(m->w, dir, l->ent[0].next, collect, &more, &err), &err);
	if (dir->index_count == 0 && !m->cut)
		must(more.n > 0 && strcmp(more.ent[0].name, l->ent[1].name) == 0 &&
		     more.ent[0].ref == l->ent[1].ref);
}

static void try_raw(struct image *m, const struct squash_inode *f, uint64_t off, const uint8_t *bytes,
		    size_t len)
{
	struct berth_err err = BERTH_ERR_INIT;
	uint64_t at = 0;
	size_t n = 0;
	int rc = squash_raw(m->w, f, off, len, &at, &n, &err);

	if (!good(rc, &err) || rc == 0)
		return;
	must(rc == 1 && n > 0 && n <= len && at >= AT && at - AT <= m->n && n <= m->n - (at - AT));
	must(!bytes || memcmp(bytes, m->data + (at - AT), n) == 0);
}

/* The same bytes at once, in pieces, from the image's twin, and as they lie in the file. */
static void try_file(struct image *m, const struct squash_inode *f, const struct squash_inode *twin)
{
	static uint8_t whole[READ_LEN], piece[PIECE];
	struct berth_err err = BERTH_ERR_INIT;
	size_t want = f->size < READ_LEN ? (size_t)f->size : READ_LEN;
	ssize_t n, got = 0;
	bool ok, all = true;

	if (m->bytes + want > BYTES_MAX)
		return;
	m->bytes += want;
	n = squash_read(m->w, f, 0, whole, READ_LEN, &err);
	ok = good(n, &err);
	must(!ok || (size_t)n == want);
	for (size_t at = 0; at < want && all; at += PIECE) {
		size_t len = want - at < PIECE ? want - at : PIECE;

		got = squash_read(m->w, at % 2 ? twin : f, at, piece, len, &err);
		all = good(got, &err);
		must(!all || (size_t)got == len);
		must(!all || !ok || memcmp(whole + at, piece, len) == 0);
		if (at < 4 * PIECE)
			try_raw(m, f, at, all ? piece : NULL, len);
	}
	must(ok == all || m->cut);
	try_raw(m, f, 0, ok ? whole : NULL, want);
	got = squash_read(m->w, f, f->size - 1, piece, 2, &err);
	must(!good(got, &err) || got == (f->size ? 1 : 0));
	got = squash_read(m->w, f, f->size / 2 + 1, piece, PIECE, &err);
	must(!good(got, &err) || (size_t)got <= PIECE);
	must(squash_read(m->w, f, f->size, piece, PIECE, &err) == 0);
}

static int collect_attr(void *arg, const char *name, size_t value_len)
{
	struct attrs *l = arg;

	must(strlen(name) <= SQUASH_NAME_MAX && strchr(name, '.'));
	(void)strncpy(l->name[l->n], name, SQUASH_NAME_MAX);
	l->len[l->n++] = value_len;
	return l->n == ATTRS_MAX;
}

static void try_attrs(struct image *m, const struct squash_inode *o)
{
	static uint8_t value[66000];
	struct berth_err err = BERTH_ERR_INIT;
	struct attrs l = { .n = 0 };
	ssize_t n;

	(void)good(squash_xattr_list(m->w, o, collect_attr, &l, &err), &err);
	for (int i = 0; i < l.n; i++) {
		bool first = true;

		for (int k = 0; k < i; k++)
			first = first && strcmp(l.name[i], l.name[k]) != 0;
		n = squash_xattr_get(m->w, o, l.name[i], NULL, 0, &err);
		if (!good(n, &err))
			continue;
		must(!first || (size_t)n == l.len[i]);
		n = squash_xattr_get(m->w, o, l.name[i], value, sizeof(value), &err);
		must(!good(n, &err) || (size_t)n == l.len[i] || !first);
		n = squash_xattr_get(m->w, o, l.name[i], value, 1, &err);
		must(n == SQUASH_XATTR_SMALL || !good(n, &err) || n <= 1);
	}
	n = squash_xattr_get(m->w, o, "user.none.such", value, sizeof(value), &err);
	must(n == SQUASH_NO_XATTR || good(n, &err) || n == -1);
}

static void visit(struct image *m, uint64_t ref, int depth);

static void use(struct image *m, const struct squash_inode *o, const struct squash_inode *twin, int depth)
{
	struct berth_err err = BERTH_ERR_INIT;
	struct entries l = { .n = 0 };
	char target[PATH_MAX];

	must(o->ino == twin->ino && o->mode == twin->mode && o->size == twin->size && o->uid == twin->uid &&
	     o->fs == m->fs && twin->fs == m->twin);
	try_attrs(m, o);
	if (S_ISLNK(o->mode)) {
		ssize_t n = squash_readlink(m->w, o, target, &err);

		must(!good(n, &err) || ((uint64_t)n == o->size && strlen(target) == (size_t)n));
	} else if (S_ISREG(o->mode)) {
		try_file(m, o, twin);
	} else if (S_ISDIR(o->mode)) {
		try_dir(m, o, &l);
		for (int i = 0; i < l.n && depth < DEPTH_MAX; i++)
			visit(m, l.ent[i].ref, depth + 1);
	}
}

static void visit(struct image *m, uint64_t ref, int depth)
{
	struct berth_err err = BERTH_ERR_INIT;
	struct squash_inode o, twin;
	bool ok;

	if (m->nodes++ > NODES_MAX)
		return;
	ok = good(squash_inode_get(m->w, m->fs, ref, &o, &err), &err);
	if (ok != good(squash_inode_get(m->w, m->twin, ref, &twin, &err), &err))
		must(m->cut);
	else if (ok)
		use(m, &o, &twin, depth);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct image m = { .data = data, .n = n };
	int fd = fuzz_file_at(data, n, AT);
	struct berth_err err = BERTH_ERR_INIT;
	struct squash *both[2];

	if (!good(squash_open(fd, AT, n, &m.fs, &err), &err))
		return 0;
	must(squash_open(fd, AT, n, &m.twin, &err) == 0);
	both[0] = m.fs;
	both[1] = m.twin;
	must(squash_share(both, 2, 0, 1, &err) == 0 && squash_worker_new(both, 2, &m.w, &err) == 0);
	(void)good(squash_xattr_any(m.w, m.fs, "user.", &err), &err);
	visit(&m, squash_info(m.fs)->root, 0);
	if (n % 8 == 0) {
		m.cut = true;
		m.nodes = NODES_MAX / 2;
		fuzz_cut(AT + n / 2);
		visit(&m, squash_info(m.fs)->root, 0);
	}
	squash_worker_free(m.w);
	squash_close(m.fs);
	squash_close(m.twin);
	return 0;
}
