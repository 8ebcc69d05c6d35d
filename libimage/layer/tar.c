/* SPDX-License-Identifier: BSD-3-Clause */
/* tar.c - headers and bytes of a tar stream; see tar.h. */
#include "config.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "libimage/base/cleanup.h"
#include "libimage/base/err.h"
#include "libimage/layer/tar_priv.h"

/* Where a field is in a header block, and how long. */
#define FIELD(at, n) ((at) << 16 | (n))
enum {
	NAME = FIELD(0, 100), MODE = FIELD(100, 8), UID = FIELD(108, 8), GID = FIELD(116, 8),
	SIZE = FIELD(124, 12), MTIME = FIELD(136, 12), SUM = FIELD(148, 8), LINK = FIELD(157, 100),
	MAJOR = FIELD(329, 8), MINOR = FIELD(337, 8), PREFIX = FIELD(345, 155), REAL_SIZE = FIELD(483, 12),
	TYPE_AT = 156, MAGIC_AT = 257, STAR_AT = 508, STAR_PREFIX = FIELD(345, 131),
};

int tar_damaged(struct berth_err *err, const char *what)
{
	return berth_fail(err, BERTH_EIMAGE, 0, "the tar archive %s", what);
}

static int nomem(struct berth_err *err)
{
	return berth_fail(err, BERTH_ESYS, ENOMEM, "cannot read the tar archive");
}

struct tar *tar_new(const struct tar_input *in)
{
	struct tar *t = calloc(1, sizeof(*t));

	if (t)
		t->in = *in;
	return t;
}

/* What belongs to one entry. */
static void forget(struct tar *t)
{
	free(t->text);
	free(t->gnu_path);
	free(t->gnu_link);
	t->text = t->gnu_path = t->gnu_link = NULL;
	memset(&t->x, 0, sizeof(t->x));
	t->nxattrs = t->nmap = t->map_next = 0;
	t->sparse = false;
	t->at = t->real = 0;
}

struct tar *tar_free(struct tar *t)
{
	if (!t)
		return NULL;
	forget(t);
	free(t->xattrs);
	free(t->map);
	free(t);
	return NULL;
}

/* ---- bytes ---- */

/* Returns 1 if there are bytes, 0 at the end, -1. */
static int fill(struct tar *t, struct berth_err *err)
{
	ssize_t n;

	if (t->n > 0)
		return 1;
	if (t->ended)
		return 0;
	n = t->in.more(t->in.arg, &t->p, err);
	if (n < 0)
		return -1;
	t->n = (size_t)n;
	t->ended = n == 0;
	return n > 0;
}

static int skip(struct tar *t, uint64_t n, struct berth_err *err)
{
	while (n > 0) {
		int rc = fill(t, err);
		size_t part;

		if (rc < 0)
			return -1;
		if (rc == 0)
			return tar_damaged(err, "ends in the middle of a file");
		part = n < t->n ? (size_t)n : t->n;
		t->p += part;
		t->n -= part;
		n -= part;
	}
	return 0;
}

int tar_block(struct tar *t, const unsigned char **ret, struct berth_err *err)
{
	size_t have = 0;

	while (have < TAR_BLOCK) {
		int rc = fill(t, err);
		size_t part = TAR_BLOCK - have;

		if (rc < 0)
			return -1;
		if (rc == 0)
			return have == 0 ? 0 : tar_damaged(err, "ends in the middle of a header");
		if (have == 0 && t->n >= TAR_BLOCK) {
			*ret = t->p;
			t->p += TAR_BLOCK;
			t->n -= TAR_BLOCK;
			return 1;
		}
		part = part < t->n ? part : t->n;
		memcpy(t->block + have, t->p, part);
		t->p += part;
		t->n -= part;
		have += part;
	}
	*ret = t->block;
	return 1;
}

char *tar_text(struct tar *t, uint64_t size, struct berth_err *err)
{
	cleanup_free char *text = NULL;
	size_t have = 0;

	if (size > TAR_EXTRA_MAX) {
		tar_damaged(err, "has an extra header of more than 1 MiB");
		return NULL;
	}
	text = malloc((size_t)size + 1);
	if (!text) {
		nomem(err);
		return NULL;
	}
	while (have < size) {
		int rc = fill(t, err);
		size_t part;

		if (rc == 0)
			tar_damaged(err, "ends in the middle of an extra header");
		if (rc <= 0)
			return NULL;
		part = size - have < t->n ? (size_t)size - have : t->n;
		memcpy(text + have, t->p, part);
		t->p += part;
		t->n -= part;
		have += part;
	}
	text[size] = '\0';
	if (skip(t, -size & (TAR_BLOCK - 1), err) < 0)
		return NULL;
	return take_ptr(&text);
}

/* ---- headers ---- */

static int number(const unsigned char *h, int field, int64_t *ret)
{
	return tar_number(h + (field >> 16), (size_t)(field & 0xffff), ret);
}

/* Copy a field, which need not end with a NUL, behind what 'out' has. */
static void field_text(const unsigned char *h, int field, char *out)
{
	size_t n = strnlen((const char *)h + (field >> 16), (size_t)(field & 0xffff));

	memcpy(out, h + (field >> 16), n);
	out[n] = '\0';
}

static bool is_zero(const unsigned char *block)
{
	return block[0] == 0 && memcmp(block, block + 1, TAR_BLOCK - 1) == 0;
}

/* Some old programs summed signed characters. */
static bool sum_is_right(const unsigned char *h)
{
	int64_t plain = 0, with_sign = 0, want;

	if (number(h, SUM, &want) < 0)
		return false;
	for (size_t i = 0; i < TAR_BLOCK; i++) {
		unsigned char c = i >= 148 && i < 156 ? ' ' : h[i];

		plain += c;
		with_sign += (signed char)c;
	}
	return want == plain || want == with_sign;
}

/* The next header. 1, 0 the archive is over, -1. */
static int header(struct tar *t, const unsigned char **ret, struct berth_err *err)
{
	int rc = tar_block(t, ret, err);

	if (rc <= 0)
		return rc;
	if (is_zero(*ret)) {
		rc = tar_block(t, ret, err);
		if (rc <= 0)
			return rc;
		return is_zero(*ret) ? 0 : tar_damaged(err, "has one block of zeros in the middle");
	}
	if (!sum_is_right(*ret))
		return tar_damaged(err, "has a header whose checksum is wrong, or is no tar archive");
	return 1;
}

static const char *entry_path(struct tar *t, const unsigned char *h)
{
	bool posix = memcmp(h + MAGIC_AT, "ustar\0", 6) == 0;
	bool star = posix && memcmp(h + STAR_AT, "tar\0", 4) == 0;
	char *at = t->path;

	if (t->x.path)
		return t->x.path;
	if (t->gnu_path)
		return t->gnu_path;
	/* GNU's own magic, "ustar  ", has other fields where the prefix is. */
	if (posix) {
		field_text(h, star ? STAR_PREFIX : PREFIX, at);
		at += strlen(at);
		if (at > t->path)
			*at++ = '/';
	}
	field_text(h, NAME, at);
	return t->path;
}

static const char *entry_link(struct tar *t, const unsigned char *h)
{
	if (t->x.link)
		return t->x.link;
	if (t->gnu_link)
		return t->gnu_link;
	field_text(h, LINK, t->link);
	return t->link;
}

static int bad_field(const char *path, const char *what, struct berth_err *err)
{
	return berth_fail(err, BERTH_EIMAGE, 0, "the tar archive has a wrong %s for '%.200s'", what, path);
}

/* Owner, mode and time. */
static int fill_stat(struct tar *t, const unsigned char *h, const char *path, struct stat *st, struct berth_err *err)
{
	int64_t mode, uid, gid, mtime;

	if (number(h, MODE, &mode) < 0 || mode < 0)
		return bad_field(path, "mode", err);
	if (number(h, UID, &uid) < 0 || number(h, GID, &gid) < 0)
		return bad_field(path, "owner", err);
	if (t->x.has_uid)
		uid = t->x.uid;
	if (t->x.has_gid)
		gid = t->x.gid;
	if (uid < 0 || uid > UINT32_MAX || gid < 0 || gid > UINT32_MAX)
		return bad_field(path, "owner", err);
	if (number(h, MTIME, &mtime) < 0)
		return bad_field(path, "time", err);
	memset(st, 0, sizeof(*st));
	st->st_mode = (mode_t)(mode & 07777);
	st->st_uid = (uid_t)uid;
	st->st_gid = (gid_t)gid;
	st->st_nlink = 1;
	st->st_mtim.tv_sec = mtime;
	if (t->x.has_mtime)
		st->st_mtim = t->x.mtime;
	return 0;
}

static int fill_device(const unsigned char *h, const char *path, struct stat *st, struct berth_err *err)
{
	int64_t maj, min;

	if (number(h, MAJOR, &maj) < 0 || number(h, MINOR, &min) < 0 || maj < 0 || min < 0 ||
	    maj > UINT32_MAX || min > UINT32_MAX)
		return bad_field(path, "device number", err);
	st->st_rdev = makedev((unsigned int)maj, (unsigned int)min);
	return 0;
}

/* A regular file's bytes, and where its holes are. */
static int fill_file(struct tar *t, const unsigned char *h, const char *path, struct stat *st, struct berth_err *err)
{
	int64_t size = 0, real = 0;

	if (!t->x.has_size && (number(h, SIZE, &size) < 0 || size < 0))
		return bad_field(path, "size", err);
	t->left = t->x.has_size ? t->x.size : (uint64_t)size;
	if (t->left > INT64_MAX - TAR_BLOCK)
		return bad_field(path, "size", err);
	t->padding = -t->left & (TAR_BLOCK - 1);
	t->real = t->left;
	if (h[TYPE_AT] == 'S') {
		if (number(h, REAL_SIZE, &real) < 0 || real < 0)
			return bad_field(path, "size", err);
		t->real = (uint64_t)real;
		t->sparse = true;
		t->nmap = 0;
		if (tar_gnu_map(t, h, err) < 0)
			return -1;
	} else if (t->x.sparse) {
		t->sparse = true;
		if (t->x.has_real)
			t->real = t->x.real;
		if (t->x.sparse_inside && tar_inside_map(t, err) < 0)
			return -1;
	}
	if (t->sparse && (t->real > INT64_MAX || tar_check_map(t, err) < 0))
		return t->real > INT64_MAX ? bad_field(path, "size", err) : -1;
	st->st_size = (off_t)t->real;
	return 0;
}

static int fill_entry(struct tar *t, const unsigned char *h, struct flat_entry *ret, struct berth_err *err)
{
	static const char types[] = "0\0" "7S12345" "6";
	static const mode_t modes[] = { S_IFREG, S_IFREG, S_IFREG, S_IFREG, S_IFREG, S_IFLNK, S_IFCHR, S_IFBLK, S_IFDIR,
					S_IFIFO };
	unsigned char type = h[TYPE_AT];
	const char *at = memchr(types, type, sizeof(modes) / sizeof(modes[0]));
	unsigned char own[TAR_BLOCK];
	mode_t mode;

	/* Maps of holes are in further blocks, and then 'h' is gone. */
	memcpy(own, h, sizeof(own));
	memset(ret, 0, sizeof(*ret));
	ret->path = entry_path(t, own);
	if (!at)
		return berth_fail(err, BERTH_EIMAGE, 0, "'%.200s' is of the unknown type '%c' in the tar archive",
				  ret->path, type >= ' ' && type < 127 ? type : '?');
	if (fill_stat(t, own, ret->path, &ret->st, err) < 0)
		return -1;
	mode = modes[at - types];
	/* Before there was a type for directories, they were files with a slash at the end. */
	if (type == '\0' && ret->path[0] && ret->path[strlen(ret->path) - 1] == '/')
		mode = S_IFDIR;
	ret->st.st_mode |= mode;
	if (type == '1')
		ret->link = entry_link(t, own);
	else if (mode == S_IFREG && fill_file(t, own, ret->path, &ret->st, err) < 0)
		return -1;
	if (mode == S_IFLNK)
		ret->target = entry_link(t, own);
	if ((mode == S_IFCHR || mode == S_IFBLK) && fill_device(own, ret->path, &ret->st, err) < 0)
		return -1;
	tar_sort_xattrs(t);
	ret->xattrs = t->xattrs;
	ret->nxattrs = t->nxattrs;
	return 0;
}

/* A name of any length, before its entry. */
static int long_name(struct tar *t, uint64_t size, char **name, struct berth_err *err)
{
	free(*name);
	*name = tar_text(t, size, err);
	return *name ? 0 : -1;
}

/* Headers that belong to the next entry. 1 it was one of them, 0 it was none, -1. */
static int extra_header(struct tar *t, const unsigned char *h, struct berth_err *err)
{
	unsigned char type = h[TYPE_AT];
	int64_t size;
	int rc = 0;

	if (!memchr("xgLKV", type, 5))
		return 0;
	if (number(h, SIZE, &size) < 0 || size < 0 || size > INT64_MAX - TAR_BLOCK)
		return tar_damaged(err, "has an extra header of a wrong size");
	if (type == 'x')
		rc = tar_pax(t, (uint64_t)size, err);
	else if (type == 'L')
		rc = long_name(t, (uint64_t)size, &t->gnu_path, err);
	else if (type == 'K')
		rc = long_name(t, (uint64_t)size, &t->gnu_link, err);
	else
		rc = skip(t, ((uint64_t)size + TAR_BLOCK - 1) & ~(uint64_t)(TAR_BLOCK - 1), err);
	return rc < 0 ? -1 : 1;
}

int tar_next(struct tar *t, struct flat_entry *ret, struct berth_err *err)
{
	const unsigned char *h;
	bool extra = false;
	char type;
	int rc;

	if (skip(t, t->left + t->padding, err) < 0)
		return -1;
	t->left = t->padding = 0;
	forget(t);
	for (;;) {
		rc = header(t, &h, err);
		if (rc == 0 && extra)
			return tar_damaged(err, "ends after an extra header");
		if (rc <= 0)
			return rc;
		type = (char)h[TYPE_AT];
		rc = extra_header(t, h, err);
		if (rc < 0)
			return -1;
		if (rc == 0)
			return fill_entry(t, h, ret, err) < 0 ? -1 : 1;
		extra = extra || (type != 'g' && type != 'V');
	}
}

int tar_data(struct tar *t, const unsigned char **ret, size_t *n, uint64_t *zeros, struct berth_err *err)
{
	uint64_t most = t->left;
	int rc;

	*n = 0;
	*zeros = 0;
	if (t->at == t->real)
		return 0;
	if (t->sparse) {
		const struct extent end = { t->real, 0 }, *e;

		while (t->map_next < t->nmap && t->at == t->map[t->map_next].at + t->map[t->map_next].n)
			t->map_next++;
		e = t->map_next < t->nmap ? &t->map[t->map_next] : &end;
		if (t->at < e->at) {
			*zeros = e->at - t->at;
			t->at = e->at;
			return 1;
		}
		most = e->at + e->n - t->at;
	}
	rc = fill(t, err);
	if (rc < 0)
		return -1;
	if (rc == 0)
		return tar_damaged(err, "ends in the middle of a file");
	*n = most < t->n ? (size_t)most : t->n;
	*ret = t->p;
	t->p += *n;
	t->n -= *n;
	t->left -= *n;
	t->at += *n;
	return 1;
}
