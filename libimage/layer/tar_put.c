/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tar_put.c - a tar stream is written; see tar_put.h.
 *
 * FORMAT: POSIX.1-2008 pax(1), "ustar Interchange Format" and "pax Header Block".
 */
#include "config.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "libimage/base/cleanup.h"
#include "libimage/base/err.h"
#include "libimage/base/str.h"
#include "libimage/layer/tar_put.h"

enum {
	BLOCK = 512,
	NAME_BYTES = 100,
	ID_FITS = 07777777,    /* what seven octal digits hold */
};
#define SIZE_FITS ((uint64_t)077777777777) /* eleven */

/* A header block. Texts end with NUL, or with their field. */
struct header {
	char name[NAME_BYTES], mode[8], uid[8], gid[8], size[12], mtime[12], sum[8], type, link[NAME_BYTES];
	char magic[6], version[2], uname[32], gname[32], major[8], minor[8], prefix[155], pad[12];
};
_Static_assert(sizeof(struct header) == BLOCK, "a header is one block");

static int put(struct tar_put *t, const void *bytes, size_t n, struct berth_err *err)
{
	t->bytes += n;
	return t->sink.put(t->sink.arg, bytes, n, err);
}

static int put_zeros(struct tar_put *t, size_t n, struct berth_err *err)
{
	static const char zeros[2 * BLOCK];

	return n > 0 ? put(t, zeros, n, err) : 0;
}

static unsigned int fill_of(uint64_t n)
{
	return (unsigned int)(-n & (BLOCK - 1));
}

/* 'size' - 1 octal digits and a NUL. */
static void octal(char *field, size_t size, uint64_t value)
{
	field[size - 1] = '\0';
	for (size_t i = size - 1; i-- > 0; value >>= 3)
		field[i] = (char)('0' + (value & 7));
}

static int put_header(struct tar_put *t, struct header *h, struct berth_err *err)
{
	const unsigned char *p = (const unsigned char *)h;
	unsigned int sum = 0;

	memcpy(h->magic, "ustar", sizeof(h->magic));
	memcpy(h->version, "00", sizeof(h->version));
	memset(h->sum, ' ', sizeof(h->sum));
	for (size_t i = 0; i < BLOCK; i++)
		sum += p[i];
	octal(h->sum, sizeof(h->sum) - 1, sum);
	return put(t, h, BLOCK, err);
}

/* A record: its length, which counts itself, a keyword, a value of any bytes. */
static void add_record(struct strbuf *pax, const char *key, const void *value, size_t n)
{
	size_t rest = strlen(key) + n + 3, len = rest + 1;
	char digits[24];

	/* blank, '=', newline; one more digit may make the number a digit longer, once */
	while (len != rest + (size_t)snprintf(digits, sizeof(digits), "%zu", len))
		len = rest + strlen(digits);
	strbuf_printf(pax, "%zu %s=", len, key);
	strbuf_add(pax, value, n);
	strbuf_puts(pax, "\n");
}

static void add_number(struct strbuf *pax, const char *key, int64_t value)
{
	char text[24];

	(void)snprintf(text, sizeof(text), "%" PRId64, value);
	add_record(pax, key, text, strlen(text));
}

/* Into the header's field if it fits, else as a record, with what fits in the field. */
static void set_text(struct strbuf *pax, const char *key, char field[NAME_BYTES], const char *text)
{
	size_t n = strlen(text);

	if (n > NAME_BYTES)
		add_record(pax, key, text, n);
	memcpy(field, text, n < NAME_BYTES ? n : NAME_BYTES);
}

static void set_id(struct strbuf *pax, const char *key, char field[8], uint32_t id)
{
	if (id > ID_FITS)
		add_number(pax, key, id);
	octal(field, 8, id > ID_FITS ? 0 : id);
}

static int put_pax(struct tar_put *t, const struct strbuf *pax, struct berth_err *err)
{
	struct header h = { .name = "PaxHeaders/0", .type = 'x' };

	if (!strbuf_ok(pax))
		return berth_fail(err, BERTH_ESYS, ENOMEM, "cannot write an archive");
	if (pax->len == 0)
		return 0;
	octal(h.mode, sizeof(h.mode), 0644);
	octal(h.uid, sizeof(h.uid), 0);
	octal(h.gid, sizeof(h.gid), 0);
	octal(h.size, sizeof(h.size), pax->len);
	octal(h.mtime, sizeof(h.mtime), 0);
	if (put_header(t, &h, err) < 0 || put(t, pax->text, pax->len, err) < 0)
		return -1;
	return put_zeros(t, fill_of(pax->len), err);
}

/* The type; '\0': there is none. */
static char type_of(const struct flat_entry *e)
{
	if (e->link)
		return '1';
	switch (e->st.st_mode & S_IFMT) {
	case S_IFREG: return '0';
	case S_IFLNK: return '2';
	case S_IFCHR: return '3';
	case S_IFBLK: return '4';
	case S_IFDIR: return '5';
	case S_IFIFO: return '6';
	default: return '\0';
	}
}

static void set_numbers(struct strbuf *pax, struct header *h, const struct flat_entry *e)
{
	const struct stat *st = &e->st;
	uint64_t size = h->type == '0' ? (uint64_t)st->st_size : 0;
	int64_t mtime = st->st_mtim.tv_sec;
	bool device = h->type == '3' || h->type == '4';

	octal(h->mode, sizeof(h->mode), st->st_mode & 07777);
	set_id(pax, "uid", h->uid, st->st_uid);
	set_id(pax, "gid", h->gid, st->st_gid);
	if (size > SIZE_FITS)
		add_number(pax, "size", (int64_t)size);
	octal(h->size, sizeof(h->size), size > SIZE_FITS ? 0 : size);
	if (mtime < 0 || (uint64_t)mtime > SIZE_FITS)
		add_number(pax, "mtime", mtime);
	octal(h->mtime, sizeof(h->mtime), mtime < 0 || (uint64_t)mtime > SIZE_FITS ? 0 : (uint64_t)mtime);
	octal(h->major, sizeof(h->major), device ? major(st->st_rdev) : 0);
	octal(h->minor, sizeof(h->minor), device ? minor(st->st_rdev) : 0);
}

int tar_put_entry(struct tar_put *t, const struct flat_entry *e, struct berth_err *err)
{
	cleanup(strbuf_done) struct strbuf pax = STRBUF_INIT, name = STRBUF_INIT;
	struct header h = { .type = type_of(e) };

	if (t->left > 0)
		return berth_fail(err, BERTH_EBUG, 0, "a file of an archive has fewer bytes than it said");
	if (h.type == '\0')
		return 1;
	strbuf_puts(&name, e->path);
	if (h.type == '5')
		strbuf_puts(&name, "/");
	if (!strbuf_ok(&name))
		return berth_fail(err, BERTH_ESYS, ENOMEM, "cannot write an archive");
	set_text(&pax, "path", h.name, name.text);
	if (e->link || e->target)
		set_text(&pax, "linkpath", h.link, e->link ? e->link : e->target);
	set_numbers(&pax, &h, e);
	for (size_t i = 0; i < e->nxattrs && !e->link; i++) {
		cleanup(strbuf_done) struct strbuf key = STRBUF_INIT;

		/* the keyword ends with the first '=', so such a name cannot be said */
		if (strchr(e->xattrs[i].name, '='))
			return berth_fail(err, BERTH_EIMAGE, 0, "an attribute with '=' in its name is nothing that an "
								"archive can hold");
		strbuf_printf(&key, "SCHILY.xattr.%s", e->xattrs[i].name);
		add_record(&pax, strbuf_ok(&key) ? key.text : "", e->xattrs[i].value, e->xattrs[i].n);
	}
	if (put_pax(t, &pax, err) < 0 || put_header(t, &h, err) < 0)
		return -1;
	t->left = h.type == '0' ? (uint64_t)e->st.st_size : 0;
	t->fill = fill_of(t->left);
	return 0;
}

int tar_put_data(struct tar_put *t, const void *bytes, size_t n, struct berth_err *err)
{
	if (n > t->left)
		return berth_fail(err, BERTH_EBUG, 0, "a file of an archive has more bytes than it said");
	if (put(t, bytes, n, err) < 0)
		return -1;
	t->left -= n;
	return t->left == 0 ? put_zeros(t, t->fill, err) : 0;
}

int tar_put_end(struct tar_put *t, struct berth_err *err)
{
	if (t->left > 0)
		return berth_fail(err, BERTH_EBUG, 0, "an archive ends within a file");
	return put_zeros(t, 2 * (size_t)BLOCK, err);
}
