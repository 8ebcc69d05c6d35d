/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * fuzz_layer.c - any layers: a tar stream whose checksums are made right, or entries that four bytes each
 * describe, in several layers. What comes out is a tree that a squashfs can be made of, the same whatever
 * pieces the bytes come in; what is refused is refused as the image's damage.
 *
 * The first byte: 0 a tar as it is, 1 a tar with right checksums, else entries.
 */
#include "config.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "libimage/base/err.h"
#include "libimage/layer/flat_priv.h"
#include "libimage/layer/tar.h"
#include "tests/fuzz/must.h"
#include "tests/unit/tar_make.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

enum { LAYERS_MAX = 8 };

struct feed {
	const char *p;
	size_t n, at, step;
};

struct sink {
	const struct tree_node *node;
	uint64_t due, sum;
	bool settled;
};

static ssize_t more(void *arg, const unsigned char **ret, struct berth_err *err)
{
	struct feed *f = arg;
	size_t n = f->n - f->at < f->step ? f->n - f->at : f->step;

	(void)err;
	*ret = (const unsigned char *)f->p + f->at;
	f->at += n;
	return (ssize_t)n;
}

/* ---- a sink that minds its manners ---- */

static void mix(struct sink *s, uint64_t v)
{
	s->sum = (s->sum ^ v) * UINT64_C(0x100000001b3);
}

static int put_xattrs(void *arg, struct tree_node *node, const struct flat_xattr *v, size_t n, struct berth_err *err)
{
	(void)arg;
	(void)node;
	(void)err;
	must(n > 0);
	for (size_t i = 0; i < n; i++) {
		must(strncmp(v[i].name, "user.", 5) == 0 && v[i].name[5] != '\0');
		must(i == 0 || strcmp(v[i - 1].name, v[i].name) < 0);
	}
	return 0;
}

static int begin(void *arg, struct tree_node *node, struct berth_err *err)
{
	struct sink *s = arg;

	(void)err;
	must(!s->node && !s->settled && S_ISREG(node->st.st_mode) && node->st.st_size >= 0 && !node->inode);
	s->node = node;
	s->due = (uint64_t)node->st.st_size;
	node->inode = malloc(1);
	return 0;
}

static int bytes(void *arg, const void *buf, size_t n, struct berth_err *err)
{
	struct sink *s = arg;

	(void)err;
	must(s->node && n <= s->due);
	s->due -= n;
	for (size_t i = 0; i < n; i++)
		mix(s, ((const uint8_t *)buf)[i]);
	return 0;
}

static int zeros(void *arg, uint64_t n, struct berth_err *err)
{
	struct sink *s = arg;

	(void)err;
	must(s->node && n <= s->due);
	s->due -= n;
	mix(s, n);
	return 0;
}

static int end(void *arg, struct berth_err *err)
{
	struct sink *s = arg;

	(void)err;
	must(s->node && s->due == 0);
	s->node = NULL;
	return 0;
}

static int settle(void *arg, struct berth_err *err)
{
	(void)err;
	((struct sink *)arg)->settled = true;
	return 0;
}

static void drop(void *arg, struct tree_node *node)
{
	(void)arg;
	free(node->inode);
	node->inode = NULL;
}

/* ---- the tree ---- */

static uint32_t names_of(const struct tree_node *dir, const struct tree_node *file)
{
	uint32_t n = 0;

	for (size_t i = 0; i < dir->nchild; i++) {
		const struct tree_node *c = dir->child[i];

		n += c == file || c->same == file;
		if (S_ISDIR(c->st.st_mode))
			n += names_of(c, file);
	}
	return n;
}

static void look(struct sink *s, const struct tree *t, const struct tree_node *dir, unsigned int depth)
{
	uint32_t links = 2;

	must(depth <= 400 && S_ISDIR(dir->st.st_mode));
	for (size_t i = 0; i < dir->nchild; i++) {
		const struct tree_node *c = dir->child[i];
		size_t n = strlen(c->name);

		must(c->parent == dir && n > 0 && n <= 255 && !strchr(c->name, '/'));
		must(strcmp(c->name, ".") != 0 && strcmp(c->name, "..") != 0);
		must(i == 0 || strcmp(dir->child[i - 1]->name, c->name) < 0);
		must(!c->same || (!c->same->same && !S_ISDIR(c->st.st_mode) && !c->inode && !c->target));
		must(c->same || (S_ISREG(c->st.st_mode) == (c->inode != NULL) && S_ISLNK(c->st.st_mode) == (c->target != NULL)));
		must(!S_ISCHR(c->st.st_mode) && !S_ISBLK(c->st.st_mode) && (c->st.st_mode & S_IFMT) != 0);
		for (size_t k = 0; k < n; k++)
			mix(s, (uint8_t)c->name[k]);
		mix(s, c->st.st_mode);
		links += S_ISDIR(c->st.st_mode);
		if (S_ISDIR(c->st.st_mode))
			look(s, t, c, depth + 1);
		else if (!c->same)
			must(names_of(t->root, c) == c->links);
	}
	must(dir->links == links);
}

/* ---- layers ---- */

static int read_once(struct flat *f, const struct strbuf *tar, size_t step, struct berth_err *err)
{
	struct feed feed = { .p = tar->text ? tar->text : "", .n = tar->len, .step = step };
	const struct tar_input in = { .arg = &feed, .more = more };
	struct tar *t = tar_new(&in);
	struct flat_entry e;
	int rc;

	must(t != NULL);
	for (rc = tar_next(t, &e, err); rc == 1; rc = tar_next(t, &e, err)) {
		const unsigned char *p;
		uint64_t hole;
		size_t n;

		rc = flat_enter(f, &e, err);
		while (rc == 1) {
			rc = tar_data(t, &p, &n, &hole, err);
			if (rc == 0 && flat_end(f, err) < 0)
				rc = -1;
			if (rc == 1 && n > 0 && flat_data(f, p, n, err) < 0)
				rc = -1;
			if (rc == 1 && hole > 0 && flat_zeros(f, hole, err) < 0)
				rc = -1;
		}
		if (rc < 0)
			break;
	}
	tar_free(t);
	return rc;
}

static int read_layer(struct flat *f, const struct strbuf *tar, size_t step, struct berth_err *err)
{
	int rc;

	if (flat_layer_begin(f, err) < 0 || read_once(f, tar, step, err) < 0)
		return -1;
	rc = flat_links_end(f, err);
	if (rc <= 0)
		return rc;
	f->second = true;
	rc = read_once(f, tar, step, err);
	if (rc == 0)
		rc = flat_links_end(f, err);
	f->second = false;
	return rc;
}

/* 0, or what was refused: the sum of what came out. */
static uint64_t flatten(const struct strbuf *tars, size_t ntars, size_t step)
{
	const struct flat_sink sink = { .xattrs = put_xattrs, .begin = begin, .data = bytes, .zeros = zeros, .end = end,
					.settle = settle, .drop = drop };
	struct sink s = { .sum = 1 };
	struct flat_sink own = sink;
	const struct flat_limits limits = FLAT_LIMITS_INIT;
	struct berth_err err = BERTH_ERR_INIT;
	struct flat *f = NULL;
	struct tree t = { 0 };
	int rc;

	own.arg = &s;
	rc = flat_new(&own, &limits, &f, &err);
	for (size_t i = 0; i < ntars && rc == 0; i++)
		rc = read_layer(f, &tars[i], step, &err);
	if (rc == 0)
		rc = flat_finish(f, &t, &err);
	if (rc == 0)
		look(&s, &t, t.root, 0);
	else
		must(err.code == BERTH_EIMAGE && err.text[0] != '\0');
	flat_free(f);
	tree_done(&t, free);
	return rc == 0 ? s.sum | 1 : 0;
}

/* ---- inputs ---- */

static void put_name(char *out, uint8_t a, uint8_t b)
{
	static const char *const names[] = { "a", "b", "c", ".wh.a", ".wh.b", ".wh..wh..opq", "..", "d" };

	if (a & 0x40)
		strcat(strcat(out, names[a & 3]), "/");
	if (a & 0x80)
		strcat(strcat(out, names[a >> 2 & 3]), "/");
	strcat(out, names[b & 7]);
}

/* Four bytes an entry: what, where, and its content. Returns the layers. */
static size_t put_entries(struct strbuf *tars, const uint8_t *p, size_t n)
{
	static const char types[] = "00152361";
	size_t layers = 1;

	for (; n >= 4; p += 4, n -= 4) {
		char name[128] = "", link[128] = "";
		uint8_t type = p[0] & 15;

		if (type >= 8 && layers < LAYERS_MAX) {
			layers++;
			continue;
		}
		put_name(name, p[1], p[2]);
		put_name(link, p[3], (uint8_t)(p[3] >> 4 & 3));
		tar_put(&tars[layers - 1], types[type & 7], name, link, link, (type & 7) < 2 ? p[3] & 7 : 0);
	}
	return layers;
}

static void mend_sums(struct strbuf *tar)
{
	for (size_t at = 0; at + TAR_MAKE_BLOCK <= tar->len; at += TAR_MAKE_BLOCK) {
		unsigned char *h = (unsigned char *)tar->text + at;
		uint64_t size = 0;

		if (h[0] == '\0')
			continue;
		tar_sum(h);
		for (size_t i = 124; i < 135 && h[i] >= '0' && h[i] <= '7'; i++)
			size = size * 8 + (uint64_t)(h[i] - '0');
		if (h[156] != '1' && h[156] != '2' && h[156] != '5' && size < tar->len)
			at += (size + 511) / 512 * 512;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct strbuf tars[LAYERS_MAX] = { STRBUF_INIT };
	size_t layers = 1;
	uint64_t sum;

	if (n == 0)
		return 0;
	if (data[0] < 2) {
		strbuf_add(&tars[0], data + 1, n - 1);
		if (data[0] == 1 && n > 1)
			mend_sums(&tars[0]);
	} else {
		layers = put_entries(tars, data + 1, n - 1);
	}
	sum = flatten(tars, layers, 1 << 20);
	must(flatten(tars, layers, 300) == sum);
	for (size_t i = 0; i < LAYERS_MAX; i++)
		strbuf_done(&tars[i]);
	return 0;
}
