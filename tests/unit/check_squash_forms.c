/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * check_squash_forms.c - what a squashfs can have and a directory here may not: any owner and device,
 * attributes of every kind, the longest names and targets, 100,001 entries in one directory.
 */
#include "config.h"

#include <limits.h>
#include <linux/limits.h>
#include <signal.h>
#include <sys/sysmacros.h>

#include "tests/unit/squash_make.h"
#include "tests/unit/squash_tar.h"

enum {
	ENTRIES = 5000,
	HUGE_ENTRIES = 100001,
	OWNERS = 3000,	     /* more than a block of the table has */
	OWNER_FIRST = 5000,
	ATTRS = 300,
	LONG_VALUE = 60000, /* tar2sqfs takes so much in a tar's head */
	LONG_NAME = 255,
	LONG_TARGET = 4095,
};

static char top[] = "/tmp/check_squash.XXXXXX";
static char long_value[LONG_VALUE], long_target[LONG_TARGET + 1], pax[LONG_VALUE * 4];
static const char caps[20] = "\1\0\0\2\0\4\0\0\0\0\0";

/* Each makes an image of a tar. Their time grows with the square of a directory's entries. */
static const char *const makers[] = {
	"tar2sqfs -q -f -c zstd $T/image.0", "tar2sqfs -q -f -c gzip -e -b 4096 $T/image.1",
	"sqfstar -comp zstd $T/image.2", "sqfstar -comp lz4 -exports -noX -noI $T/image.3",
};

/* Names that fill an entry, with bytes that a signed or locale's comparison would sort otherwise. */
static void long_name(char name[LONG_NAME + 1], int i)
{
	static const char ends[] = { '\1', ' ', '~', '\x80', '\xff' };

	memset(name, 'n', LONG_NAME);
	name[LONG_NAME - 1] = ends[i];
	name[LONG_NAME] = '\0';
}

static size_t attrs(char *to, bool first)
{
	size_t n = 0;

	n = tar_record(to, n, "SCHILY.xattr.user.long", long_value, LONG_VALUE);
	n = tar_record(to, n, "SCHILY.xattr.user.short", first ? "1" : "2", 1);
	n = tar_record(to, n, "SCHILY.xattr.trusted.overlay.opaque", "y", 1);
	return tar_record(to, n, "SCHILY.xattr.security.capability", caps, sizeof(caps));
}

static void put_attrs(FILE *f)
{
	static const struct {
		const char *name;
		char type;
	} nodes[] = { { "x/file", '0' }, { "x/dir", '5' }, { "x/link", '2' }, { "x/chr", '3' }, { "x/blk", '4' },
		      { "x/fifo", '6' } };
	size_t n = attrs(pax, true);

	tar_add(f, "x", (struct tar_entry){ .type = '5', .mode = 0755 });
	tar_add(f, "x/none", (struct tar_entry){ .type = '0', .mode = 0644 });
	for (size_t i = 0; i < ARRAY_SIZE(nodes); i++)
		tar_add(f, nodes[i].name, (struct tar_entry){ .type = nodes[i].type, .mode = 0644, .pax = pax,
							      .pax_size = n, .target = "file" });
	n = attrs(pax, false); /* the long values are there already */
	tar_add(f, "x/other", (struct tar_entry){ .type = '0', .mode = 0644, .pax = pax, .pax_size = n });
	n = 0;
	for (int i = 0; i < ATTRS; i++) {
		char key[64], value[64];

		(void)snprintf(key, sizeof(key), "SCHILY.xattr.user.n%03d", i);
		(void)snprintf(value, sizeof(value), "value of %d", i);
		n = tar_record(pax, n, key, value, strlen(value));
	}
	tar_add(f, "x/many", (struct tar_entry){ .type = '0', .mode = 0644, .pax = pax, .pax_size = n });
}

static void put_tree(FILE *f)
{
	char name[LONG_NAME + 16];

	tar_add(f, "long", (struct tar_entry){ .type = '5', .mode = 0711 });
	for (int i = 0; i < 5; i++) {
		memcpy(name, "long/", 5);
		long_name(name + 5, i);
		tar_add(f, name, (struct tar_entry){ .type = '0', .mode = 0600, .data = name, .size = LONG_NAME });
	}
	tar_add(f, "target", (struct tar_entry){ .type = '2', .mode = 0777, .target = long_target });
	tar_add(f, "chr", (struct tar_entry){ .type = '3', .mode = 0666, .major = 1, .minor = 3 });
	tar_add(f, "blk", (struct tar_entry){ .type = '4', .mode = 0660, .major = 259, .minor = 0x12345 });
	tar_add(f, "fifo", (struct tar_entry){ .type = '6', .mode = 0622 });
	tar_add(f, "suid", (struct tar_entry){ .type = '0', .mode = 06755, .data = "12345", .size = 5 });
	tar_add(f, "sticky", (struct tar_entry){ .type = '5', .mode = 01777 });
	tar_add(f, "sticky/again", (struct tar_entry){ .type = '1', .mode = 06755, .target = "suid" });
	put_attrs(f);
	tar_add(f, "d", (struct tar_entry){ .type = '5', .mode = 0755 });
	for (int i = 0; i < ENTRIES; i++) {
		(void)snprintf(name, sizeof(name), "d/n%06d", i);
		tar_add(f, name, (struct tar_entry){ .type = '0', .mode = 0644, .uid = OWNER_FIRST + (unsigned int)i % OWNERS,
						     .gid = 7 });
	}
	tar_end(f);
}

static void make_images(void)
{
	FILE *f;

	(void)signal(SIGPIPE, SIG_IGN);
	memset(long_value, 'L', sizeof(long_value));
	memset(long_target, 't', LONG_TARGET);
	if (!mkdtemp(top) || setenv("T", top, 1) != 0)
		return;
	for (size_t i = 0; i < ARRAY_SIZE(makers); i++) {
		char cmd[256];

		(void)snprintf(cmd, sizeof(cmd), "%s >/dev/null", makers[i]);
		f = popen(cmd, "w");
		if (!f)
			return;
		put_tree(f);
		if (pclose(f) != 0)
			printf("failed: %s\n", makers[i]);
	}
}

static void remove_images(void)
{
	(void)shell("rm -rf '%s'", top);
}

static void open_made(struct reader *r, int i)
{
	char path[64];

	(void)snprintf(path, sizeof(path), "%s/image.%d", top, i);
	if (i == ARRAY_SIZE(makers))
		ck_assert_int_eq(shell("mkdir -p $T/huge/d && cd $T/huge/d && seq -f n%%06.0f 0 %d | xargs touch && "
				       "mksquashfs $T/huge %s -quiet -no-progress -noappend >/dev/null",
				       HUGE_ENTRIES - 1, path), 0);
	reader_open(r, path);
}

struct listing {
	const struct reader *r;
	int n, limit;
	bool owners;
};

/* As a readdirplus does. */
static int each_plus(void *arg, const struct squash_dirent *ent)
{
	struct berth_err err = BERTH_ERR_INIT;
	struct listing *l = arg;
	struct squash_inode o;
	char name[16];

	(void)snprintf(name, sizeof(name), "n%06d", l->n);
	ck_assert_str_eq(ent->name, name);
	ck_assert_msg(squash_inode_get(l->r->w, l->r->fs, ent->ref, &o, &err) == 0, "%s", err.text);
	ck_assert(!l->owners || (o.uid == OWNER_FIRST + (unsigned int)l->n % OWNERS && o.gid == 7));
	ck_assert_uint_eq(o.ino, ent->ino);
	ck_assert_uint_eq(o.mode & S_IFMT, ent->type);
	return ++l->n == l->limit;
}

START_TEST(many_entries)
{
	struct berth_err err = BERTH_ERR_INIT;
	struct listing l = { .limit = INT_MAX, .owners = _i < (int)ARRAY_SIZE(makers) };
	struct squash_dirent ent;
	struct squash_inode d;
	struct reader r;
	int n = l.owners ? ENTRIES : HUGE_ENTRIES;

	open_made(&r, _i);
	d = reader_find(&r, "d");
	l.r = &r;
	ck_assert_msg(squash_list(r.w, &d, 0, each_plus, &l, &err) == 0, "%s", err.text);
	ck_assert_int_eq(l.n, n);
	for (int i = 0; i < n; i += 97) {
		char name[32];

		(void)snprintf(name, sizeof(name), "n%06d", i);
		ck_assert_int_eq(squash_lookup(r.w, &d, name, &ent, &err), 1);
		ck_assert_str_eq(ent.name, name);
		(void)snprintf(name, sizeof(name), "n%06d~", i);
		ck_assert_int_eq(squash_lookup(r.w, &d, name, &ent, &err), 0);
		(void)snprintf(name, sizeof(name), "n%06d", n + i);
		ck_assert_int_eq(squash_lookup(r.w, &d, name, &ent, &err), 0);
	}
	ck_assert_int_eq(squash_lookup(r.w, &d, "", &ent, &err), 0);
	reader_close(&r);
}
END_TEST

/* What was read once costs no system call and no lock, and opening reads little, however large it is. */
START_TEST(few_reads)
{
	struct berth_err err = BERTH_ERR_INIT;
	struct squash_stats before, after;
	struct squash_inode d;
	struct reader r;

	open_made(&r, _i);
	d = reader_find(&r, "d");
	ck_assert_uint_le(reader_stats(&r).reads, 8);
	for (int pass = 0; pass < 3; pass++) {
		struct listing l = { .r = &r, .limit = 4000, .owners = true };

		before = reader_stats(&r);
		ck_assert_int_eq(squash_list(r.w, &d, 0, each_plus, &l, &err), 1);
		after = reader_stats(&r);
		if (pass == 0) {
			ck_assert_uint_gt(after.reads, before.reads);
			ck_assert_uint_lt(after.reads - before.reads, 100);
			continue;
		}
		ck_assert_uint_eq(after.reads, before.reads);
		ck_assert_uint_eq(after.unpacked, before.unpacked);
		ck_assert_uint_eq(after.lock_takes, before.lock_takes);
		ck_assert_uint_eq(after.cache_misses, before.cache_misses);
		ck_assert_uint_gt(after.cache_hits, before.cache_hits + 4000);
	}
	reader_close(&r);
}
END_TEST

START_TEST(long_names)
{
	struct berth_err err = BERTH_ERR_INIT;
	char name[LONG_NAME + 2], buf[PATH_MAX], data[LONG_NAME + 1];
	struct squash_dirent ent;
	struct squash_inode dir, o;
	struct reader r;

	open_made(&r, _i);
	dir = reader_find(&r, "long");
	for (int i = 0; i < 5; i++) {
		long_name(name, i);
		ck_assert_msg(squash_lookup(r.w, &dir, name, &ent, &err) == 1, "name %d: %s", i, err.text);
		ck_assert_str_eq(ent.name, name);
		ck_assert_int_eq(squash_inode_get(r.w, r.fs, ent.ref, &o, &err), 0);
		ck_assert_int_eq(squash_read(r.w, &o, 0, data, sizeof(data), &err), LONG_NAME);
		ck_assert_int_eq(memcmp(data, "long/", 5), 0);
		ck_assert_int_eq(memcmp(data + 5, name, LONG_NAME - 5), 0);
		memcpy(name + LONG_NAME, "x", 2);
		ck_assert_int_eq(squash_lookup(r.w, &dir, name, &ent, &err), 0);
		name[LONG_NAME - 1] = '\0';
		ck_assert_int_eq(squash_lookup(r.w, &dir, name, &ent, &err), 0);
	}
	o = reader_find(&r, "target");
	ck_assert_uint_eq(o.size, LONG_TARGET);
	ck_assert_int_eq(squash_readlink(r.w, &o, buf, &err), LONG_TARGET);
	ck_assert_str_eq(buf, long_target);
	reader_close(&r);
}
END_TEST

START_TEST(nodes)
{
	static const struct {
		const char *path;
		mode_t mode;
		unsigned int major, minor;
	} rows[] = {
		{ "chr", S_IFCHR | 0666, 1, 3 },   { "blk", S_IFBLK | 0660, 259, 0x12345 },
		{ "fifo", S_IFIFO | 0622, 0, 0 },  { "suid", S_IFREG | 06755, 0, 0 },
		{ "sticky", S_IFDIR | 01777, 0, 0 }, { "sticky/again", S_IFREG | 06755, 0, 0 },
		{ "x/chr", S_IFCHR | 0644, 0, 0 }, { "x/blk", S_IFBLK | 0644, 0, 0 },
		{ "x/fifo", S_IFIFO | 0644, 0, 0 }, { "x/dir", S_IFDIR | 0644, 0, 0 },
	};
	struct berth_err err = BERTH_ERR_INIT;
	struct squash_inode o, again;
	char buf[PATH_MAX];
	struct reader r;

	open_made(&r, _i);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		o = reader_find(&r, rows[i].path);
		ck_assert_msg(o.mode == rows[i].mode, "%s: mode 0%o", rows[i].path, o.mode);
		ck_assert_uint_eq(major(o.rdev), rows[i].major);
		ck_assert_uint_eq(minor(o.rdev), rows[i].minor);
		ck_assert_int_eq(o.mtime, 1000000000);
		if (S_ISREG(o.mode))
			continue;
		/* what is no file has no bytes */
		ck_assert_int_eq(squash_read(r.w, &o, 0, buf, 1, &err), -1);
		ck_assert_int_eq(squash_readlink(r.w, &o, buf, &err), -1);
	}
	o = reader_find(&r, "suid");
	again = reader_find(&r, "sticky/again");
	ck_assert_uint_eq(o.ino, again.ino);
	ck_assert_uint_eq(o.ref, again.ref);
	ck_assert_uint_eq(o.nlink, 2);
	o = reader_find(&r, "x/link");
	ck_assert_int_eq(squash_readlink(r.w, &o, buf, &err), 4);
	ck_assert_str_eq(buf, "file");
	reader_close(&r);
}
END_TEST

struct names {
	int n, user;
	size_t bytes;
	char all[ATTRS][32];
};

static int each_name(void *arg, const char *name, size_t value_len)
{
	struct names *k = arg;

	ck_assert_int_lt(k->n, ATTRS);
	(void)snprintf(k->all[k->n++], sizeof(k->all[0]), "%s", name);
	k->user += strncmp(name, "user.", 5) == 0;
	k->bytes += value_len;
	return 0;
}

static void check_set(const struct reader *r, const char *path, const char *number)
{
	static const struct {
		const char *name, *value;
		size_t n;
	} rows[] = {
		{ "user.long", long_value, LONG_VALUE },
		{ "trusted.overlay.opaque", "y", 1 },
		{ "security.capability", caps, sizeof(caps) },
		{ "user.short", NULL, 1 },
	};
	static const char *const none[] = { "", "user.", "user.lon", "user.longer", "security.long", "short",
					    "trusted.overlay", "system.posix_acl_access" };
	struct squash_inode o = reader_find(r, path);
	struct berth_err err = BERTH_ERR_INIT;
	cleanup_free char *buf = malloc(LONG_VALUE);
	struct names k = { 0 };

	ck_assert_msg(squash_xattr_list(r->w, &o, each_name, &k, &err) == 0, "%s: %s", path, err.text);
	ck_assert_int_eq(k.n, 4);
	ck_assert_int_eq(k.user, 2);
	ck_assert_uint_eq(k.bytes, LONG_VALUE + 1 + 1 + sizeof(caps));
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const char *value = rows[i].value ? rows[i].value : number;
		ssize_t n = (ssize_t)rows[i].n;

		ck_assert_int_eq(squash_xattr_get(r->w, &o, rows[i].name, NULL, 0, &err), n);
		ck_assert_int_eq(squash_xattr_get(r->w, &o, rows[i].name, buf, LONG_VALUE, &err), n);
		ck_assert_msg(memcmp(buf, value, rows[i].n) == 0, "%s: %s", path, rows[i].name);
		ck_assert_int_eq(squash_xattr_get(r->w, &o, rows[i].name, buf, rows[i].n, &err), n);
		if (n > 1)
			ck_assert_int_eq(squash_xattr_get(r->w, &o, rows[i].name, buf, rows[i].n - 1, &err),
					 SQUASH_XATTR_SMALL);
	}
	for (size_t i = 0; i < ARRAY_SIZE(none); i++)
		ck_assert_int_eq(squash_xattr_get(r->w, &o, none[i], buf, LONG_VALUE, &err), SQUASH_NO_XATTR);
	ck_assert_int_eq(err.code, BERTH_OK);
}

static int stop(void *arg, const char *name, size_t value_len)
{
	(void)name;
	(void)value_len;
	return ++*(int *)arg == 2 ? 42 : 0;
}

START_TEST(attributes)
{
	struct berth_err err = BERTH_ERR_INIT;
	struct names k = { 0 };
	struct squash_inode o;
	struct reader r;
	char buf[64];
	int n = 0;

	open_made(&r, _i);
	ck_assert(squash_info(r.fs)->has_xattrs);
	ck_assert_uint_eq(squash_info(r.fs)->xattr_sets, 3);
	check_set(&r, "x/file", "1");
	check_set(&r, "x/dir", "1");
	check_set(&r, "x/link", "1");
	check_set(&r, "x/chr", "1");
	check_set(&r, "x/blk", "1");
	check_set(&r, "x/fifo", "1");
	check_set(&r, "x/other", "2");
	o = reader_find(&r, "x/many");
	ck_assert_int_eq(squash_xattr_list(r.w, &o, each_name, &k, &err), 0);
	ck_assert_int_eq(k.n, ATTRS);
	ck_assert_int_eq(squash_xattr_get(r.w, &o, "user.n299", buf, sizeof(buf), &err), 12);
	ck_assert_int_eq(memcmp(buf, "value of 299", 12), 0);
	ck_assert_int_eq(squash_xattr_list(r.w, &o, stop, &n, &err), 42);
	ck_assert_int_eq(n, 2);
	o = reader_find(&r, "x/none");
	ck_assert_uint_eq(o.xattr, SQUASH_XATTR_NONE);
	ck_assert_int_eq(squash_xattr_list(r.w, &o, stop, &n, &err), 0);
	ck_assert_int_eq(squash_xattr_get(r.w, &o, "user.short", buf, sizeof(buf), &err), SQUASH_NO_XATTR);
	ck_assert_int_eq(squash_xattr_any(r.w, r.fs, "user.", &err), 1);
	ck_assert_int_eq(squash_xattr_any(r.w, r.fs, "user.n2", &err), 1);
	ck_assert_int_eq(squash_xattr_any(r.w, r.fs, "security.", &err), 1);
	ck_assert_int_eq(squash_xattr_any(r.w, r.fs, "trusted.overlay.opaque", &err), 1);
	ck_assert_int_eq(squash_xattr_any(r.w, r.fs, "system.", &err), 0);
	ck_assert_int_eq(squash_xattr_any(r.w, r.fs, "user.overlay.", &err), 0);
	ck_assert_int_eq(err.code, BERTH_OK);
	reader_close(&r);
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("squash_forms");
	int n = ARRAY_SIZE(makers);

	if (shell("{ command -v tar2sqfs && command -v sqfstar; } >/dev/null") != 0) {
		printf("skipped: needs tar2sqfs (squashfs-tools-ng) and sqfstar (squashfs-tools)\n");
		return 77;
	}
	tcase_add_unchecked_fixture(tc, make_images, remove_images);
	tcase_add_loop_test(tc, many_entries, 0, n + 1);
	tcase_add_loop_test(tc, few_reads, 0, n);
	tcase_add_loop_test(tc, long_names, 0, n);
	tcase_add_loop_test(tc, nodes, 0, n);
	tcase_add_loop_test(tc, attributes, 0, n);
	return unit_run("squash_forms", tc);
}
