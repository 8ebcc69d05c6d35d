/* SPDX-License-Identifier: BSD-3-Clause */
/* check_tree.c - virtual entries: where they are added, where not, what they hide. */
#include "config.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libimage/base/cleanup.h"
#include "libimage/base/err.h"
#include "libimage/imgfs/tree.h"

enum { ROOT = 1 };

/* A small image. A link's 'target' is set; a file is what is neither that nor 'dir'. */
static const struct {
	uint64_t parent, id;
	const char *name, *target;
	bool dir;
} image[] = {
	{ ROOT, 2, "etc", NULL, true },
	{ ROOT, 3, "usr", NULL, true },
	{ ROOT, 4, "lib", "usr/lib", false },
	{ ROOT, 5, "run", "/usr/run", false },
	{ ROOT, 6, "loop", "loop2", false },
	{ ROOT, 7, "loop2", "/loop", false },
	{ ROOT, 8, "up", "../../../etc", false },
	{ ROOT, 9, "gone", "/nowhere/at/all", false },
	{ ROOT, 10, "file", NULL, false },
	{ 2, 20, "hosts", NULL, false },
	{ 2, 21, "resolv.conf", "../run/resolv.conf", false },
	{ 2, 22, "mtab", "../file", false },
	{ 2, 23, "here", ".", false },
	{ 2, 24, "abs", "/file", false },
	{ 2, 25, "slash", "/file/", false },
	{ 3, 30, "lib", NULL, true },
	{ 3, 31, "back", "../lib/../../usr/./lib//", false },
	{ 30, 40, "libc.so", "libc-2.so", false },
	{ 30, 41, "libc-2.so", NULL, false },
};

static unsigned int asked; /* of the image */

static int fake_lookup(void *arg, uint64_t dir, const char *name, struct tree_node *ret,
		       struct berth_err *err)
{
	(void)arg;
	asked++;
	if (strcmp(name, "damaged") == 0)
		return berth_fail(err, BERTH_EIMAGE, 0, "damaged");
	for (size_t i = 0; i < ARRAY_SIZE(image); i++) {
		if (image[i].parent == dir && strcmp(image[i].name, name) == 0) {
			ret->id = image[i].id;
			ret->kind = image[i].dir ? TREE_DIR : image[i].target ? TREE_LINK : TREE_FILE;
			return 1;
		}
	}
	return 0;
}

static int fake_readlink(void *arg, uint64_t link, char out[PATH_MAX], struct berth_err *err)
{
	(void)arg;
	for (size_t i = 0; i < ARRAY_SIZE(image); i++) {
		if (image[i].id == link && image[i].target) {
			(void)snprintf(out, PATH_MAX, "%s", image[i].target);
			return 0;
		}
	}
	return berth_fail(err, BERTH_EBUG, 0, "not a link");
}

static const struct tree_image fake = { .root = ROOT, .lookup = fake_lookup, .readlink = fake_readlink };

/* What one request adds: "parent/name" of each entry, directories with a slash behind. */
static const struct {
	char kind;
	const char *path, *added; /* added NULL: refused */
} cases[] = {
	{ 'd', "/", "" },
	{ 'd', "/etc", "" },
	{ 'f', "/etc/hosts", "" },
	{ 'd', "/lib", "" },			    /* a link to a directory is one */
	{ 'f', "/lib/libc.so", "" },
	{ 'f', "/usr/back/libc.so", "" },
	{ 'f', "/etc/mtab", "" },
	{ 'f', "/etc/abs", "" },
	{ 'd', "/up", "" },			    /* ".." stops at the root */
	{ 'f', "/up/hosts", "" },
	{ 'd', "/etc/here/here/here", "" },
	{ 'd', "//usr/./lib/", "" },
	{ 'd', "/a", "1/a/ " },
	{ 'f', "/a", "1/a " },
	{ 'd', "/a/b/c", "1/a/ v/b/ v/c/ " },
	{ 'f', "/lib/x", "30/x " },		    /* in the link's directory */
	{ 'f', "/usr/back/x", "30/x " },
	{ 'd', "/up/here/x/y", "2/x/ v/y/ " },
	{ 'f', "/etc/resolv.conf", "2/resolv.conf " }, /* leads nowhere: hidden */
	{ 'd', "/run/munge", "1/run/ v/munge/ " },
	{ 'd', "/gone", "1/gone/ " },
	{ 'f', "/loop", "1/loop " },
	{ 'd', "/loop/x", "1/loop/ v/x/ " },
	{ 'd', "/file", "1/file/ " },		    /* of the wrong kind: hidden */
	{ 'd', "/file/x", "1/file/ v/x/ " },
	{ 'd', "/etc/mtab", "2/mtab/ " },
	{ 'f', "/etc/slash", "2/slash " },	    /* "/file/" is no file */
	{ 'f', "/usr", "1/usr " },
	{ 'f', "/lib", "1/lib " },
	{ 'f', "/", NULL },
	{ 'd', "relative", NULL },
	{ 'd', "", NULL },
	{ 'd', "/a/../b", NULL },
	{ 'd', "/damaged", NULL },
	{ 'f', "/etc/damaged/x", NULL },
};

START_TEST(adds)
{
	struct berth_err err = BERTH_ERR_INIT;
	struct tree *t = tree_new();
	char got[512] = "";
	size_t n = 0;
	int rc;

	rc = tree_add(t, &fake, cases[_i].kind == 'd', cases[_i].path, &err);
	if (!cases[_i].added) {
		ck_assert_int_eq(rc, -1);
		ck_assert_int_ne(err.code, BERTH_OK);
		ck_assert_uint_eq(tree_count(t), 0);
		tree_free(t);
		return;
	}
	ck_assert_msg(rc == 0, "'%s': %s", cases[_i].path, err.text);
	for (uint64_t i = 0; i < tree_count(t); i++) {
		const struct tree_entry *e = tree_get(t, TREE_VIRTUAL | i);

		ck_assert_ptr_nonnull(e);
		ck_assert_ptr_eq(tree_find(t, e->parent, e->name), e);
		if (e->parent & TREE_VIRTUAL)
			n += (size_t)snprintf(got + n, sizeof(got) - n, "v/");
		else
			n += (size_t)snprintf(got + n, sizeof(got) - n, "%u/", (unsigned int)e->parent);
		n += (size_t)snprintf(got + n, sizeof(got) - n, "%s%s ", e->name, e->is_dir ? "/" : "");
	}
	ck_assert_str_eq(got, cases[_i].added);
	/* asking again changes nothing */
	n = tree_count(t);
	ck_assert_int_eq(tree_add(t, &fake, cases[_i].kind == 'd', cases[_i].path, &err), 0);
	ck_assert_uint_eq(tree_count(t), n);
	tree_free(t);
}
END_TEST

START_TEST(conflicts)
{
	struct berth_err err = BERTH_ERR_INIT;
	struct tree *t = tree_new();

	ck_assert_int_eq(tree_add(t, &fake, true, "/a/b", &err), 0);
	ck_assert_int_eq(tree_add(t, &fake, false, "/a/b", &err), -1);
	ck_assert_int_eq(err.code, BERTH_EUSAGE);
	ck_assert_int_eq(tree_add(t, &fake, false, "/a/f", &err), 0);
	ck_assert_int_eq(tree_add(t, &fake, true, "/a/f/g", &err), -1);
	ck_assert_int_eq(err.code, BERTH_EUSAGE);
	ck_assert_uint_eq(tree_count(t), 3);
	/* a link over a virtual directory of its target is followed from then on */
	ck_assert_int_eq(tree_add(t, &fake, true, "/usr/run", &err), 0);
	ck_assert_int_eq(tree_add(t, &fake, true, "/run/munge", &err), 0);
	ck_assert_uint_eq(tree_count(t), 5);
	ck_assert_ptr_null(tree_find(t, ROOT, "run"));
	ck_assert_ptr_nonnull(tree_find(t, tree_find(t, 3, "run")->id, "munge"));
	tree_free(t);
}
END_TEST

START_TEST(many)
{
	enum { N = 10000 };
	struct berth_err err = BERTH_ERR_INIT;
	struct tree *t = tree_new();
	const struct tree_entry *e = NULL;
	char path[64];
	int n = 0;

	for (int i = 0; i < N; i++) {
		(void)snprintf(path, sizeof(path), "/etc/many-%d", i);
		ck_assert_int_eq(tree_add(t, &fake, i % 2, path, &err), 0);
	}
	for (int i = 0; i < N; i++) {
		(void)snprintf(path, sizeof(path), "/deep/%d/%d/x", i % 100, i);
		ck_assert_int_eq(tree_add(t, &fake, true, path, &err), 0);
	}
	ck_assert_uint_eq(tree_count(t), N + 1 + 100 + 2 * N);
	ck_assert_uint_eq(tree_dirs(t, 2), N / 2);
	ck_assert_uint_eq(tree_dirs(t, 3), 0);
	for (e = tree_next(t, 2, NULL); e; e = tree_next(t, 2, e)) {
		(void)snprintf(path, sizeof(path), "many-%d", n);
		ck_assert_str_eq(e->name, path);
		ck_assert_ptr_eq(tree_find(t, 2, path), e);
		ck_assert_int_eq(e->is_dir, n++ % 2);
	}
	ck_assert_int_eq(n, N);
	ck_assert_ptr_null(tree_find(t, 2, "many-10000"));
	ck_assert_ptr_null(tree_find(t, 3, "many-1"));
	ck_assert_ptr_null(tree_next(t, 3, NULL));
	ck_assert_ptr_null(tree_get(t, 2));
	ck_assert_ptr_null(tree_get(t, TREE_VIRTUAL | (N * 10)));
	tree_free(t);
}
END_TEST

/* What a view of many binds costs: the image is asked for a name once per component, never for
 * what lies below a virtual entry, and how many there are already makes no difference. */
START_TEST(asks_no_more_for_many)
{
	enum { N = 10000 };
	struct berth_err err = BERTH_ERR_INIT;
	struct tree *t = tree_new();
	unsigned int before, first, each = 0;
	uint64_t ids = 0;
	char path[64];

	asked = 0;
	ck_assert_int_eq(tree_add(t, &fake, true, "/usr/lib/bind-first", &err), 0);
	first = asked;
	ck_assert_uint_le(first, 3);
	for (int i = 0; i < N; i++) {
		before = asked;
		(void)snprintf(path, sizeof(path), "/usr/lib/bind-%d", i);
		ck_assert_int_eq(tree_add(t, &fake, true, path, &err), 0);
		each = asked - before;
		ck_assert_uint_le(each, first);
	}
	/* through a link, and below what is virtual: the link's way at most */
	before = asked;
	ck_assert_int_eq(tree_add(t, &fake, false, "/lib/bind-9999/a/b/c/d", &err), 0);
	ck_assert_uint_le(asked - before, 3);
	before = asked;
	for (int i = 0; i < N; i++) {
		(void)snprintf(path, sizeof(path), "/new/%d", i);
		ck_assert_int_eq(tree_add(t, &fake, false, path, &err), 0);
	}
	ck_assert_uint_le(asked - before, 1); /* "new" itself, once */
	/* serving them asks nothing at all, and each has a number of its own */
	before = asked;
	for (int i = 0; i < N; i++) {
		const struct tree_entry *e;

		(void)snprintf(path, sizeof(path), "bind-%d", i);
		e = tree_find(t, 30, path);
		ck_assert_ptr_nonnull(e);
		ck_assert_ptr_eq(tree_get(t, e->id), e);
		ck_assert(e->id & TREE_VIRTUAL);
		ck_assert_uint_gt(e->id, ids);
		ids = e->id;
	}
	ck_assert_uint_eq(asked, before);
	tree_free(t);
}
END_TEST

START_TEST(long_paths)
{
	struct berth_err err = BERTH_ERR_INIT;
	struct tree *t = tree_new();
	char path[PATH_MAX];

	memset(path, 'x', sizeof(path));
	path[0] = '/';
	path[256] = '\0'; /* a name of 255 */
	ck_assert_int_eq(tree_add(t, &fake, true, path, &err), 0);
	path[256] = 'x';
	path[257] = '\0';
	ck_assert_int_eq(tree_add(t, &fake, true, path, &err), -1);
	ck_assert_int_eq(err.code, BERTH_EUSAGE);
	ck_assert_uint_eq(tree_count(t), 1);
	tree_free(t);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("tree");
	TCase *tc = tcase_create("tree");
	SRunner *sr = srunner_create(s);
	int failed;

	tcase_add_loop_test(tc, adds, 0, ARRAY_SIZE(cases));
	tcase_add_test(tc, conflicts);
	tcase_add_test(tc, many);
	tcase_add_test(tc, asks_no_more_for_many);
	tcase_add_test(tc, long_paths);
	suite_add_tcase(s, tc);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed != 0;
}
