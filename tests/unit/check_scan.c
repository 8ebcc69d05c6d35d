/* SPDX-License-Identifier: BSD-3-Clause */
/* check_scan.c - walking a tree, reading it and looking paths up in it (libimage/squash/scan.h). */
#include "config.h"

#include <fcntl.h>
#include <string.h>

#include "libimage/base/cleanup.h"
#include "libimage/base/err.h"
#include "libimage/squash/scan.h"
#include "tests/unit/tree_make.h"
#include "tests/unit/unit.h"

static char top[] = "/tmp/check_scan.XXXXXX";
static int d = -1;

static void setup(void)
{
	ck_assert_ptr_nonnull(mkdtemp(top));
	d = open(top, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static void teardown(void)
{
	cleanup_close_fn(&d);
	ck_assert_int_eq(sh("rm -rf %s", top), 0);
}

/* A file that is being written to: the callback plays the other process. */
static int grow(void *arg, struct tree_node *node, int fd, struct berth_err *err)
{
	(void)fd;
	(void)err;
	put(*(int *)arg, node->name, "much longer now", 15, 0644);
	return 0;
}

static int drop(void *arg, struct tree_node *node, int fd, struct berth_err *err)
{
	(void)node;
	(void)fd;
	(void)err;
	(void)unlinkat(*(int *)arg, "two", 0);
	return 0;
}

static int nothing(void *arg, struct tree_node *node, int fd, struct berth_err *err)
{
	(void)arg;
	(void)node;
	(void)fd;
	(void)err;
	return 0;
}

START_TEST(changes_are_noticed)
{
	int (*const files[])(void *, struct tree_node *, int, struct berth_err *) = { grow, drop };

	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		struct berth_err err = BERTH_ERR_INIT;
		struct tree_ops ops = { .arg = &d, .dir = nothing, .file = files[i] };
		struct tree t;

		ck_assert_int_eq(sh("cd %s && echo 1 >one && echo 2 >two", top), 0);
		ck_assert_int_eq(tree_scan(d, &ops, &t, &err), 0);
		ck_assert_int_eq(tree_read(d, &ops, &t, &err), -1);
		tree_done(&t, NULL);
		ck_assert_int_eq(err.code, BERTH_EIMAGE);
		ck_assert_str_eq(err.text, i == 0 ? "'./one' vanished or changed while it was read"
						  : "'./two' vanished or changed while it was read");
	}
}
END_TEST

static void scan(struct tree *t)
{
	struct tree_ops ops = { .dir = nothing, .file = nothing };
	struct berth_err err = BERTH_ERR_INIT;

	ck_assert_msg(tree_scan(d, &ops, t, &err) == 0, "%s", err.text);
}

START_TEST(only_what_was_seen)
{
	struct tree_ops ops = { .dir = nothing, .file = nothing };
	struct berth_err err = BERTH_ERR_INIT;
	struct tree_node *node;
	struct tree t;
	int fd;

	ck_assert_int_eq(sh("cd %s && mkdir -p a/b && echo >a/b/sh", top), 0);
	scan(&t);
	node = tree_find(&t, NULL, "/a/b/sh");
	ck_assert_ptr_nonnull(node);
	fd = tree_open(d, node, &err);
	ck_assert_int_ge(fd, 0);
	(void)close(fd);
	ck_assert_int_eq(tree_read_file(d, &ops, &t, node, &err), 0);
	ck_assert(node->taken);
	/* Another file of that name, a link to the same file, a link instead of a directory. */
	ck_assert_int_eq(sh("cd %s/a/b && mv sh x && cp x sh", top), 0);
	ck_assert_int_eq(tree_open(d, node, &err), -1);
	ck_assert_int_eq(err.code, BERTH_EIMAGE);
	ck_assert_int_eq(tree_read_file(d, &ops, &t, node, &err), -1);
	ck_assert_int_eq(sh("cd %s/a/b && ln -sf x sh", top), 0);
	ck_assert_int_eq(tree_open(d, node, &err), -1);
	ck_assert_int_eq(err.code, BERTH_EIMAGE);
	ck_assert_int_eq(sh("cd %s/a && mv b/x b/sh && mv b c && ln -s c b", top), 0);
	ck_assert_int_eq(tree_open(d, node, &err), -1);
	ck_assert_int_eq(err.code, BERTH_EIMAGE);
	ck_assert_str_eq(err.text, "'./a/b' vanished or changed while it was read");
	ck_assert_int_eq(tree_read_file(d, &ops, &t, node, &err), -1);
	node->taken = false;
	ck_assert_int_eq(tree_read(d, &ops, &t, &err), -1);
	tree_done(&t, NULL);
}
END_TEST

START_TEST(found_in_tree)
{
	static const struct {
		const char *path, *want; /* NULL: nothing */
	} rows[] = { /* chain0 leads over abs, so chain38 takes 40 links */
		{ "/", "." }, { "", "." }, { "..", "." }, { "/a/../..", "." }, { "/a/b/f", "./a/b/f" },
		{ "a/./b//f", "./a/b/f" }, { "/up/a/b/f", "./a/b/f" }, { "/abs/f", "./a/b/f" },
		{ "/a/b/../../abs", "./a/b" }, { "/hard", "./a/b/f" }, { "/chain39", NULL },
		{ "/chain38", "./a/b" }, { "/a/b/f/", "./a/b/f" }, { "/a/b/f/.", NULL }, { "/a/b/f/..", NULL },
		{ "/a/b/g", NULL }, { "/a/B", NULL }, { "/loop", NULL }, { "/loop/a", NULL }, { "/long", NULL },
	};
	char path[5000];
	struct tree t;

	ck_assert_int_eq(sh("cd %s && mkdir -p a/b && echo >a/b/f && ln a/b/f hard && ln -s ../.. up && "
			    "ln -s /a/b abs && ln -s loop/a loop && ln -s abs chain0 && "
			    "for i in $(seq 39); do ln -s chain$((i - 1)) chain$i; done && "
			    "mkdir x && ln -s l/$(printf './%%.0s' $(seq 1500)) x/l && ln -s x/l long", top), 0);
	scan(&t);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct tree_node *node = tree_find(&t, NULL, rows[i].path);

		if (!rows[i].want) {
			ck_assert_msg(!node, "%s", rows[i].path);
			continue;
		}
		ck_assert_msg(node != NULL, "%s", rows[i].path);
		tree_path(node, path, sizeof(path));
		ck_assert_str_eq(path, rows[i].want);
	}
	ck_assert_ptr_eq(tree_find(&t, tree_find(&t, NULL, "a"), "b/f"), tree_find(&t, NULL, "a/b/f"));
	ck_assert_ptr_eq(tree_find(&t, tree_find(&t, NULL, "a"), "/a"), tree_find(&t, NULL, "a"));
	memset(path, 'n', sizeof(path));
	path[sizeof(path) - 1] = '\0'; /* longer than a name */
	ck_assert_ptr_null(tree_find(&t, NULL, path));
	memset(path, '/', sizeof(path));
	path[sizeof(path) - 1] = '\0';
	ck_assert_ptr_eq(tree_find(&t, NULL, path), t.root);
	tree_done(&t, NULL);
}
END_TEST

START_TEST(paths_in_messages)
{
	struct tree_node *a = calloc(1, sizeof(*a) + 1), *b = calloc(1, sizeof(*b) + 8);
	char out[16];

	ck_assert_ptr_nonnull(a);
	ck_assert_ptr_nonnull(b);
	memcpy(b->name, "abcdefg", 8);
	tree_path(a, out, sizeof(out));
	ck_assert_str_eq(out, ".");
	b->parent = a;
	tree_path(b, out, sizeof(out));
	ck_assert_str_eq(out, "./abcdefg");
	for (size_t n = 5; n < sizeof(out); n++) {
		tree_path(b, out, n);
		ck_assert_uint_lt(strlen(out), n);
	}
	free(a);
	free(b);
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("scan");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, changes_are_noticed);
	tcase_add_test(tc, only_what_was_seen);
	tcase_add_test(tc, found_in_tree);
	tcase_add_test(tc, paths_in_messages);
	return unit_run("scan", tc);
}
