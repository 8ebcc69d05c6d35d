/* SPDX-License-Identifier: BSD-3-Clause */
/* check_walk.c - every name of a squashfs, in order, once (libimage/squash/walk.h). */
#include "config.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "libimage/base/cleanup.h"
#include "libimage/base/err.h"
#include "libimage/base/str.h"
#include "libimage/squash/walk.h"
#include "tests/unit/squash_forge.h"
#include "tests/unit/squash_make.h"

static const struct forge_swap as_it_is = { .part = FORGE_PARTS };

/* What comes by, as text; what it is asked for ends the walk. */
struct seen {
	struct strbuf text;
	const char *end_at;
	uint64_t bytes;
};

static int count(void *arg, const void *bytes, size_t n, struct berth_err *err)
{
	struct seen *s = arg;

	(void)bytes;
	(void)err;
	ck_assert_uint_gt(n, 0);
	s->bytes += n;
	return 0;
}

static int visit(void *arg, const struct squash_visit *v, struct berth_err *err)
{
	struct squash_attrs a = { 0 };
	struct seen *s = arg;

	if (s->end_at && strcmp(s->end_at, v->path) == 0)
		return berth_fail(err, BERTH_ESYS, 0, "enough");
	strbuf_printf(&s->text, "%s", v->path[0] ? v->path : "/");
	if (v->target)
		strbuf_printf(&s->text, "->%s", v->target);
	if (v->same)
		strbuf_printf(&s->text, "=%s", v->same);
	if (squash_visit_attrs(v, &a, err) < 0)
		return -1;
	for (size_t i = 0; i < a.n; i++)
		strbuf_printf(&s->text, "[%s:%.*s]", a.v[i].name, (int)a.v[i].n, (const char *)a.v[i].value);
	squash_attrs_done(&a);
	strbuf_puts(&s->text, " ");
	return S_ISREG(v->inode->mode) ? squash_visit_bytes(v, count, s, err) : 0;
}

static int leave(void *arg, const struct squash_visit *v, struct berth_err *err)
{
	struct seen *s = arg;

	(void)err;
	strbuf_printf(&s->text, "<%s ", v->path);
	return 0;
}

static int walk(int fd, uint64_t at, uint64_t size, struct seen *s, struct berth_err *err)
{
	const struct squash_walk_ops ops = { .arg = s, .visit = visit, .leave = leave };

	return squash_walk(fd, at, size, &ops, err);
}

static int forge_file(const struct forge *f)
{
	int fd = memfd_create("forged", MFD_CLOEXEC);

	ck_assert_int_eq(fd_write_full(fd, f->data, f->n), 0);
	return fd;
}

/* An image of mksquashfs's in this directory. */
static int made(uint64_t *size)
{
	struct stat st;
	int fd;

	ck_assert_int_eq(shell("rm -rf t.dir t.img && mkdir -p t.dir/b/c t.dir/a.d t.dir/z && echo 1 >t.dir/b/one && "
			       "ln t.dir/b/one t.dir/a.d/two && ln -s ../b/one t.dir/z/up && ln -s /z/up t.dir/abs && "
			       "ln -s loop t.dir/loop && ln -s b t.dir/dir && head -c 3000000 /dev/zero >t.dir/zeros && "
			       "mksquashfs t.dir t.img -quiet -no-progress -noappend >/dev/null"), 0);
	fd = open("t.img", O_RDONLY | O_CLOEXEC);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(fstat(fd, &st), 0);
	*size = (uint64_t)st.st_size;
	return fd;
}

START_TEST(order)
{
	struct berth_err err = BERTH_ERR_INIT;
	struct seen s = { .bytes = 0 };
	uint64_t size;
	cleanup_close int fd = made(&size);

	ck_assert_msg(walk(fd, 0, size, &s, &err) == 0, "%s", err.text);
	ck_assert_str_eq(s.text.text, "/ a.d a.d/two <a.d abs->/z/up b b/c <b/c b/one=a.d/two <b dir->b loop->loop z "
				      "z/up->../b/one <z zeros < ");
	ck_assert_uint_eq(s.bytes, 3000000 + 2 + 2);
	strbuf_done(&s.text);
}
END_TEST

START_TEST(ends)
{
	struct berth_err err = BERTH_ERR_INIT;
	struct seen s = { .end_at = "b/c" };
	uint64_t size;
	cleanup_close int fd = made(&size);

	ck_assert_int_eq(walk(fd, 0, size, &s, &err), -1);
	ck_assert_str_eq(err.text, "enough");
	strbuf_done(&s.text);
}
END_TEST

static const struct {
	const char *path;
	ssize_t want;
} heads[] = {
	{ "/b/one", 2 }, { "b/one", 2 }, { "/abs", 2 }, { "/z/up", 2 }, { "/dir/one", 2 }, { "/dir/../b//./one", 2 },
	{ "/../../b/one", 2 }, { "/zeros", 4 }, { "/b", 0 }, { "/none", 0 }, { "/loop", 0 }, { "/b/one/x", 0 }, { "", 0 },
	{ "/zeros/..", 0 },
};

START_TEST(file_head)
{
	struct berth_err err = BERTH_ERR_INIT;
	char buf[4];
	uint64_t size;
	cleanup_close int fd = made(&size);

	for (size_t i = 0; i < ARRAY_SIZE(heads); i++)
		ck_assert_msg(squash_file_head(fd, 0, size, heads[i].path, buf, sizeof(buf), &err) == heads[i].want,
			      "'%s'", heads[i].path);
}
END_TEST

START_TEST(forged)
{
	struct berth_err err = BERTH_ERR_INIT;
	struct seen s = { .bytes = 0 };
	struct forge f;
	cleanup_close int fd = -1;

	forge_make(&f, &as_it_is);
	fd = forge_file(&f);
	ck_assert_msg(walk(fd, 0, f.n, &s, &err) == 0, "%s", err.text);
	ck_assert_str_eq(s.text.text, "/ f[user.a:1][user.b:hello] l->f/x[user.a:1][user.b:hello] < ");
	ck_assert_uint_eq(s.bytes, FORGE_SIZE);
	strbuf_done(&s.text);
}
END_TEST

/* A directory in itself comes once. */
START_TEST(circle)
{
	struct berth_err err = BERTH_ERR_INIT;
	struct seen s = { .bytes = 0 };
	struct forge f;
	cleanup_close int fd = -1;

	forge_make(&f, &as_it_is);
	forge_poke(&f, FORGE_DIR, 12, 0, 2); /* "f" is the root */
	forge_poke(&f, FORGE_DIR, 16, 1, 2);
	fd = forge_file(&f);
	ck_assert_int_eq(walk(fd, 0, f.n, &s, &err), -1);
	ck_assert_int_eq(err.code, BERTH_EIMAGE);
	ck_assert_ptr_nonnull(strstr(err.text, "two places"));
	strbuf_done(&s.text);
}
END_TEST

/* Whatever byte is another: a tree, or an error, and each time the image's. */
START_TEST(every_byte)
{
	struct forge f;

	forge_make(&f, &as_it_is);
	for (size_t i = 0; i < f.n; i++) {
		struct berth_err err = BERTH_ERR_INIT;
		struct seen s = { .bytes = 0 };
		cleanup_close int fd = -1;

		/* the blocks of the file are as good as any */
		if (i > f.at[FORGE_DATA] + 8 && i < f.at[FORGE_ROOT] - 8)
			continue;
		f.data[i] ^= 0x81;
		fd = forge_file(&f);
		if (walk(fd, 0, f.n, &s, &err) < 0)
			ck_assert_msg(err.code == BERTH_EIMAGE, "byte %zu: %s", i, err.text);
		f.data[i] ^= 0x81;
		strbuf_done(&s.text);
	}
}
END_TEST

int main(void)
{
	char dir[] = "/tmp/check_walk.XXXXXX";
	TCase *tc = tcase_create("walk");
	int rc;

	if (!mkdtemp(dir) || chdir(dir) < 0)
		return EXIT_FAILURE;
	tcase_add_test(tc, order);
	tcase_add_test(tc, ends);
	tcase_add_test(tc, file_head);
	tcase_add_test(tc, forged);
	tcase_add_test(tc, circle);
	tcase_add_test(tc, every_byte);
	rc = unit_run("walk", tc);
	(void)shell("rm -rf %s", dir);
	return rc;
}
