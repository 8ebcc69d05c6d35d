/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * check_squash_hostile.c - a forged squashfs, spoilt in one place at a time: whoever reads it gets an
 * error that says what is wrong, and nothing is read, allocated or looped over without bound.
 */
#include "config.h"

#include <linux/limits.h>
#include <zstd.h>

#include "tests/unit/squash_forge.h"
#include "tests/unit/squash_make.h"

static const struct forge_swap as_it_is = { .part = FORGE_PARTS };

static int one_inode(void *arg, const struct squash_dirent *ent);

static int one_value(void *arg, const char *name, size_t value_len)
{
	(void)arg;
	return name[0] && value_len <= XATTR_SIZE_MAX ? 0 : -1;
}

struct visit {
	struct reader *r;
	struct berth_err *err;
	int entries;
};

/* All that can be asked of a file, as a server would. */
static int visit_file(struct visit *v, const struct squash_inode *o)
{
	static uint8_t buf[2 * FORGE_SIZE];
	struct squash_worker *w = v->r->w;
	struct squash_span span;
	uint64_t at = 0;
	ssize_t got;
	size_t n = 0;

	got = squash_read(w, o, 0, buf, sizeof(buf), v->err);
	if (got < 0)
		return -1;
	ck_assert_int_eq(got, FORGE_SIZE);
	ck_assert(buf[0] == 'A' && buf[FORGE_BLOCK - 1] == 'A' && buf[FORGE_BLOCK] == 'T' && buf[got - 1] == 'T');
	for (uint64_t off = 0; off < o->size; off += FORGE_BLOCK) {
		if (squash_raw(w, o, off, sizeof(buf), &at, &n, v->err) < 0 ||
		    squash_pin(w, o, off, sizeof(buf), &span, v->err) < 0)
			return -1;
		squash_unpin(w, &span);
	}
	return 0;
}

static int visit(struct visit *v, struct squash_inode *o)
{
	struct squash_worker *w = v->r->w;
	struct squash_dirent ent;
	char buf[PATH_MAX];
	int rc = 0;

	if (squash_xattr_list(w, o, one_value, NULL, v->err) < 0 ||
	    (o->xattr != SQUASH_XATTR_NONE && squash_xattr_get(w, o, "user.b", buf, sizeof(buf), v->err) == -1))
		return -1;
	if (S_ISREG(o->mode))
		return visit_file(v, o);
	if (S_ISLNK(o->mode))
		return squash_readlink(w, o, buf, v->err) < 0 ? -1 : 0;
	if (S_ISDIR(o->mode) && v->entries == 0) {
		rc = squash_list(w, o, 0, one_inode, v, v->err);
		if (rc == 0 && (squash_lookup(w, o, "l", &ent, v->err) < 0 || squash_lookup(w, o, "z", &ent, v->err) < 0))
			rc = -1;
	}
	return rc;
}

static int one_inode(void *arg, const struct squash_dirent *ent)
{
	struct visit *v = arg;
	struct squash_inode o;

	v->entries++;
	return squash_inode_get(v->r->w, v->r->fs, ent->ref, &o, v->err) < 0 ? -1 : visit(v, &o);
}

/* -1 and *err if any of it is damaged. */
static int visit_all(const struct forge *f, struct berth_err *err)
{
	struct reader r;
	struct visit v = { .r = &r, .err = err };
	struct squash_inode o;
	int rc;

	if (reader_try(&r, forge_fd(f), 0, err) < 0)
		return -1;
	rc = squash_inode_get(r.w, r.fs, squash_info(r.fs)->root, &o, err);
	if (rc == 0)
		rc = visit(&v, &o);
	if (rc == 0)
		rc = squash_xattr_any(r.w, r.fs, "security.", err);
	reader_close(&r);
	return rc;
}

START_TEST(as_forged)
{
	struct berth_err err = BERTH_ERR_INIT;
	struct squash_inode o;
	struct reader r;
	struct forge f;
	char buf[16];

	forge_make(&f, &as_it_is);
	ck_assert_msg(visit_all(&f, &err) == 0, "%s", err.text);
	ck_assert_int_eq(err.code, BERTH_OK);
	ck_assert_int_eq(reader_try(&r, forge_fd(&f), 0, &err), 0);
	o = reader_find(&r, "l");
	ck_assert_int_eq(squash_readlink(r.w, &o, (char[PATH_MAX]){ 0 }, &err), 3);
	ck_assert_uint_eq(o.uid, 1000);
	ck_assert_int_eq(squash_xattr_get(r.w, &o, "user.b", buf, sizeof(buf), &err), 5);
	ck_assert_int_eq(memcmp(buf, "hello", 5), 0);
	reader_close(&r);
}
END_TEST

/* One field each, and words of the error. */
static const struct {
	enum forge_part part;
	int delta;
	unsigned int bytes;
	uint64_t value;
	const char *words;
} rows[] = {
	/* tables that lie in each other, before the superblock's end, or outside */
	{ FORGE_SUPER, 64, 8, 95, "tables lie outside" },
	{ FORGE_SUPER, 72, 8, 96, "tables lie outside" },
	{ FORGE_SUPER, 48, 8, 100, "out of order" },
	{ FORGE_SUPER, 80, 8, 100, "out of order" },
	{ FORGE_SUPER, 88, 8, 100, "out of order" },
	{ FORGE_SUPER, 56, 8, 0, "table lies outside" },
	{ FORGE_SUPER, 56, 8, 1 << 20, "lie outside" },
	{ FORGE_SUPER, 16, 4, UINT32_MAX, "fragment table lies outside" },
	{ FORGE_SUPER, 26, 2, UINT16_MAX, "owner table lies outside" },
	{ FORGE_SUPER, 32, 8, 1 << 16, "lie outside" }, /* the root: a block that is none */
	{ FORGE_SUPER, 32, 8, 0xffff, "outside a metadata block" },
	{ FORGE_SUPER, 32, 8, 1ull << 40, "outside its table" },
	{ FORGE_ID_PTR, 0, 8, UINT64_MAX, "outside its table" },
	{ FORGE_ID_PTR, 0, 8, 0, "outside its table" },
	{ FORGE_FRAG_PTR, 0, 8, 1 << 20, "outside its table" },
	{ FORGE_XATTR_PTR, 0, 8, 95, "outside its table" },
	/* metadata blocks */
	{ FORGE_ROOT, -2, 2, 0, "metadata block of 0 bytes" },
	{ FORGE_ROOT, -2, 2, 0x8000, "metadata block of 0 bytes" },
	{ FORGE_ROOT, -2, 2, 0xffff, "metadata block of 32767 bytes" },
	{ FORGE_DIR, -2, 2, 8193 | 0x8000, "metadata block of 8193 bytes" },
	{ FORGE_ROOT, -2, 2, 100, "does not decompress" },
	{ FORGE_IDS, -2, 2, 2 | 0x8000, "metadata block of 0 bytes" }, /* half a record */
	{ FORGE_SETS, -2, 2, 0x9fff, "lie outside" },	       /* longer than the image */
	/* inodes */
	{ FORGE_FILE, 0, 2, 0, "inode type 0" },
	{ FORGE_FILE, 0, 2, 15, "inode type 15" },
	{ FORGE_FILE, 0, 2, UINT16_MAX, "inode type" },
	{ FORGE_FILE, 4, 2, 1, "owner 1 of 1" },
	{ FORGE_FILE, 6, 2, UINT16_MAX, "owner 65535 of 1" },
	{ FORGE_FILE, 16, 8, UINT64_MAX - 4096, "lies outside" },
	{ FORGE_FILE, 16, 8, 1 << 20, "lies outside" },
	{ FORGE_FILE, 24, 8, UINT64_MAX, "a file of" },
	{ FORGE_FILE, 24, 8, 1ull << 39, "a file of" },
	{ FORGE_FILE, 24, 8, (1ull << 39) - 1, "outside its table" }, /* a list of 512 MiB */
	{ FORGE_FILE, 24, 8, FORGE_BLOCK + 251, "not the size" },     /* more than the fragment has */
	{ FORGE_FILE, 44, 4, 1, "fragment 1 of 1" },
	{ FORGE_FILE, 44, 4, UINT32_MAX - 1, "fragment" },
	{ FORGE_FILE, 48, 4, 201, "not the size" },
	{ FORGE_FILE, 48, 4, UINT32_MAX, "not the size" },
	{ FORGE_FILE, 52, 4, 1, "attributes 1 of 1" },
	{ FORGE_FILE, 52, 4, UINT32_MAX - 1, "attributes" },
	{ FORGE_FILE, 56, 4, 4097 | 1 << 24, "data block of size" },
	{ FORGE_FILE, 56, 4, 4095 | 1 << 24, "not the size" },
	{ FORGE_FILE, 56, 4, UINT32_MAX, "data block of size" },
	{ FORGE_FILE, 56, 4, 1 << 25, "data block of size" },
	{ FORGE_FILE, 56, 4, FORGE_BLOCK, "does not decompress" },
	{ FORGE_FRAGS, 0, 8, UINT64_MAX, "lies outside" },
	{ FORGE_FRAGS, 0, 8, UINT64_MAX - 100, "lies outside" },
	{ FORGE_FRAGS, 8, 4, 0, "fragment of size" },
	{ FORGE_FRAGS, 8, 4, 1 << 24, "fragment of size" },
	{ FORGE_FRAGS, 8, 4, 4097, "fragment of size" },
	{ FORGE_FRAGS, 8, 4, 149 | 1 << 24, "not the size" },
	{ FORGE_LINK, 20, 4, 0, "link of 0 bytes" },
	{ FORGE_LINK, 20, 4, 4096, "link of 4096 bytes" },
	{ FORGE_LINK, 20, 4, UINT32_MAX, "a link of" },
	{ FORGE_LINK, 20, 4, 4095, "outside its table" },
	{ FORGE_LINK, 25, 1, 0, "NUL" },
	{ FORGE_LINK, 27, 4, 7, "attributes 7 of 1" },
	/* directories */
	{ FORGE_ROOT, 20, 4, UINT32_MAX, "a directory has a run" }, /* goes on where no listing is */
	{ FORGE_ROOT, 20, 4, 32, "a name of 1 bytes" },
	{ FORGE_ROOT, 20, 4, 4, "ends in the middle" },
	{ FORGE_ROOT, 20, 4, 3 + 30 + 5, "ends in the middle" },
	{ FORGE_ROOT, 24, 4, UINT32_MAX, "outside its table" },
	{ FORGE_ROOT, 32, 2, UINT16_MAX, "index has a long name" },
	{ FORGE_ROOT, 34, 2, UINT16_MAX, "outside a metadata block" },
	{ FORGE_DIR, 0, 4, 256, "run of 256 entries" },
	{ FORGE_DIR, 0, 4, UINT32_MAX, "a directory has a run" },
	{ FORGE_DIR, 4, 4, UINT32_MAX, "outside its table" },
	{ FORGE_DIR, 12, 2, UINT16_MAX, "outside a metadata block" },
	{ FORGE_DIR, 16, 2, 0, "entry of type 0" },
	{ FORGE_DIR, 16, 2, 8, "entry of type 8" },
	{ FORGE_DIR, 18, 2, UINT16_MAX, "a name of 65536 bytes" },
	{ FORGE_DIR, 18, 2, 255, "a name of 256 bytes" },
	{ FORGE_DIR, 20, 1, '/', "may not be named" },
	{ FORGE_DIR, 20, 1, '.', "may not be named" },
	{ FORGE_DIR, 20, 1, 0, "may not be named" },
	{ FORGE_DIR, 20, 1, 'l', "not sorted" }, /* twice the same name */
	{ FORGE_DIR, 20, 1, 'm', "not sorted" },
	/* attributes */
	{ FORGE_XATTRS, 0, 8, 0, "attributes lie outside" },
	{ FORGE_XATTRS, 0, 8, UINT64_MAX, "attributes lie outside" },
	{ FORGE_XATTRS, 8, 4, 0, "attributes lie outside" },
	{ FORGE_XATTRS, 8, 4, UINT32_MAX, "attribute set table lies outside" },
	{ FORGE_SETS, 0, 8, UINT64_MAX, "attribute lies outside" },
	{ FORGE_SETS, 0, 8, 1ull << 40, "outside its table" },
	{ FORGE_SETS, 8, 4, UINT32_MAX, "a set of" },
	{ FORGE_SETS, 8, 4, 9363, "a set of 9363" },
	{ FORGE_SETS, 8, 4, 9362, "" }, /* more than there are: whatever stands there */
	{ FORGE_PAIRS, 2, 2, 0, "name of 0 bytes" },
	{ FORGE_PAIRS, 2, 2, 251, "name of 251 bytes" },
	{ FORGE_PAIRS, 2, 2, UINT16_MAX, "name of 65535 bytes" },
	{ FORGE_PAIRS, 4, 1, 0, "NUL" },
	{ FORGE_PAIRS, 5, 4, 65537, "attribute of 65537 bytes" },
	{ FORGE_PAIRS, 5, 4, UINT32_MAX, "an attribute of" },
	{ FORGE_PAIRS, 5, 4, 65536, "" },
	{ FORGE_PAIRS, 15, 4, 7, "reference of 7 bytes" },
	{ FORGE_PAIRS, 19, 8, UINT64_MAX, "attribute lies outside" },
	{ FORGE_PAIRS, 19, 8, 1ull << 40, "outside its table" },
	{ FORGE_PAIRS, 19, 8, 0xffff, "outside a metadata block" },
	{ FORGE_VALUE, 0, 4, 65537, "attribute of 65537 bytes" },
	{ FORGE_VALUE, 0, 4, UINT32_MAX, "an attribute of" },
	{ FORGE_VALUE, 0, 4, 4096, "" },
};

START_TEST(spoilt)
{
	struct berth_err err = BERTH_ERR_INIT;
	struct forge f;

	forge_make(&f, &as_it_is);
	forge_poke(&f, rows[_i].part, rows[_i].delta, rows[_i].value, rows[_i].bytes);
	ck_assert_msg(visit_all(&f, &err) == -1, "row %d, '%s', was not noticed", _i, rows[_i].words);
	ck_assert_msg(err.code == BERTH_EIMAGE, "row %d: %s", _i, err.text);
	ck_assert_msg(strstr(err.text, rows[_i].words), "row %d: '%s', not '%s'", _i, err.text, rows[_i].words);
}
END_TEST

/* Every byte of it, set to what hurts most: no crash (under the sanitizers no misstep), no hang. */
START_TEST(every_byte)
{
	static const uint8_t values[] = { 0, 1, 0x7f, 0x80, 0xff };
	struct forge good, f;
	int refused = 0;

	forge_make(&good, &as_it_is);
	for (size_t i = 0; i < good.n; i++) {
		if (i >= good.at[FORGE_DATA] + 8 && i < good.at[FORGE_ROOT] - 8) /* the file's bytes */
			continue;
		for (size_t k = 0; k < ARRAY_SIZE(values); k++) {
			struct berth_err err = BERTH_ERR_INIT;
			struct squash_inode o;
			struct reader r;

			f = good;
			f.data[i] = values[k];
			if (reader_try(&r, forge_fd(&f), 0, &err) < 0) {
				refused++;
				continue;
			}
			if (squash_inode_get(r.w, r.fs, squash_info(r.fs)->root, &o, &err) == 0 && S_ISDIR(o.mode)) {
				struct visit v = { .r = &r, .err = &err, .entries = 1 };
				struct squash_dirent ent;

				refused += squash_lookup(r.w, &o, "f", &ent, &err) < 0;
				(void)squash_xattr_any(r.w, r.fs, "security.", &err);
				(void)visit(&v, &o);
			}
			reader_close(&r);
		}
	}
	ck_assert_int_gt(refused, 100);
}
END_TEST

/* Cut at each byte and told so: refused at the start. Cut and not told: found when it is read. */
START_TEST(cut)
{
	struct forge good, f;

	forge_make(&good, &as_it_is);
	for (size_t n = 96; n < good.n; n++) {
		struct berth_err err = BERTH_ERR_INIT;

		if (n == good.at[FORGE_DATA] + 100)
			n = good.at[FORGE_ROOT] - 100;
		f = good;
		f.n = n;
		ck_assert_int_eq(visit_all(&f, &err), -1);
		num_put_le64(f.data + 40, n);
		ck_assert_msg(visit_all(&f, &err) == -1, "%zu bytes of %zu", n, good.n);
		ck_assert_int_eq(err.code, BERTH_EIMAGE);
	}
}
END_TEST

static size_t bomb(uint8_t *to, size_t room, size_t zeros)
{
	cleanup_free void *from = calloc(1, zeros);
	size_t n = ZSTD_compress(to, room, from, zeros, 19);

	ck_assert(!ZSTD_isError(n));
	return n;
}

/* Blocks that decompress to more than a block is: a byte more, and a thousand times as much. */
START_TEST(bombs)
{
	static const size_t factors[] = { 1, 1000 };
	uint8_t raw[8192];
	struct forge f;

	for (size_t k = 0; k < ARRAY_SIZE(factors); k++) {
		struct berth_err err = BERTH_ERR_INIT;
		struct forge_swap s = { .data = raw };
		size_t n = bomb(raw, sizeof(raw), FORGE_BLOCK * factors[k] + 1);
		s.part = FORGE_DATA;
		s.n = n;
		s.file_size = (uint32_t)n;
		forge_make(&f, &s);
		ck_assert_int_eq(visit_all(&f, &err), -1);
		ck_assert_ptr_nonnull(strstr(err.text, "does not decompress"));
		s.part = FORGE_FRAG_DATA;
		s.file_size = 0;
		s.frag_size = (uint32_t)n;
		forge_make(&f, &s);
		ck_assert_int_eq(visit_all(&f, &err), -1);
		ck_assert_ptr_nonnull(strstr(err.text, "does not decompress"));
		n = bomb(raw + 2, sizeof(raw) - 2, 8192 * factors[k] + 1);
		raw[0] = (uint8_t)n;
		raw[1] = (uint8_t)(n >> 8);
		s = (struct forge_swap){ .part = FORGE_ROOT, .data = raw, .n = n + 2 };
		forge_make(&f, &s);
		ck_assert_int_eq(visit_all(&f, &err), -1);
		ck_assert_ptr_nonnull(strstr(err.text, "does not decompress"));
		s.part = FORGE_DIR;
		forge_make(&f, &s);
		ck_assert_int_eq(visit_all(&f, &err), -1);
		ck_assert_ptr_nonnull(strstr(err.text, "does not decompress"));
	}
}
END_TEST

/* A directory in itself is what it is, however deep: nothing grows. */
START_TEST(loop)
{
	struct berth_err err = BERTH_ERR_INIT;
	struct squash_stats before, after;
	struct squash_dirent ent;
	struct squash_inode o;
	struct reader r;
	struct forge f;

	forge_make(&f, &as_it_is);
	forge_poke(&f, FORGE_DIR, 12, 0, 2); /* "f" is the root */
	forge_poke(&f, FORGE_DIR, 16, 1, 2);
	ck_assert_int_eq(reader_try(&r, forge_fd(&f), 0, &err), 0);
	o = reader_find(&r, "f/f");
	ck_assert(S_ISDIR(o.mode));
	before = reader_stats(&r);
	for (int i = 0; i < 10000; i++) {
		ck_assert_int_eq(squash_lookup(r.w, &o, "f", &ent, &err), 1);
		ck_assert_int_eq(squash_inode_get(r.w, r.fs, ent.ref, &o, &err), 0);
		ck_assert_uint_eq(o.ref, squash_info(r.fs)->root);
	}
	after = reader_stats(&r);
	ck_assert_uint_eq(after.cache_misses, before.cache_misses);
	ck_assert_uint_eq(after.reads, before.reads);
	reader_close(&r);
}
END_TEST

/* A file of the most blocks whose list is made of one metadata block, read at its far end. */
START_TEST(long_list)
{
	struct berth_err err = BERTH_ERR_INIT;
	struct squash_inode o;
	struct reader r;
	struct forge f;
	uint8_t byte;

	forge_make(&f, &as_it_is);
	forge_poke(&f, FORGE_FILE, 24, (1ull << 39) - FORGE_BLOCK, 8);
	forge_poke(&f, FORGE_FILE, 44, UINT32_MAX, 4);
	ck_assert_int_eq(reader_try(&r, forge_fd(&f), 0, &err), 0);
	o = reader_find(&r, "f");
	ck_assert_int_eq(squash_read(r.w, &o, o.size - 1, &byte, 1, &err), -1);
	ck_assert_int_eq(err.code, BERTH_EIMAGE);
	ck_assert_uint_lt(reader_stats(&r).reads, 20);
	reader_close(&r);
}
END_TEST

/* The table is left out, the inodes still name sets: then they have none. */
/* A listing of so many entries in blocks of a byte each: how many are listed, or -1. */
static int list_crumbs(unsigned int entries, struct berth_err *err)
{
	uint8_t plain[256], crumbs[3 * sizeof(plain)];
	struct forge_swap s = { .part = FORGE_DIR, .data = crumbs };
	struct visit v = { .entries = 0, .err = err };
	struct squash_inode root;
	struct reader r;
	struct forge f;
	size_t n = 12;
	int rc;

	forge_make(&f, &as_it_is);
	memcpy(plain, f.data + f.at[FORGE_DIR], n);
	plain[0] = (uint8_t)(entries - 1);
	for (unsigned int i = 0; i < entries; i++, n += 9) {
		memcpy(plain + n, f.data + f.at[FORGE_DIR] + 12, 9); /* "f" under many names */
		plain[n + 8] = (uint8_t)('a' + i);
	}
	for (size_t i = 0; i < n; i++) {
		crumbs[3 * i] = 1;
		crumbs[3 * i + 1] = 0x80;
		crumbs[3 * i + 2] = plain[i];
	}
	s.n = 3 * n;
	forge_make(&f, &s);
	forge_poke(&f, FORGE_ROOT, 20, n + 3, 4);
	ck_assert_int_eq(reader_try(&r, forge_fd(&f), 0, err), 0);
	v.r = &r;
	ck_assert_int_eq(squash_inode_get(r.w, r.fs, squash_info(r.fs)->root, &root, err), 0);
	rc = squash_list(r.w, &root, 0, one_inode, &v, err);
	reader_close(&r);
	return rc < 0 ? -1 : v.entries;
}

/* Writers fill their blocks: a few that are not full are no matter, many would cost a walk through each. */
START_TEST(crumbs)
{
	struct berth_err err = BERTH_ERR_INIT;

	ck_assert_msg(list_crumbs(2, &err) == 2, "%s", err.text);
	ck_assert_msg(list_crumbs(5, &err) == 5, "%s", err.text);
	ck_assert_int_eq(list_crumbs(12, &err), -1);
	ck_assert_int_eq(err.code, BERTH_EIMAGE);
	ck_assert_ptr_nonnull(strstr(err.text, "metadata in blocks of 1 bytes"));
}
END_TEST

START_TEST(no_attributes)
{
	struct berth_err err = BERTH_ERR_INIT;
	struct squash_inode o;
	struct reader r;
	struct forge f;

	forge_make(&f, &as_it_is);
	forge_poke(&f, FORGE_SUPER, 56, UINT64_MAX, 8);
	ck_assert_int_eq(reader_try(&r, forge_fd(&f), 0, &err), 0);
	ck_assert(!squash_info(r.fs)->has_xattrs);
	ck_assert_uint_eq(squash_info(r.fs)->xattr_sets, 0);
	o = reader_find(&r, "f");
	ck_assert_uint_eq(o.xattr, SQUASH_XATTR_NONE);
	ck_assert_int_eq(squash_xattr_any(r.w, r.fs, "", &err), 0);
	reader_close(&r);
}
END_TEST

/* Prefixes that nobody knows are passed over. */
START_TEST(unknown_attribute)
{
	struct berth_err err = BERTH_ERR_INIT;
	struct squash_inode o;
	struct reader r;
	struct forge f;
	char buf[8];

	forge_make(&f, &as_it_is);
	forge_poke(&f, FORGE_PAIRS, 0, 3, 2);
	ck_assert_int_eq(reader_try(&r, forge_fd(&f), 0, &err), 0);
	o = reader_find(&r, "f");
	ck_assert_int_eq(squash_xattr_get(r.w, &o, "user.a", buf, sizeof(buf), &err), SQUASH_NO_XATTR);
	ck_assert_int_eq(squash_xattr_get(r.w, &o, "user.b", buf, sizeof(buf), &err), 5);
	ck_assert_int_eq(squash_xattr_list(r.w, &o, one_value, NULL, &err), 0);
	reader_close(&r);
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("squash_hostile");

	tcase_add_test(tc, as_forged);
	tcase_add_loop_test(tc, spoilt, 0, ARRAY_SIZE(rows));
	tcase_add_test(tc, every_byte);
	tcase_add_test(tc, cut);
	tcase_add_test(tc, bombs);
	tcase_add_test(tc, loop);
	tcase_add_test(tc, long_list);
	tcase_add_test(tc, crumbs);
	tcase_add_test(tc, no_attributes);
	tcase_add_test(tc, unknown_attribute);
	return unit_run("squash_hostile", tc);
}
