/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * check_stack.c - several images as one tree: what hides what, whiteouts of both kinds, merged
 * directories however they are first met. Images are made here by mksquashfs.
 */
#include "config.h"

#include <check.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "libimage/base/cleanup.h"
#include "libimage/base/err.h"
#include "libimage/base/imgfs_wire.h"
#include "libimage/imgfs/stack.h"
#include "tests/unit/unit.h"

enum { LAYERS = 3, NAMES = 4096 };

static char top[] = "/tmp/check_stack.XXXXXX";
static struct squash *fs[LAYERS];
static struct squash_worker *w;
static struct stack *s;
static uint64_t root;
static int fd[LAYERS];
static struct berth_err err;

/* 0 is the topmost. -p makes whiteouts, which only root could put into a directory. */
static const char script[] =
	"set -e; cd %s; mkdir -p 0 1 2\n"
	"mkdir -p 0/a 0/o 0/opq 0/df 0/deep/er/est; echo 0 >0/a/top; echo 0 >0/a/both; echo 0 >0/fd\n"
	": >0/o/.wh.gone; : >0/opq/.wh..wh..opq; : >0/opq/new; : >0/df/in0; : >0/.wh.absent; : >0/deep/er/est/f0\n"
	"mkdir -p 1/a 1/o 1/opq 1/fd 1/white 1/xo 1/deep/er/est 1/hide; echo 1 >1/a/both; echo 1 >1/a/mid; : >1/opq/old\n"
	": >1/o/gone; : >1/o/kept; : >1/fd/inner; : >1/df; : >1/white/x; : >1/xo/upper; : >1/deep/er/est/f1; : >1/hide/only1\n"
	"mkdir -p 2/a 2/df 2/opq 2/white 2/xo 2/deep/er/est 2/hide; echo 2 >2/a/both; echo 2 >2/a/low; : >2/df/in2; : >2/opq/oldest\n"
	": >2/white/y; : >2/xo/lower; : >2/deep/er/est/f2; : >2/hide/only2; : >2/only2; ln -s only2 2/link\n"
	"q='-noappend -quiet -no-progress -all-root -comp gzip'\n"
	"mksquashfs 0 0.img $q -p 'white c 0 0 0 0 0' >/dev/null\n"
	"mksquashfs 1 1.img $q -p 'hide/only2 c 0 0 0 0 0' -p 'dev c 600 0 0 1 3' >/dev/null\n"
	"mksquashfs 2 2.img $q >/dev/null\n";

static bool make_images(void)
{
	static char cmd[4096];

	if (!mkdtemp(top))
		return false;
	(void)snprintf(cmd, sizeof(cmd), script, top);
	return system(cmd) == 0;
}

static void remove_images(void)
{
	char cmd[64];

	(void)snprintf(cmd, sizeof(cmd), "rm -rf '%s'", top);
	(void)!system(cmd);
}

static void setup_layers(int first, int n)
{
	struct squash_inode o;
	char path[64];

	for (int i = 0; i < n; i++) {
		struct stat st;

		(void)snprintf(path, sizeof(path), "%s/%d.img", top, first + i);
		fd[i] = open(path, O_RDONLY | O_CLOEXEC);
		ck_assert_int_eq(fstat(fd[i], &st), 0);
		ck_assert_msg(squash_open(fd[i], 0, (uint64_t)st.st_size, &fs[i], &err) == 0, "%s", err.text);
	}
	ck_assert_int_eq(squash_share(fs, (size_t)n, 1 << 20, 1, &err), 0);
	ck_assert_int_eq(squash_worker_new(fs, (size_t)n, &w, &err), 0);
	s = stack_new(fs, (uint32_t)n);
	ck_assert_ptr_nonnull(s);
	ck_assert_msg(stack_root(s, w, &root, &o, &err) == 0, "%s", err.text);
	ck_assert(S_ISDIR(o.mode));
}

static void setup(void)
{
	setup_layers(0, LAYERS);
}

static void setup_one(void)
{
	setup_layers(0, 1);
}

static void teardown(void)
{
	s = stack_free(s);
	w = squash_worker_free(w);
	for (int i = 0; i < LAYERS; i++) {
		fs[i] = squash_close(fs[i]);
		(void)close(fd[i]);
		fd[i] = -1;
	}
}

/* The id of 'path', or 0 if the tree has none. */
static uint64_t find(const char *path, struct stack_found *ret)
{
	char copy[256], *save, *name;
	uint64_t id = root;
	struct stack_found f = { 0 };

	(void)snprintf(copy, sizeof(copy), "%s", path);
	for (name = strtok_r(copy, "/", &save); name; name = strtok_r(NULL, "/", &save)) {
		int rc = stack_lookup(s, w, id, name, &f, &err);

		ck_assert_msg(rc >= 0, "%s", err.text);
		if (rc == 0)
			return 0;
		id = f.id;
	}
	if (ret)
		*ret = f;
	return id;
}

static int add_name(void *arg, const struct stack_found *f, const char *name, uint64_t next)
{
	char *text = arg;

	(void)f;
	ck_assert_uint_ne(next, 0);
	ck_assert_uint_lt(strlen(text) + strlen(name) + 2, NAMES);
	(void)strcat(text, name);
	(void)strcat(text, " ");
	return 0;
}

static const char *names(uint64_t dir)
{
	static char text[NAMES];

	text[0] = '\0';
	ck_assert_msg(stack_list(s, w, dir, 0, add_name, text, &err) == 0, "%s", err.text);
	return text;
}

/* path, and which source it comes from; -1: it is not there */
static const struct { const char *path; int source; } rows[] = {
	{ "a/top", 0 }, { "a/both", 0 }, { "a/mid", 1 }, { "a/low", 2 }, { "a/none", -1 },
	{ "o/kept", 1 }, { "o/gone", -1 }, { "o/.wh.gone", -1 }, { ".wh.absent", -1 },
	{ "opq/new", 0 }, { "opq/old", -1 }, { "opq/oldest", -1 }, { "opq/.wh..wh..opq", -1 },
	{ "fd", 0 }, { "df/in0", 0 }, { "df/in2", -1 }, /* the file between ends the merging */
	{ "white", -1 }, { "white/x", -1 }, { "hide/only1", 1 }, { "hide/only2", -1 },
	{ "deep/er/est/f0", 0 }, { "deep/er/est/f1", 1 }, { "deep/er/est/f2", 2 },
	{ "only2", 2 }, { "link", 2 }, { "xo/upper", 1 }, { "xo/lower", 2 }, { "dev", 1 },
};

START_TEST(look_up)
{
	uint64_t id = find(rows[_i].path, NULL);

	ck_assert_msg((id == 0) == (rows[_i].source < 0), "%s", rows[_i].path);
	if (id != 0)
		ck_assert_int_eq((int)(id >> SQUASH_REF_BITS), rows[_i].source);
}
END_TEST

START_TEST(lists)
{
	ck_assert_str_eq(names(root), "a deep df fd o opq dev hide xo link only2 ");
	ck_assert_str_eq(names(find("a", NULL)), "both top mid low ");
	ck_assert_str_eq(names(find("o", NULL)), "kept ");
	ck_assert_str_eq(names(find("opq", NULL)), "new ");
	ck_assert_str_eq(names(find("df", NULL)), "in0 ");
	ck_assert_str_eq(names(find("hide", NULL)), "only1 ");
	ck_assert_str_eq(names(find("deep/er/est", NULL)), "f0 f1 f2 ");
}
END_TEST

/* A directory whose id came out of a listing, and was never looked up, is merged as well. */
static int go_in(void *arg, const struct stack_found *f, const char *name, uint64_t next)
{
	(void)next;
	if (strcmp(name, "deep") == 0 || strcmp(name, "er") == 0 || strcmp(name, "est") == 0)
		*(uint64_t *)arg = f->id;
	return 0;
}

START_TEST(merged_by_listing)
{
	uint64_t id = root;

	for (int i = 0; i < 3; i++) {
		uint64_t next = 0;

		ck_assert_int_eq(stack_list(s, w, id, 0, go_in, &next, &err), 0);
		ck_assert_uint_ne(next, 0);
		id = next;
	}
	ck_assert(stack_is_merged(s, id));
	ck_assert_str_eq(names(id), "f0 f1 f2 ");
}
END_TEST

struct resume {
	char text[NAMES];
	uint64_t next;
};

static int one_name(void *arg, const struct stack_found *f, const char *name, uint64_t next)
{
	struct resume *r = arg;

	(void)add_name(r->text, f, name, next);
	r->next = next;
	return 1;
}

START_TEST(listing_goes_on_across_sources)
{
	struct resume r = { .next = 0 };

	while (stack_list(s, w, root, r.next, one_name, &r, &err) == 1)
		;
	ck_assert_str_eq(r.text, "a deep df fd o opq dev hide xo link only2 ");
	/* places that were never given out */
	ck_assert_int_eq(stack_list(s, w, root, (uint64_t)LAYERS << 40, one_name, &r, &err), 0);
	ck_assert_int_eq(stack_list(s, w, root, UINT64_MAX, one_name, &r, &err), 0);
}
END_TEST

START_TEST(kinds)
{
	struct stack_found f, g;
	struct squash_inode o;

	ck_assert_uint_ne(find("fd", &f), 0);
	ck_assert_uint_eq(f.type, S_IFREG);
	ck_assert(!stack_is_merged(s, f.id));
	ck_assert_uint_ne(find("dev", &f), 0); /* a device that is no whiteout stays one */
	ck_assert_uint_eq(f.type, S_IFCHR);
	ck_assert_uint_ne(find("df", &f), 0);
	ck_assert(!stack_is_merged(s, f.id));
	ck_assert_int_eq(stack_entry(s, w, &f, "df", &o, &err), 0);
	f.type = S_IFREG; /* a directory that says otherwise */
	ck_assert_int_eq(stack_entry(s, w, &f, "df", &o, &err), -1);
	/* one number a file, also where two sources number alike */
	ck_assert_uint_ne(find("a/top", &f), 0);
	ck_assert_uint_ne(find("a/low", &g), 0);
	ck_assert_uint_ne(f.ino, g.ino);
	ck_assert_uint_ne(f.ino >> 32, g.ino >> 32);
	/* ids that name nothing */
	ck_assert_int_eq(stack_inode(s, w, (uint64_t)LAYERS << SQUASH_REF_BITS, &o, &err), -1);
	ck_assert_int_eq(err.code, BERTH_EIMAGE);
	ck_assert_int_eq(stack_inode(s, w, UINT64_MAX, &o, &err), -1);
	ck_assert_int_eq(stack_lookup(s, w, UINT64_MAX, "x", &f, &err), -1);
}
END_TEST

/* Alone, an image is shown as it is: such names mean nothing then. */
START_TEST(one_source_has_no_whiteouts)
{
	ck_assert_uint_ne(find("o/.wh.gone", NULL), 0);
	ck_assert_uint_ne(find("white", NULL), 0);
	ck_assert_str_eq(names(find("opq", NULL)), ".wh..wh..opq new ");
	ck_assert(!stack_is_merged(s, root));
}
END_TEST

START_TEST(counts_are_checked)
{
	ck_assert_ptr_null(stack_new(fs, 0));
	ck_assert_ptr_null(stack_new(fs, IMGFS_SOURCES_MAX + 1));
	ck_assert_ptr_null(stack_free(NULL));
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("stack"), *one = tcase_create("one");
	int status;

	if (!make_images()) {
		(void)fprintf(stderr, "cannot make images; is mksquashfs there?\n");
		return EXIT_FAILURE;
	}
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, look_up, 0, ARRAY_SIZE(rows));
	tcase_add_test(tc, lists);
	tcase_add_test(tc, merged_by_listing);
	tcase_add_test(tc, listing_goes_on_across_sources);
	tcase_add_test(tc, kinds);
	tcase_add_checked_fixture(one, setup_one, teardown);
	tcase_add_test(one, one_source_has_no_whiteouts);
	tcase_add_test(one, counts_are_checked);
	status = unit_run_two("stack", tc, one);
	remove_images();
	return status;
}
