/* SPDX-License-Identifier: BSD-3-Clause */
/* tar_pax.c - what extra headers of a tar stream say: PAX records, maps of holes; see tar.h. */
#include "config.h"

#include <errno.h>
#include <limits.h>
#include <linux/limits.h>
#include <stdlib.h>
#include <string.h>

#include "libimage/base/err.h"
#include "libimage/base/str.h"
#include "libimage/layer/tar_priv.h"

static int bad_record(const char *key, struct berth_err *err)
{
	return berth_fail(err, BERTH_EIMAGE, 0, "the tar archive has a wrong '%.100s' in a PAX header", key);
}

/* ---- numbers ---- */

static int base256(const unsigned char *field, size_t n, int64_t *ret)
{
	unsigned char inv = field[0] & 0x40 ? 0xff : 0;
	uint64_t v = 0;

	for (size_t i = 0; i < n; i++) {
		unsigned char c = field[i] ^ inv;

		if (i == 0)
			c &= 0x7f;
		if (v >> 55)
			return -1;
		v = v << 8 | c;
	}
	*ret = inv ? -(int64_t)v - 1 : (int64_t)v;
	return 0;
}

int tar_number(const unsigned char *field, size_t n, int64_t *ret)
{
	size_t i = 0;
	int64_t v = 0;

	if (field[0] & 0x80)
		return base256(field, n, ret);
	while (i < n && (field[i] == ' ' || field[i] == '\0'))
		i++;
	for (; i < n && field[i] >= '0' && field[i] <= '7'; i++)
		v = v * 8 + (field[i] - '0'); /* 12 digits of three bits at most */
	for (; i < n; i++)
		if (field[i] != ' ' && field[i] != '\0')
			return -1;
	*ret = v;
	return 0;
}

/* Decimal digits up to 'max', the first of *text on; *text is then what comes behind. */
static int decimal(const char **text, uint64_t max, uint64_t *ret)
{
	const char *p = *text;
	uint64_t v = 0;

	if (*p < '0' || *p > '9')
		return -1;
	for (; *p >= '0' && *p <= '9'; p++) {
		uint64_t digit = (uint64_t)(*p - '0');

		if (digit > max || v > (max - digit) / 10)
			return -1;
		v = v * 10 + digit;
	}
	*text = p;
	*ret = v;
	return 0;
}

static int whole(const char *text, uint64_t max, uint64_t *ret)
{
	return decimal(&text, max, ret) < 0 || *text ? -1 : 0;
}

/* "-12.5": seconds and what is added to them. */
static int time_value(const char *text, struct timespec *ret)
{
	bool minus = *text == '-';
	uint64_t sec, nsec = 0;

	text += minus;
	if (decimal(&text, INT64_MAX / 2, &sec) < 0)
		return -1;
	if (*text == '.') {
		uint64_t unit = 100000000;

		for (text++; *text >= '0' && *text <= '9'; text++, unit /= 10)
			nsec += unit * (uint64_t)(*text - '0');
	}
	if (*text)
		return -1;
	ret->tv_sec = minus ? -(time_t)sec : (time_t)sec;
	ret->tv_nsec = (long)nsec;
	if (minus && nsec > 0) {
		ret->tv_sec--;
		ret->tv_nsec = 1000000000 - (long)nsec;
	}
	return 0;
}

/* ---- maps of holes ---- */

int tar_add_extent(struct tar *t, uint64_t at, uint64_t n, struct berth_err *err)
{
	if (t->nmap == TAR_EXTENTS_MAX)
		return tar_damaged(err, "has a file with more than a million holes");
	if (t->nmap == t->map_size) {
		size_t size = t->map_size ? t->map_size * 2 : 64;
		struct extent *v = reallocarray(t->map, size, sizeof(*v));

		if (!v)
			return berth_fail(err, BERTH_ESYS, ENOMEM, "cannot read the tar archive");
		t->map = v;
		t->map_size = size;
	}
	t->map[t->nmap++] = (struct extent){ .at = at, .n = n };
	return 0;
}

int tar_check_map(const struct tar *t, struct berth_err *err)
{
	uint64_t end = 0, sum = 0;

	for (size_t i = 0; i < t->nmap; i++) {
		const struct extent *e = &t->map[i];

		if (e->at < end || e->at > t->real || e->n > t->real - e->at)
			return tar_damaged(err, "has a file whose holes are out of order");
		end = e->at + e->n;
		sum += e->n;
	}
	return sum == t->left ? 0 : tar_damaged(err, "has a file with holes and a wrong size");
}

int tar_gnu_map(struct tar *t, const unsigned char *header, struct berth_err *err)
{
	const unsigned char *h = header;
	size_t at = 386, count = 4, more_at = 482;

	for (;;) {
		int rc;

		for (size_t i = 0; i < count; i++) {
			int64_t off, n;

			if (h[at + i * 24] == '\0' && h[at + i * 24 + 12] == '\0')
				break;
			if (tar_number(h + at + i * 24, 12, &off) < 0 || off < 0 ||
			    tar_number(h + at + i * 24 + 12, 12, &n) < 0 || n < 0)
				return tar_damaged(err, "has a file whose holes are no numbers");
			if (tar_add_extent(t, (uint64_t)off, (uint64_t)n, err) < 0)
				return -1;
		}
		if (h[more_at] == '\0')
			return 0;
		rc = tar_block(t, &h, err);
		if (rc <= 0)
			return rc < 0 ? -1 : tar_damaged(err, "ends in the middle of a header");
		at = 0;
		count = 21;
		more_at = 504;
	}
}

/* The characters of the map that lies before a file's bytes. */
struct map_reader {
	struct tar *t;
	const unsigned char *p;
	size_t n;
};

/* A number and the end of its line. */
static int map_number(struct map_reader *r, uint64_t *ret, struct berth_err *err)
{
	uint64_t v = 0;

	for (size_t digits = 0;; digits++) {
		unsigned char c;

		if (r->n == 0) {
			if (r->t->left < TAR_BLOCK || tar_block(r->t, &r->p, err) <= 0)
				return tar_damaged(err, "ends in the middle of a map of holes");
			r->t->left -= TAR_BLOCK;
			r->n = TAR_BLOCK;
		}
		c = *r->p++;
		r->n--;
		if (c == '\n' && digits > 0)
			break;
		if (c < '0' || c > '9' || digits > 18)
			return tar_damaged(err, "has a file whose holes are no numbers");
		v = v * 10 + (c - '0');
	}
	*ret = v;
	return 0;
}

int tar_inside_map(struct tar *t, struct berth_err *err)
{
	struct map_reader r = { .t = t };
	uint64_t count, at, n;

	t->nmap = 0;
	if (map_number(&r, &count, err) < 0)
		return -1;
	for (; count > 0; count--)
		if (map_number(&r, &at, err) < 0 || map_number(&r, &n, err) < 0 || tar_add_extent(t, at, n, err) < 0)
			return -1;
	return 0;
}

/* "0,10,512,20": version 0.1. */
static int map_value(struct tar *t, const char *text, struct berth_err *err)
{
	uint64_t at, n;

	t->nmap = 0;
	while (*text) {
		if (decimal(&text, INT64_MAX, &at) < 0 || *text++ != ',' || decimal(&text, INT64_MAX, &n) < 0 ||
		    (*text && *text++ != ','))
			return bad_record("GNU.sparse.map", err);
		if (tar_add_extent(t, at, n, err) < 0)
			return -1;
	}
	return 0;
}

/* ---- records ---- */

static int add_xattr(struct tar *t, const char *name, const char *value, size_t n, struct berth_err *err)
{
	if (!*name || strlen(name) > XATTR_NAME_MAX || n > XATTR_SIZE_MAX)
		return bad_record("SCHILY.xattr", err);
	if (t->nxattrs == t->xattrs_size) {
		size_t size = t->xattrs_size ? t->xattrs_size * 2 : 16;
		struct flat_xattr *v = reallocarray(t->xattrs, size, sizeof(*v));

		if (!v)
			return berth_fail(err, BERTH_ESYS, ENOMEM, "cannot read the tar archive");
		t->xattrs = v;
		t->xattrs_size = size;
	}
	t->xattrs[t->nxattrs++] = (struct flat_xattr){ .name = name, .value = value, .n = n };
	return 0;
}

static int by_name(const void *a, const void *b)
{
	const struct flat_xattr *x = a, *y = b;
	int rc = strcmp(x->name, y->name);

	/* Names lie in the header as they came. */
	return rc != 0 ? rc : x->name < y->name ? -1 : x->name > y->name;
}

void tar_sort_xattrs(struct tar *t)
{
	size_t n = 0;

	if (t->nxattrs < 2)
		return;
	qsort(t->xattrs, t->nxattrs, sizeof(*t->xattrs), by_name);
	for (size_t i = 0; i < t->nxattrs; i++)
		if (i + 1 == t->nxattrs || strcmp(t->xattrs[i].name, t->xattrs[i + 1].name) != 0)
			t->xattrs[n++] = t->xattrs[i]; /* of two the later counts */
	t->nxattrs = n;
}

/* What is known of sparse files before all records were seen. */
struct sparse_words {
	char *name;
	const char *major, *minor;
	bool map;
	uint64_t at;
};

static int sparse_record(struct tar *t, struct sparse_words *w, const char *key, char *value, struct berth_err *err)
{
	const char *what = str_after(key, "GNU.sparse.");
	uint64_t n;

	if (strcmp(what, "name") == 0) {
		w->name = value;
	} else if (strcmp(what, "major") == 0) {
		w->major = value;
	} else if (strcmp(what, "minor") == 0) {
		w->minor = value;
	} else if (strcmp(what, "size") == 0 || strcmp(what, "realsize") == 0) {
		t->x.has_real = true;
		return whole(value, INT64_MAX, &t->x.real) < 0 ? bad_record(key, err) : 0;
	} else if (strcmp(what, "map") == 0) {
		w->map = true;
		return map_value(t, value, err);
	} else if (strcmp(what, "offset") == 0) {
		w->map = true;
		if (t->x.has_at || whole(value, INT64_MAX, &w->at) < 0)
			return bad_record(key, err);
		t->x.has_at = true;
	} else if (strcmp(what, "numbytes") == 0) {
		if (!t->x.has_at || whole(value, INT64_MAX, &n) < 0)
			return bad_record(key, err);
		t->x.has_at = false;
		return tar_add_extent(t, w->at, n, err);
	}
	return 0;
}

static int id_value(const char *value, uint32_t *ret)
{
	uint64_t v;

	if (whole(value, UINT32_MAX, &v) < 0)
		return -1;
	*ret = (uint32_t)v;
	return 0;
}

/* An empty value means what the header says. */
static int record(struct tar *t, struct sparse_words *w, const char *key, char *value, size_t n, struct berth_err *err)
{
	struct tar_extra *x = &t->x;
	const char *name = str_after(key, "SCHILY.xattr.");
	bool is_path = strcmp(key, "path") == 0 || strcmp(key, "linkpath") == 0;
	int rc = 0;

	if (name)
		return add_xattr(t, name, value, n, err);
	if ((is_path || strcmp(key, "GNU.sparse.name") == 0) && strlen(value) != n)
		return bad_record(key, err);
	if (n == 0 && !str_after(key, "GNU.sparse."))
		value = NULL;
	if (is_path)
		*(key[0] == 'p' ? &x->path : &x->link) = value;
	else if (strcmp(key, "size") == 0)
		rc = (x->has_size = value != NULL) ? whole(value, INT64_MAX, &x->size) : 0;
	else if (strcmp(key, "mtime") == 0)
		rc = (x->has_mtime = value != NULL) ? time_value(value, &x->mtime) : 0;
	else if (strcmp(key, "uid") == 0)
		rc = (x->has_uid = value != NULL) ? id_value(value, &x->uid) : 0;
	else if (strcmp(key, "gid") == 0)
		rc = (x->has_gid = value != NULL) ? id_value(value, &x->gid) : 0;
	else if (str_after(key, "GNU.sparse."))
		return sparse_record(t, w, key, value, err);
	return rc < 0 ? bad_record(key, err) : 0;
}

/* "LENGTH KEY=VALUE\n", where LENGTH counts all of it. */
static int next_record(char **p, const char *end, char **key, char **value, size_t *n, struct berth_err *err)
{
	const char *at = *p;
	char *stop, *equals;
	uint64_t length;

	/* There is a NUL at 'end'. */
	if (decimal(&at, (uint64_t)(end - *p), &length) < 0 || *at != ' ' || length <= (uint64_t)(at + 1 - *p))
		return tar_damaged(err, "has a PAX header with a record of a wrong length");
	*key = *p + (at + 1 - *p);
	stop = *p + length - 1;
	if (*stop != '\n')
		return tar_damaged(err, "has a PAX header with a record that does not end");
	*stop = '\0';
	equals = strchr(*key, '=');
	if (!equals || equals == *key)
		return tar_damaged(err, "has a PAX header with a record without a name");
	*equals = '\0';
	*value = equals + 1;
	*n = (size_t)(stop - *value);
	*p = stop + 1;
	return 0;
}

static int sparse_version(struct tar *t, const struct sparse_words *w, struct berth_err *err)
{
	bool given = w->major || w->minor;

	if (t->x.has_at)
		return bad_record("GNU.sparse.offset", err);
	if (given && w->major && w->minor && strcmp(w->major, "1") == 0 && strcmp(w->minor, "0") == 0)
		t->x.sparse_inside = true;
	else if (given && (!w->major || !w->minor || strcmp(w->major, "0") != 0 || !w->map))
		return bad_record("GNU.sparse.major", err);
	t->x.sparse = given || w->map;
	if (w->name && *w->name)
		t->x.path = w->name;
	return 0;
}

int tar_pax(struct tar *t, uint64_t size, struct berth_err *err)
{
	struct sparse_words w = { 0 };
	char *p, *text = tar_text(t, size, err);

	if (!text)
		return -1;
	/* Of two headers in a row the second counts alone. */
	free(t->text);
	t->text = p = text;
	memset(&t->x, 0, sizeof(t->x));
	t->nxattrs = t->nmap = 0;
	while (p < text + size) {
		char *key = NULL, *value = NULL;
		size_t n = 0;

		if (next_record(&p, text + size, &key, &value, &n, err) < 0 ||
		    record(t, &w, key, value, n, err) < 0)
			return -1;
	}
	return sparse_version(t, &w, err);
}
