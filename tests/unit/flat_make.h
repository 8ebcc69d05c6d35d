/* SPDX-License-Identifier: BSD-3-Clause */
/* flat_make.h - a sink that keeps what it gets, layers out of memory, and the tree as one line. */
#ifndef BERTH_TESTS_FLAT_MAKE_H
#define BERTH_TESTS_FLAT_MAKE_H

#include <check.h>
#include <limits.h>

#include "libimage/base/err.h"
#include "libimage/layer/flat.h"
#include "libimage/squash/scan.h"
#include "tests/unit/tar_make.h"

struct flat_test {
	struct tree_node *node;
	struct strbuf log; /* the sink's calls */
	size_t dropped;
	uint64_t due;
	bool settled;
};

static int test_xattrs(void *arg, struct tree_node *node, const struct flat_xattr *v, size_t n, struct berth_err *err)
{
	struct flat_test *s = arg;

	(void)err;
	strbuf_printf(&s->log, "%s:", node->name);
	for (size_t i = 0; i < n; i++)
		strbuf_printf(&s->log, " %s=%.*s", v[i].name, (int)v[i].n, (const char *)v[i].value);
	strbuf_puts(&s->log, ";");
	return 0;
}

static int test_begin(void *arg, struct tree_node *node, struct berth_err *err)
{
	struct flat_test *s = arg;

	(void)err;
	ck_assert_ptr_null(s->node);
	ck_assert_ptr_null(node->inode);
	ck_assert(!s->settled);
	s->node = node;
	s->due = (uint64_t)node->st.st_size;
	node->inode = calloc(1, sizeof(struct strbuf));
	ck_assert_ptr_nonnull(node->inode);
	return 0;
}

static int test_data(void *arg, const void *buf, size_t n, struct berth_err *err)
{
	struct flat_test *s = arg;

	(void)err;
	ck_assert_uint_le(n, s->due);
	s->due -= n;
	strbuf_add((struct strbuf *)(void *)s->node->inode, buf, n);
	return 0;
}

static int test_zeros(void *arg, uint64_t n, struct berth_err *err)
{
	struct flat_test *s = arg;

	(void)err;
	ck_assert_uint_le(n, s->due);
	s->due -= n;
	strbuf_printf((struct strbuf *)(void *)s->node->inode, "<%llu>", (unsigned long long)n);
	return 0;
}

static int test_end(void *arg, struct berth_err *err)
{
	struct flat_test *s = arg;

	(void)err;
	ck_assert_uint_eq(s->due, 0);
	s->node = NULL;
	return 0;
}

static int test_settle(void *arg, struct berth_err *err)
{
	struct flat_test *s = arg;

	(void)err;
	s->settled = true;
	return 0;
}

static void test_free(void *inode)
{
	if (inode)
		strbuf_done(inode);
	free(inode);
}

static void test_drop(void *arg, struct tree_node *node)
{
	struct flat_test *s = arg;

	s->dropped++;
	test_free(node->inode);
}

static inline struct flat_sink test_sink(struct flat_test *s)
{
	return (struct flat_sink){ .arg = s, .xattrs = test_xattrs, .begin = test_begin, .data = test_data,
				   .zeros = test_zeros, .end = test_end, .settle = test_settle, .drop = test_drop };
}

static inline void test_done(struct flat_test *s)
{
	strbuf_done(&s->log);
}

/* Bytes in memory; 'step' at a time. */
struct test_bytes {
	const char *p;
	size_t n, at, step;
};

static ssize_t test_read(void *arg, void *buf, size_t n, struct berth_err *err)
{
	struct test_bytes *b = arg;
	size_t part = b->n - b->at < n ? b->n - b->at : n;

	(void)err;
	if (b->step > 0 && part > b->step)
		part = b->step;
	memcpy(buf, b->p + b->at, part);
	b->at += part;
	return (ssize_t)part;
}

static inline int test_again(void *arg, struct berth_err *err)
{
	(void)err;
	((struct test_bytes *)arg)->at = 0;
	return 0;
}

static inline void test_show(struct strbuf *out, const struct tree_node *node)
{
	char path[PATH_MAX];

	for (size_t i = 0; i < node->nchild; i++) {
		const struct tree_node *c = node->child[i];

		ck_assert_ptr_eq(c->parent, node);
		tree_path(c, path, sizeof(path));
		strbuf_printf(out, "%s%s", out->len ? " " : "", path + 2);
		if (c->same) {
			ck_assert_ptr_null(c->same->same);
			ck_assert_ptr_null(c->inode);
			tree_path(c->same, path, sizeof(path));
			strbuf_printf(out, "==%s", path + 2);
		} else if (S_ISDIR(c->st.st_mode)) {
			strbuf_puts(out, "/");
			test_show(out, c);
		} else if (S_ISLNK(c->st.st_mode)) {
			strbuf_printf(out, "->%s", c->target);
		} else if (S_ISREG(c->st.st_mode)) {
			const struct strbuf *text = (const void *)c->inode;

			strbuf_printf(out, "=%s", text->text ? text->text : "");
		} else {
			strbuf_printf(out, "*%c", S_ISFIFO(c->st.st_mode) ? 'p' : S_ISCHR(c->st.st_mode) ? 'c' : 'b');
		}
	}
}

#endif
