/* SPDX-License-Identifier: BSD-3-Clause */
/* check_stream.c - images of files that stream by (libimage/squash/stream.h). */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include "libimage/base/err.h"
#include "libimage/squash/info.h"
#include "libimage/squash/scan.h"
#include "libimage/squash/squash.h"
#include "libimage/squash/stream.h"
#include "tests/unit/tree_make.h"

enum { NODES_MAX = 400, PIECE = 50000, PAGE = 4096 };

static char top[] = "/tmp/check_stream.XXXXXX";
static int top_fd = -1, d = -1;
static struct tree tree;
static struct tree_node *files[NODES_MAX];
static size_t nfile;
static uint8_t *data; /* 300000 bytes that do not compress */

static void collect(struct tree_node *node)
{
	for (size_t i = 0; i < node->nchild; i++)
		if (S_ISDIR(node->child[i]->st.st_mode))
			collect(node->child[i]);
		else if (S_ISREG(node->child[i]->st.st_mode) && !node->child[i]->same)
			files[nfile++] = node->child[i];
}

static int see_dir(void *arg, struct tree_node *node, int fd, struct berth_err *err)
{
	(void)arg, (void)node, (void)fd, (void)err;
	return 0;
}

/* What a usual system has: a shell with its loader and libraries, files of all sizes, links. */
static void setup(void)
{
	struct tree_ops ops = { .dir = see_dir };
	struct berth_err err = BERTH_ERR_INIT;
	char text[64];

	ck_assert_ptr_nonnull(mkdtemp(top));
	top_fd = open(top, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ck_assert_int_eq(mkdirat(top_fd, "d", 0755), 0);
	d = openat(top_fd, "d", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ck_assert_int_eq(sh("cd %s/d && mkdir bin etc && cp -L /bin/sh bin/sh && cp -L /bin/true bin && "
			    "for f in $(ldd /bin/sh | grep -o '/[^ )]*'); do mkdir -p .$(dirname $f) && cp -L $f .$f; "
			    "done && echo root:x:0:0 >etc/passwd && echo spare >bin/coreutils", top), 0);
	data = malloc(300000);
	ck_assert_ptr_nonnull(data);
	noise(data, 300000);
	ck_assert_int_eq(mkdirat(d, "many", 0755), 0);
	for (int i = 0; i < 200; i++) {
		(void)snprintf(text, sizeof(text), "many/%d", i);
		put(d, text, text, strlen(text), 0644);
	}
	put(d, "empty", "", 0, 0600);
	put(d, "noise", data, 300000, 04755);
	put(d, "noise-again", data, 300000, 0644);
	put(d, "block", data, 131072, 0644);
	put(d, "block-and-one", data, 131073, 0644);
	ck_assert_int_eq(symlinkat("noise", d, "link"), 0);
	ck_assert_int_eq(linkat(d, "noise", d, "many/hard", 0), 0);
	ck_assert_int_eq(mkfifoat(d, "fifo", 0640), 0);
	ck_assert_int_eq(sh("find %s/d -exec touch -h -d @1600000000 {} +", top), 0);
	ck_assert_msg(tree_scan(d, &ops, &tree, &err) == 0, "%s", err.text);
	nfile = 0;
	collect(tree.root);
	ck_assert_uint_gt(nfile, 205);
}

static void teardown(void)
{
	tree_done(&tree, squash_stream_inode_free);
	cleanup_close_fn(&d);
	cleanup_close_fn(&top_fd);
	ck_assert_int_eq(sh("rm -rf %s", top), 0);
	free(data);
}

static struct squash_stream *stream_to(int out, uint64_t at, const struct squash_write_options *opt)
{
	struct berth_err err = BERTH_ERR_INIT;
	struct squash_stream *s = NULL;

	ck_assert_int_eq(ftruncate(out, (off_t)at), 0);
	ck_assert_msg(squash_stream_new(out, at, opt, &s, &err) == 0, "%s", err.text);
	return s;
}

/* The bytes of 'node', in pieces that fit no block, as those of 'as'. */
static void feed_as(struct squash_stream *s, const struct tree_node *node, struct tree_node *as)
{
	struct berth_err err = BERTH_ERR_INIT;
	cleanup_close int fd = tree_open(d, node, &err);
	static uint8_t piece[PIECE];
	ssize_t n;

	ck_assert_int_ge(fd, 0);
	ck_assert_msg(squash_stream_begin(s, as, &err) == 0, "%s", err.text);
	while ((n = fd_read_full(fd, piece, sizeof(piece))) > 0)
		ck_assert_msg(squash_stream_data(s, piece, (size_t)n, &err) == 0, "%s", err.text);
	ck_assert_msg(squash_stream_end(s, &err) == 0, "%s", err.text);
}

static void feed(struct squash_stream *s, struct tree_node *node)
{
	feed_as(s, node, node);
}

static void forget_inodes(struct tree_node *node)
{
	squash_stream_inode_free(take_ptr(&node->inode));
	for (size_t i = 0; i < node->nchild; i++)
		forget_inodes(node->child[i]);
}

/* The whole tree, the last file first. */
static void write_image(const char *name, uint64_t at, const struct squash_write_options *opt,
			struct squash_write_result *res)
{
	cleanup_close int out = openat(top_fd, name, O_CREAT | O_TRUNC | O_RDWR | O_CLOEXEC, 0600);
	struct squash_stream *s = stream_to(out, at, opt);
	struct berth_err err = BERTH_ERR_INIT;

	for (size_t i = nfile; i-- > 0;)
		feed(s, files[i]);
	ck_assert_msg(squash_stream_settle(s, &err) == 0, "%s", err.text);
	ck_assert_msg(squash_stream_finish(s, &tree, res, &err) == 0, "%s", err.text);
	ck_assert_ptr_null(squash_stream_free(s));
	forget_inodes(tree.root);
}

static const struct squash_write_options plain = { .epoch = -1 };

START_TEST(same_bytes)
{
	static const struct { unsigned int workers; uint64_t at; } rows[] = { { 1, 0 }, { 2, 0 }, { 9, 36864 } };
	struct squash_write_options opt = plain;

	write_image("first", 0, &opt, NULL);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		opt.workers = rows[i].workers;
		write_image("next", rows[i].at, &opt, NULL);
		ck_assert_msg(sh("cmp -i 0:%d %s/first %s/next", (int)rows[i].at, top, top) == 0, "row %zu", i);
	}
}
END_TEST

static void extract(const char *image, const char *to)
{
	ck_assert_int_eq(sh("cd %s && rm -rf %s && unsquashfs -q -n -d %s %s >log 2>&1", top, to, to, image), 0);
}

START_TEST(unsquashfs_agrees)
{
	static const enum squash_compressor forms[] = { SQUASH_ZSTD, SQUASH_GZIP };
	static const char *const names[] = { "zstd", "gzip" };

	if (sh("command -v unsquashfs >/dev/null") != 0)
		return;
	for (size_t i = 0; i < ARRAY_SIZE(forms); i++) {
		struct squash_write_options opt = { .epoch = -1, .compressor = forms[i] };
		struct berth_err err = BERTH_ERR_INIT;
		cleanup_close int fd = -1;
		struct squash_head head;

		write_image("img", 0, &opt, NULL);
		extract("img", "out");
		ck_assert_int_eq(sh("cd %s && diff -r -x fifo --no-dereference d out && test out/noise -ef out/many/hard && "
				    "test ! out/noise -ef out/noise-again && test $(stat -c %%a out/noise) = 4755",
				    top), 0);
		fd = openat(top_fd, "img", O_RDONLY | O_CLOEXEC);
		ck_assert_int_eq(squash_head_read(fd, 0, &head, &err), 0);
		ck_assert_str_eq(squash_compressor_name(head.compressor), names[i]);
	}
}
END_TEST

/* Is 'path' of the image there as it is, on pages of its own? */
static bool is_raw(const char *image, const char *path)
{
	cleanup_close int fd = openat(top_fd, image, O_RDONLY | O_CLOEXEC);
	struct berth_err err = BERTH_ERR_INIT;
	struct squash_worker *w;
	struct squash_inode inode;
	struct squash_dirent ent;
	struct squash *fs;
	struct stat st;
	uint64_t where;
	char name[64];
	size_t len = 0;
	int raw;

	ck_assert_int_eq(fstat(fd, &st), 0);
	ck_assert_int_eq(squash_open(fd, 0, (uint64_t)st.st_size, &fs, &err), 0);
	ck_assert_int_eq(squash_share(&fs, 1, 0, 1, &err), 0);
	ck_assert_int_eq(squash_worker_new(&fs, 1, &w, &err), 0);
	ck_assert_int_eq(squash_inode_get(w, fs, squash_info(fs)->root, &inode, &err), 0);
	for (const char *p = path; *p != '\0'; p += *p == '/') {
		(void)snprintf(name, sizeof(name), "%.*s", (int)strcspn(p, "/"), p);
		p += strcspn(p, "/");
		ck_assert_msg(squash_lookup(w, &inode, name, &ent, &err) == 1, "%s", path);
		ck_assert_int_eq(squash_inode_get(w, fs, ent.ref, &inode, &err), 0);
	}
	raw = squash_raw(w, &inode, 0, inode.size, &where, &len, &err);
	(void)squash_worker_free(w);
	(void)squash_close(fs);
	return raw == 1 && len == inode.size && where % PAGE == 0;
}

START_TEST(start_set)
{
	struct squash_write_result res;

	write_image("img", 0, &plain, &res);
	ck_assert(is_raw("img", "bin/sh"));
	ck_assert(is_raw("img", "bin/true"));
	ck_assert(is_raw("img", "etc/passwd"));
	/* was kept, too, but nothing needs it; and one that nobody would keep */
	ck_assert(!is_raw("img", "bin/coreutils"));
	ck_assert(!is_raw("img", "many/7"));
	ck_assert_uint_gt(res.start_bytes, 200000);
	ck_assert_int_eq(sh("test $(stat -c %%s %s/img) -gt %d", top, (int)res.start_bytes), 0);
}
END_TEST

static struct tree_node *extra_node(const char *name, struct tree_node *parent, const struct stat *st)
{
	struct tree_node *n = calloc(1, sizeof(*n) + strlen(name) + 1);

	ck_assert_ptr_nonnull(n);
	memcpy(n->name, name, strlen(name) + 1);
	n->parent = parent;
	n->xattr = UINT32_MAX;
	n->st = *st;
	return n;
}

/* Files that lose their place, before all is settled and after it: one is written, one kept in memory. */
START_TEST(dropped)
{
	static const struct { const char *name; bool late; } rows[] = {
		{ "gone", false }, { "libc.so.6", false }, { "gone-late", true }, { "libm.so.6", true },
	};
	const struct stat st = { .st_mode = S_IFREG | 0644, .st_size = 300000 };
	cleanup_close int out = openat(top_fd, "img", O_CREAT | O_TRUNC | O_RDWR | O_CLOEXEC, 0600);
	struct squash_stream *s = stream_to(out, 0, &plain);
	struct tree_node *other[ARRAY_SIZE(rows)];
	struct berth_err err = BERTH_ERR_INIT;
	struct squash_write_result res;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		other[i] = extra_node(rows[i].name, tree.root, &st);
		ck_assert_int_eq(squash_stream_begin(s, other[i], &err), 0);
		ck_assert_int_eq(squash_stream_data(s, data, 300000, &err), 0);
		ck_assert_int_eq(squash_stream_end(s, &err), 0);
		if (!rows[i].late)
			squash_stream_drop(s, other[i]);
	}
	for (size_t i = 0; i < nfile; i++)
		feed(s, files[i]);
	ck_assert_msg(squash_stream_settle(s, &err) == 0, "%s", err.text);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (rows[i].late)
			squash_stream_drop(s, other[i]);
	ck_assert_msg(squash_stream_finish(s, &tree, &res, &err) == 0, "%s", err.text);
	(void)squash_stream_free(s);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		squash_stream_inode_free(other[i]->inode);
		free(other[i]);
	}
	if (sh("command -v unsquashfs >/dev/null") == 0) {
		extract("img", "out");
		ck_assert_int_eq(sh("cd %s && diff -r -x fifo --no-dereference d out", top), 0);
	}
}
END_TEST

/* The files turn out to have other nodes than they were written under. */
START_TEST(moved)
{
	cleanup_close int out = openat(top_fd, "img", O_CREAT | O_TRUNC | O_RDWR | O_CLOEXEC, 0600);
	struct squash_stream *s = stream_to(out, 0, &plain);
	struct tree_node *other[NODES_MAX];
	struct berth_err err = BERTH_ERR_INIT;

	for (size_t i = 0; i < nfile; i++) {
		other[i] = extra_node(files[i]->name, files[i]->parent, &files[i]->st);
		feed_as(s, files[i], other[i]);
	}
	ck_assert_msg(squash_stream_settle(s, &err) == 0, "%s", err.text);
	for (size_t i = 0; i < nfile; i++) {
		files[i]->inode = other[i]->inode;
		free(other[i]);
	}
	ck_assert_msg(squash_stream_finish(s, &tree, NULL, &err) == 0, "%s", err.text);
	(void)squash_stream_free(s);
	ck_assert(is_raw("img", "bin/sh"));
	if (sh("command -v unsquashfs >/dev/null") == 0) {
		extract("img", "out");
		ck_assert_int_eq(sh("cd %s && diff -r -x fifo --no-dereference d out", top), 0);
	}
}
END_TEST

START_TEST(holes_and_attributes)
{
	cleanup_close int out = openat(top_fd, "img", O_CREAT | O_TRUNC | O_RDWR | O_CLOEXEC, 0600);
	struct squash_stream *s = stream_to(out, 0, &plain);
	struct berth_err err = BERTH_ERR_INIT;
	char path[128], value[8];

	for (size_t i = 0; i < nfile; i++) {
		struct tree_node *n = files[i];

		if (strcmp(n->name, "passwd") == 0) { /* one that is kept in memory */
			n->st.st_size = 16;
			ck_assert_int_eq(squash_stream_begin(s, n, &err), 0);
			ck_assert_int_eq(squash_stream_data(s, "ab", 2, &err), 0);
			ck_assert_int_eq(squash_stream_zeros(s, 12, &err), 0);
			ck_assert_int_eq(squash_stream_data(s, "cd", 2, &err), 0);
			ck_assert_int_eq(squash_stream_end(s, &err), 0);
			continue;
		}
		if (strcmp(n->name, "noise-again") != 0) {
			feed(s, n);
			continue;
		}
		n->st.st_size = 5000000;
		ck_assert_int_eq(squash_stream_xattr(s, n, "user.a", "1", 1, &err), 0);
		ck_assert_int_eq(squash_stream_xattr(s, n, "user.b", "22", 2, &err), 0);
		ck_assert_int_eq(squash_stream_begin(s, n, &err), 0);
		ck_assert_int_eq(squash_stream_zeros(s, 4000000, &err), 0);
		ck_assert_int_eq(squash_stream_data(s, "middle", 6, &err), 0);
		ck_assert_int_eq(squash_stream_zeros(s, 999994, &err), 0);
		ck_assert_int_eq(squash_stream_end(s, &err), 0);
	}
	ck_assert_int_eq(squash_stream_xattr(s, tree.root, "user.root", "r", 1, &err), 0);
	ck_assert_msg(squash_stream_settle(s, &err) == 0, "%s", err.text);
	ck_assert_msg(squash_stream_finish(s, &tree, NULL, &err) == 0, "%s", err.text);
	(void)squash_stream_free(s);
	if (sh("command -v unsquashfs >/dev/null") != 0)
		return;
	extract("img", "out");
	ck_assert_int_eq(sh("cd %s/out && test $(stat -c %%s noise-again) = 5000000 && "
			    "cmp -i 4000000:0 -n 6 noise-again - <<E\nmiddle\nE", top), 0);
	ck_assert_int_eq(sh("cd %s/out && printf 'ab\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0cd' | cmp - etc/passwd", top), 0);
	(void)snprintf(path, sizeof(path), "%s/out", top);
	if (setxattr(path, "user.probe", "1", 1, 0) < 0)
		return; /* a file system without */
	ck_assert_int_eq(getxattr(path, "user.root", value, sizeof(value)), 1);
	(void)snprintf(path, sizeof(path), "%s/out/noise-again", top);
	ck_assert_int_eq(getxattr(path, "user.b", value, sizeof(value)), 2);
}
END_TEST

/* What a caller may not do, which would otherwise be a wrong image. */
START_TEST(refused)
{
	cleanup_close int out = openat(top_fd, "img", O_CREAT | O_TRUNC | O_RDWR | O_CLOEXEC, 0600);
	struct squash_stream *s = stream_to(out, 0, &plain);
	struct tree_node *empty = NULL, *small = NULL, *kept = NULL;
	struct berth_err err = BERTH_ERR_INIT;

	for (size_t i = 0; i < nfile; i++) {
		empty = strcmp(files[i]->name, "empty") == 0 ? files[i] : empty;
		small = strcmp(files[i]->name, "42") == 0 ? files[i] : small;
		kept = strcmp(files[i]->name, "passwd") == 0 ? files[i] : kept;
	}
	ck_assert_int_eq(squash_stream_data(s, "x", 1, &err), -1); /* of no file */
	ck_assert_int_eq(squash_stream_zeros(s, 1, &err), -1);
	ck_assert_int_eq(squash_stream_end(s, &err), -1);
	ck_assert_int_eq(squash_stream_begin(s, empty, &err), 0);
	ck_assert_int_eq(squash_stream_begin(s, small, &err), -1); /* two at once */
	ck_assert_int_eq(squash_stream_data(s, "x", 1, &err), -1); /* more than was said */
	ck_assert_int_eq(squash_stream_settle(s, &err), -1); /* within a file */
	ck_assert_int_eq(squash_stream_end(s, &err), 0);
	ck_assert_int_eq(squash_stream_begin(s, small, &err), 0);
	ck_assert_int_eq(squash_stream_data(s, "many/4", 6, &err), 0);
	ck_assert_int_eq(squash_stream_zeros(s, 2, &err), -1);
	ck_assert_int_eq(squash_stream_end(s, &err), -1); /* fewer */
	(void)squash_stream_free(s);
	forget_inodes(tree.root);
	s = stream_to(out, 0, &plain);
	ck_assert_int_eq(squash_stream_begin(s, kept, &err), 0);
	ck_assert_int_eq(squash_stream_zeros(s, 1ULL << 40, &err), -1); /* in memory, above all */
	ck_assert_int_eq(err.code, BERTH_EBUG);
	(void)squash_stream_free(s);
	forget_inodes(tree.root);
}
END_TEST

/* Without a descriptor there is no image, rather than another one. */
START_TEST(no_descriptors)
{
	cleanup_close int out = openat(top_fd, "img", O_CREAT | O_TRUNC | O_RDWR | O_CLOEXEC, 0600);
	struct squash_stream *s = stream_to(out, 0, &plain);
	struct berth_err err = BERTH_ERR_INIT;
	struct tree_node *kept = NULL;
	struct rlimit lim;

	for (size_t i = 0; i < nfile; i++)
		kept = strcmp(files[i]->name, "passwd") == 0 ? files[i] : kept;
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &lim), 0);
	lim.rlim_cur = 3;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &lim), 0);
	ck_assert_int_eq(squash_stream_begin(s, kept, &err), -1);
	ck_assert_int_eq(err.sys, EMFILE);
	lim.rlim_cur = lim.rlim_max;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &lim), 0);
	(void)squash_stream_free(s);
}
END_TEST

START_TEST(full_disk)
{
	cleanup_close int out = open("/dev/full", O_RDWR | O_CLOEXEC);
	struct squash_stream *s = NULL;
	struct berth_err err = BERTH_ERR_INIT;

	ck_assert_int_eq(squash_stream_new(out, 0, &plain, &s, &err), -1);
	ck_assert_int_eq(err.sys, ENOSPC);
	ck_assert_ptr_null(s);
}
END_TEST

int main(void)
{
	TCase *c = tcase_create("stream");

	tcase_set_timeout(c, 120);
	tcase_add_checked_fixture(c, setup, teardown);
	tcase_add_test(c, same_bytes);
	tcase_add_test(c, unsquashfs_agrees);
	tcase_add_test(c, start_set);
	tcase_add_test(c, dropped);
	tcase_add_test(c, moved);
	tcase_add_test(c, holes_and_attributes);
	tcase_add_test(c, refused);
	tcase_add_test(c, no_descriptors);
	tcase_add_test(c, full_disk);
	return unit_run("stream", c);
}
