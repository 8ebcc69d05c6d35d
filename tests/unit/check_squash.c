/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * check_squash.c - the squashfs reader: images made here by several programs, with each
 * compressor, compared with the directory they were made of; and superblocks that must be refused.
 */
#include "config.h"

#include <pthread.h>

#include "libimage/base/fd.h"
#include "libimage/base/num.h"
#include "tests/unit/squash_make.h"

static char top[] = "/tmp/check_squash.XXXXXX";
static char tree_path[64], image_path[64];

#define MKSQUASHFS "mksquashfs \"$TREE\" \"$IMAGE\" -noappend -quiet -no-progress "

#define TAR2SQFS "tar -C \"$TREE\" -cf - . | tar2sqfs -q -f \"$IMAGE\" "

/* Each makes $IMAGE of $TREE. */
static const char *const makers[] = {
	MKSQUASHFS "-comp zstd", MKSQUASHFS "-comp gzip", MKSQUASHFS "-comp xz", MKSQUASHFS "-comp lz4",
	MKSQUASHFS "-comp lzma",
	MKSQUASHFS "-comp gzip -b 4096 -no-fragments", MKSQUASHFS "-comp zstd -b 1M",
	MKSQUASHFS "-comp xz -b 1M -Xbcj x86", MKSQUASHFS "-comp lz4 -Xhc -no-exports",
	MKSQUASHFS "-comp zstd -noI", MKSQUASHFS "-comp gzip -noD", MKSQUASHFS "-comp xz -noF",
	MKSQUASHFS "-comp lz4 -noI -noD -noF -noX", MKSQUASHFS "-comp lzma -noId -noF",
	MKSQUASHFS "-comp gzip -always-use-fragments -no-duplicates -no-exports",
	TAR2SQFS "-c zstd", TAR2SQFS "-c lz4 -b 16384 -e", TAR2SQFS "-c gzip -b 262144", TAR2SQFS "-c xz",
	TAR2SQFS "-c lzma",
};

static void make_tree(void)
{
	ck_assert_ptr_nonnull(mkdtemp(top));
	(void)snprintf(tree_path, sizeof(tree_path), "%s/tree", top);
	(void)snprintf(image_path, sizeof(image_path), "%s/image", top);
	ck_assert_int_eq(shell("mkdir -p '%s/sub/deep' '%s/many' && cd '%s' && seq 100000 >text && "
			       "head -c 700000 /dev/urandom >random && : >none && echo tiny >tiny && "
			       "ln tiny sub/hard && ln -s ../tiny sub/link && mkfifo pipe && "
			       "truncate -s 3M hole && echo end >>hole && "
			       "for i in $(seq 200); do seq $i $((i * 9)) >sub/deep/f$i; done && "
			       "cd many && seq -f name-%%.0f 5000 | xargs touch",
			       tree_path, tree_path, tree_path), 0);
	ck_assert_int_eq(setenv("TREE", tree_path, 1), 0);
	ck_assert_int_eq(setenv("IMAGE", image_path, 1), 0);
}

static void remove_tree(void)
{
	(void)shell("rm -rf '%s'", top);
}

/* False, and says so: this machine's program cannot. */
static bool make_image(const char *maker)
{
	if (shell("{ %s; } >/dev/null 2>&1", maker) == 0)
		return true;
	printf("skipped: not possible here: %s\n", maker);
	return false;
}

static void same_bytes(struct squash_worker *w, const struct squash_inode *o, int fd)
{
	static const size_t steps[] = { 131072, 1 << 20, 4096, 777 };
	struct berth_err err = BERTH_ERR_INIT;
	cleanup_free uint8_t *a = malloc(1 << 20), *b = malloc(1 << 20);

	for (size_t s = 0; s < ARRAY_SIZE(steps); s++) {
		/* 777 is slow: the beginning will do */
		uint64_t end = steps[s] == 777 && o->size > 50000 ? 50000 : o->size;

		for (uint64_t off = 0; off <= end; off += steps[s]) {
			ssize_t want = pread(fd, a, steps[s], (off_t)off);
			ssize_t got = squash_read(w, o, off, b, steps[s], &err);

			ck_assert_msg(got == want, "%zd bytes, not %zd: %s", got, want, err.text);
			ck_assert_int_eq(memcmp(a, b, (size_t)got), 0);
		}
	}
}

struct seen {
	struct squash_worker *w;
	struct squash *fs;
	const char *path;
	int n;
};

static void compare(struct squash_worker *w, struct squash *fs, uint64_t ref, const char *path);

static int compare_child(void *arg, const struct squash_dirent *ent)
{
	struct seen *seen = arg;
	char path[PATH_MAX];

	(void)snprintf(path, sizeof(path), "%s/%s", seen->path, ent->name);
	seen->n++;
	if (ent->type != S_IFDIR) /* a directory would list inside a list */
		compare(seen->w, seen->fs, ent->ref, path);
	return 0;
}

static void compare_dir(struct squash_worker *w, const struct squash_inode *o, const char *path)
{
	struct seen seen = { .w = w, .fs = o->fs, .path = path };
	struct berth_err err = BERTH_ERR_INIT;
	DIR *d = opendir(path);
	int n = 0;

	ck_assert_int_eq(squash_list(w, o, 0, compare_child, &seen, &err), 0);
	ck_assert_ptr_nonnull(d);
	for (struct dirent *de = readdir(d); de; de = readdir(d)) {
		struct squash_dirent ent;
		char child[PATH_MAX];

		if (strcmp(de->d_name, ".") == 0 || strcmp(de->d_name, "..") == 0) {
			ck_assert_int_eq(squash_lookup(w, o, de->d_name, &ent, &err), 0);
			continue;
		}
		n++;
		ck_assert_msg(squash_lookup(w, o, de->d_name, &ent, &err) == 1, "%s: %s", de->d_name, err.text);
		ck_assert_str_eq(ent.name, de->d_name);
		(void)snprintf(child, sizeof(child), "%s/%s", path, de->d_name);
		if (ent.type == S_IFDIR)
			compare(w, o->fs, ent.ref, child);
		(void)snprintf(child, sizeof(child), "%s~", de->d_name);
		ck_assert_int_eq(squash_lookup(w, o, child, &ent, &err), 0);
	}
	(void)closedir(d);
	ck_assert_int_eq(n, seen.n);
}

static void compare(struct squash_worker *w, struct squash *fs, uint64_t ref, const char *path)
{
	struct berth_err err = BERTH_ERR_INIT;
	struct squash_inode o;
	char a[PATH_MAX], b[PATH_MAX];
	struct stat st;

	ck_assert_int_eq(lstat(path, &st), 0);
	ck_assert_msg(squash_inode_get(w, fs, ref, &o, &err) == 0, "%s: %s", path, err.text);
	ck_assert_uint_eq(o.mode, st.st_mode);
	ck_assert_uint_eq(o.uid, st.st_uid);
	ck_assert_uint_eq(o.gid, st.st_gid);
	ck_assert_int_eq(o.mtime, st.st_mtime);
	ck_assert_uint_gt(o.ino, 0);
	if (S_ISDIR(st.st_mode)) {
		compare_dir(w, &o, path);
		return;
	}
	ck_assert_uint_eq(o.nlink, st.st_nlink);
	if (S_ISREG(st.st_mode)) {
		cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC);

		ck_assert_uint_eq(o.size, (uint64_t)st.st_size);
		same_bytes(w, &o, fd);
	} else if (S_ISLNK(st.st_mode)) {
		ssize_t n = readlink(path, a, sizeof(a) - 1);

		a[n] = '\0';
		ck_assert_int_eq(squash_readlink(w, &o, b, &err), n);
		ck_assert_str_eq(a, b);
	}
}

START_TEST(same_as_source)
{
	struct reader r;

	if (!make_image(makers[_i]))
		return;
	reader_open(&r, image_path);
	compare(r.w, r.fs, squash_info(r.fs)->root, tree_path);
	reader_close(&r);
}
END_TEST

static int one_at_a_time(void *arg, const struct squash_dirent *ent)
{
	*(struct squash_dirent *)arg = *ent;
	return 1;
}

/* A listing continued from each position gives each name once. */
START_TEST(list_goes_on)
{
	struct squash_dirent ent = { .next = 0 }, last = { .name = "" };
	struct berth_err err = BERTH_ERR_INIT;
	struct squash_inode many;
	struct reader r;
	int n = 0, rc;

	ck_assert(make_image(MKSQUASHFS "-comp gzip"));
	reader_open(&r, image_path);
	many = reader_find(&r, "many");
	while ((rc = squash_list(r.w, &many, ent.next, one_at_a_time, &ent, &err)) == 1) {
		ck_assert_int_gt(strcmp(ent.name, last.name), 0);
		last = ent;
		n++;
	}
	ck_assert_int_eq(rc, 0);
	ck_assert_int_eq(n, 5000);
	reader_close(&r);
}
END_TEST

static void *compare_thread(void *arg)
{
	struct berth_err err = BERTH_ERR_INIT;
	struct squash *s = arg;
	struct squash_worker *w;

	ck_assert_int_eq(squash_worker_new(&s, 1, &w, &err), 0);
	compare(w, s, squash_info(s)->root, tree_path);
	squash_worker_free(w);
	return NULL;
}

/* Behind a launch line, and read by threads that fight for a cache of a few blocks. */
START_TEST(threads)
{
	enum { N = READER_WORKERS, LINE = 31 };
	struct berth_err err = BERTH_ERR_INIT;
	pthread_t id[N];
	struct reader r;
	int fd;

	ck_assert(make_image(MKSQUASHFS "-comp zstd -b 64K"));
	ck_assert_int_eq(shell("(printf '%%031d' 0; cat '%s') >'%s.31'", image_path, image_path), 0);
	ck_assert_int_eq(shell("mv '%s.31' '%s'", image_path, image_path), 0);
	fd = open(image_path, O_RDONLY | O_CLOEXEC);
	ck_assert_int_eq(reader_try(&r, fcntl(fd, F_DUPFD_CLOEXEC, 0), 0, &err), -1);
	ck_assert_msg(reader_try(&r, fd, LINE, &err) == 0, "%s", err.text);
	r.w = squash_worker_free(r.w);
	for (int i = 0; i < N; i++)
		ck_assert_int_eq(pthread_create(&id[i], NULL, compare_thread, r.fs), 0);
	for (int i = 0; i < N; i++)
		ck_assert_int_eq(pthread_join(id[i], NULL), 0);
	reader_close(&r);
}
END_TEST

/* Fields of the superblock, set to what no image may have. */
static const struct {
	unsigned int at, bytes;
	uint64_t value;
} bad[] = {
	{ 0, 4, 0 },	       { 0, 4, 0x68737173 },
	{ 12, 4, 0 },	       { 12, 4, 4096 },	       { 12, 4, 1 << 21 },
	{ 20, 2, 0 },	       { 20, 2, 7 },	       { 20, 2, 0xffff },
	{ 22, 2, 0 },	       { 22, 2, 11 },	       { 22, 2, 21 },	   { 22, 2, 63 },
	{ 26, 2, 0 },
	{ 28, 2, 3 },	       { 30, 2, 1 },
	{ 32, 8, 1ull << 48 }, { 32, 8, UINT64_MAX },
	{ 40, 8, 0 },	       { 40, 8, 95 },	       { 40, 8, 1ull << 40 }, { 40, 8, UINT64_MAX },
	{ 48, 8, 0 },	       { 48, 8, UINT64_MAX },  { 48, 8, 1ull << 40 },
	{ 64, 8, 0 },	       { 64, 8, UINT64_MAX },  { 64, 8, 1ull << 40 },
	{ 72, 8, 0 },	       { 72, 8, UINT64_MAX },  { 72, 8, 1ull << 40 },
	{ 80, 8, 0 },	       { 80, 8, UINT64_MAX - 1 }, { 80, 8, 1ull << 40 }, { 80, 8, 96 },
	{ 16, 4, UINT32_MAX },
};

START_TEST(refused)
{
	struct berth_err err = BERTH_ERR_INIT;
	struct reader r;
	uint8_t raw[8];
	int fd;

	ck_assert(make_image(MKSQUASHFS "-comp gzip"));
	fd = open(image_path, O_RDWR | O_CLOEXEC);
	ck_assert_msg(reader_try(&r, fcntl(fd, F_DUPFD_CLOEXEC, 0), 0, &err) == 0, "%s", err.text);
	reader_close(&r);
	num_put_le64(raw, bad[_i].value);
	ck_assert_int_eq(fd_pwrite_full(fd, raw, bad[_i].bytes, bad[_i].at), 0);
	ck_assert_int_eq(reader_try(&r, fd, 0, &err), -1);
	ck_assert_int_eq(err.code, BERTH_EIMAGE);
	ck_assert_str_ne(err.text, "");
}
END_TEST

/* Cut anywhere, an image is refused when it is opened. */
START_TEST(cut)
{
	struct berth_err err = BERTH_ERR_INIT;
	static const off_t sizes[] = { 0, 1, 95, 96, 4096, -8192 };
	struct reader r;
	struct stat st;
	int fd;

	ck_assert(make_image(MKSQUASHFS "-comp gzip"));
	fd = open(image_path, O_RDWR | O_CLOEXEC);
	ck_assert_int_eq(fstat(fd, &st), 0);
	ck_assert_int_eq(ftruncate(fd, sizes[_i] < 0 ? st.st_size + sizes[_i] : sizes[_i]), 0);
	ck_assert_int_eq(reader_try(&r, fd, 0, &err), -1);
	ck_assert_int_eq(err.code, BERTH_EIMAGE);
}
END_TEST

/* What this build cannot decompress is refused at once, by name. */
START_TEST(lzo)
{
	struct berth_err err = BERTH_ERR_INIT;
	struct reader r;
	uint8_t id = 3;
	int fd;

	ck_assert(make_image(MKSQUASHFS "-comp gzip"));
	fd = open(image_path, O_RDWR | O_CLOEXEC);
	ck_assert_int_eq(fd_pwrite_full(fd, &id, 1, 20), 0);
	ck_assert_int_eq(reader_try(&r, fd, 0, &err), -1);
	ck_assert_int_eq(err.code, BERTH_EIMAGE);
	ck_assert_ptr_nonnull(strstr(err.text, "lzo"));
	ck_assert_str_ne(err.hint, "");
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("squash");

	if (shell("command -v mksquashfs >/dev/null") != 0)
		return 77; /* automake: skipped */
	tcase_add_unchecked_fixture(tc, make_tree, remove_tree);
	tcase_add_loop_test(tc, same_as_source, 0, ARRAY_SIZE(makers));
	tcase_add_test(tc, list_goes_on);
	tcase_add_test(tc, threads);
	tcase_add_loop_test(tc, refused, 0, ARRAY_SIZE(bad));
	tcase_add_loop_test(tc, cut, 0, 6);
	tcase_add_test(tc, lzo);
	return unit_run("squash", tc);
}
