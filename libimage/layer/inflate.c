/* SPDX-License-Identifier: BSD-3-Clause */
/* inflate.c - packed bytes become plain ones; see inflate.h. */
#include "config.h"

#include <errno.h>
#include <isa-l/crc.h>
#include <isa-l/igzip_lib.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#include "libimage/base/err.h"
#include "libimage/base/num.h"
#include "libimage/layer/inflate.h"

enum {
	IN_BYTES = 256 * 1024,
	MAGIC_BYTES = 4,
	WINDOW_LOG_MAX = 27, /* LIMIT: 128 MiB, zstd's own default; level 19 writes 8 MiB */
};

struct inflate {
	struct source source;
	enum flat_packing packing;
	unsigned char *in;
	size_t at, n; /* of 'in' */
	bool ended;
	bool within;  /* a member or frame that has not ended */
	uint64_t taken;
	struct inflate_state *gzip;
	ZSTD_DStream *zstd;
};

static int damaged(struct berth_err *err, const char *what)
{
	return berth_fail(err, BERTH_EIMAGE, 0, "the compressed data %s", what);
}

static int nomem(struct berth_err *err)
{
	return berth_fail(err, BERTH_ESYS, ENOMEM, "cannot unpack a layer");
}

/* More input behind what there is, which moves to the front. 1, 0 the source has ended, -1. */
static int more(struct inflate *z, struct berth_err *err)
{
	ssize_t n;

	if (z->ended)
		return 0;
	memmove(z->in, z->in + z->at, z->n - z->at);
	z->n -= z->at;
	z->at = 0;
	n = source_read(&z->source, z->in + z->n, IN_BYTES - z->n, err);
	if (n < 0)
		return -1;
	z->ended = n == 0;
	z->n += (size_t)n;
	z->taken += (uint64_t)n;
	return n > 0;
}

/* At least 'want' bytes if there are so many. Returns how many there are, or -1. */
static ssize_t have(struct inflate *z, size_t want, struct berth_err *err)
{
	while (z->n - z->at < want) {
		int rc = more(z, err);

		if (rc < 0)
			return -1;
		if (rc == 0)
			break;
	}
	return (ssize_t)(z->n - z->at);
}

static bool is_gzip(const unsigned char *p, size_t n)
{
	return n >= 2 && p[0] == 0x1f && p[1] == 0x8b;
}

/* A frame of data, or one to be skipped. */
static bool is_zstd(const unsigned char *p, size_t n)
{
	return n >= MAGIC_BYTES && ((p[0] == 0x28 && p[1] == 0xb5 && p[2] == 0x2f && p[3] == 0xfd) ||
				    ((p[0] & 0xf0) == 0x50 && p[1] == 0x2a && p[2] == 0x4d && p[3] == 0x18));
}

static const char *packing_name(enum flat_packing packing)
{
	static const char *const names[] = { "not compressed", "gzip", "zstd", "" };

	return names[packing];
}

static int recognise(struct inflate *z, enum flat_packing packing, struct berth_err *err)
{
	ssize_t n = have(z, MAGIC_BYTES, err);
	enum flat_packing seen = FLAT_PLAIN;

	if (n < 0)
		return -1;
	if (is_gzip(z->in, (size_t)n))
		seen = FLAT_GZIP;
	else if (is_zstd(z->in, (size_t)n))
		seen = FLAT_ZSTD;
	z->packing = seen;
	if (packing == FLAT_ANY || packing == seen)
		return 0;
	berth_fail(err, BERTH_EIMAGE, 0, "the layer is said to be %s, and is %s", packing_name(packing),
		   n == 0 ? "empty" : packing_name(seen));
	return berth_hint(err, "the image's manifest is wrong, or something on the way changed the layer");
}

int inflate_new(const struct source *source, enum flat_packing packing, struct inflate **ret, struct berth_err *err)
{
	struct inflate *z = calloc(1, sizeof(*z));
	int rc = -1;

	if (!z)
		return nomem(err);
	z->source = *source;
	z->in = malloc(IN_BYTES);
	if (!z->in)
		nomem(err);
	else
		rc = recognise(z, packing, err);
	if (rc == 0 && z->packing == FLAT_GZIP) {
		z->gzip = malloc(sizeof(*z->gzip));
		if (z->gzip)
			isal_inflate_init(z->gzip);
		else
			rc = nomem(err);
	}
	if (rc == 0 && z->packing == FLAT_ZSTD) {
		z->zstd = ZSTD_createDStream();
		if (!z->zstd || ZSTD_isError(ZSTD_DCtx_setParameter(z->zstd, ZSTD_d_windowLogMax, WINDOW_LOG_MAX)))
			rc = nomem(err);
	}
	if (rc < 0) {
		inflate_free(z);
		return -1;
	}
	*ret = z;
	return 0;
}

struct inflate *inflate_free(struct inflate *z)
{
	if (!z)
		return NULL;
	(void)ZSTD_freeDStream(z->zstd);
	free(z->gzip);
	free(z->in);
	free(z);
	return NULL;
}

uint64_t inflate_taken(const struct inflate *z)
{
	return z->taken;
}

/*
 * The header of a member is read here: libisal's own reader takes a header that comes in pieces for damaged
 * if it has a checksum. Room for all of it is in the buffer: names of 256 KiB are nobody's.
 */
enum { HEAD_BYTES = 10, HEAD_SUM = 2, HEAD_EXTRA = 4, HEAD_NAME = 8, HEAD_COMMENT = 16, HEAD_UNKNOWN = 0xe0 };

/* At least 'n' bytes from 'at' on. 0, -1. */
static int need(struct inflate *z, size_t n, struct berth_err *err)
{
	ssize_t there = n < IN_BYTES ? have(z, n, err) : (ssize_t)n;

	if (there < 0)
		return -1;
	if (n >= IN_BYTES)
		return damaged(err, "has a header that does not end");
	return (size_t)there < n ? damaged(err, "is cut short") : 0;
}

/* '*n' bytes of the header are known; a string of it follows. */
static int skip_string(struct inflate *z, size_t *n, struct berth_err *err)
{
	do {
		if (need(z, *n + 1, err) < 0)
			return -1;
	} while (z->in[z->at + (*n)++] != '\0');
	return 0;
}

static int skip_header(struct inflate *z, struct berth_err *err)
{
	unsigned char flags;
	size_t n = HEAD_BYTES;

	if (need(z, n, err) < 0)
		return -1;
	flags = z->in[z->at + 3];
	if (z->in[z->at + 2] != 8 || (flags & HEAD_UNKNOWN))
		return damaged(err, "is of a kind of gzip that nobody knows");
	if (flags & HEAD_EXTRA) {
		if (need(z, n + 2, err) < 0)
			return -1;
		n += 2 + num_le16(z->in + z->at + n);
		if (need(z, n, err) < 0)
			return -1;
	}
	if ((flags & HEAD_NAME) && skip_string(z, &n, err) < 0)
		return -1;
	if ((flags & HEAD_COMMENT) && skip_string(z, &n, err) < 0)
		return -1;
	if (flags & HEAD_SUM) {
		if (need(z, n + 2, err) < 0)
			return -1;
		if ((crc32_gzip_refl(0, z->in + z->at, n) & 0xffff) != num_le16(z->in + z->at + n))
			return damaged(err, "is damaged");
		n += 2;
	}
	z->at += n;
	return 0;
}

/* Between members: what may follow is another one, or zeros to the end. 1 another, 0 the end, -1. */
static int next_member(struct inflate *z, bool first, struct berth_err *err)
{
	ssize_t n = have(z, 2, err);

	if (n < 0)
		return -1;
	if (n == 0)
		return 0;
	if (is_gzip(z->in + z->at, (size_t)n))
		return 1;
	if (first)
		return damaged(err, "is no gzip");
	for (;;) {
		while (z->at < z->n)
			if (z->in[z->at++] != 0)
				return damaged(err, "has something behind its end");
		n = have(z, 1, err);
		if (n <= 0)
			return (int)n;
	}
}

static ssize_t read_gzip(struct inflate *z, unsigned char *buf, size_t n, struct berth_err *err)
{
	struct inflate_state *s = z->gzip;
	size_t done = 0;

	while (done < n) {
		size_t before;
		int rc;

		if (!z->within) {
			rc = next_member(z, z->taken == z->n && z->at == 0, err);
			if (rc < 0)
				return -1;
			if (rc == 0)
				break;
			if (skip_header(z, err) < 0)
				return -1;
			isal_inflate_reset(s);
			s->crc_flag = ISAL_GZIP_NO_HDR_VER;
			z->within = true;
		}
		rc = z->at == z->n ? more(z, err) : 1;
		if (rc < 0)
			return -1;
		before = z->n - z->at;
		s->next_in = z->in + z->at;
		s->avail_in = (uint32_t)before;
		s->next_out = buf + done;
		s->avail_out = (uint32_t)(n - done);
		if (isal_inflate(s) < 0)
			return damaged(err, "is damaged");
		z->at = z->n - s->avail_in;
		/* With nothing to take in and room left, nothing came: it is cut short. */
		if (rc == 0 && s->avail_out == n - done && s->block_state != ISAL_BLOCK_FINISH)
			return damaged(err, "is cut short");
		done = n - s->avail_out;
		if (s->block_state == ISAL_BLOCK_FINISH)
			z->within = false;
	}
	return (ssize_t)done;
}

static ssize_t read_zstd(struct inflate *z, unsigned char *buf, size_t n, struct berth_err *err)
{
	ZSTD_outBuffer out = { .dst = buf, .size = n };

	while (out.pos < n) {
		ZSTD_inBuffer in;
		size_t rc, before = out.pos;
		int got = 1;

		if (!z->within) {
			ssize_t there = have(z, MAGIC_BYTES, err);

			if (there < 0)
				return -1;
			if (there == 0)
				break;
			if (!is_zstd(z->in + z->at, (size_t)there))
				return damaged(err, "has something behind its end");
			z->within = true;
		}
		if (z->at == z->n)
			got = more(z, err);
		if (got < 0)
			return -1;
		in = (ZSTD_inBuffer){ .src = z->in + z->at, .size = z->n - z->at };
		rc = ZSTD_decompressStream(z->zstd, &out, &in);
		if (ZSTD_isError(rc))
			return damaged(err, "is damaged, or needs more than 128 MiB to be unpacked");
		z->at += in.pos;
		if (rc == 0)
			z->within = false;
		else if (got == 0 && out.pos == before)
			return damaged(err, "is cut short");
	}
	return (ssize_t)out.pos;
}

static ssize_t read_plain(struct inflate *z, unsigned char *buf, size_t n, struct berth_err *err)
{
	size_t done = z->n - z->at < n ? z->n - z->at : n;

	memcpy(buf, z->in + z->at, done);
	z->at += done;
	while (done < n && !z->ended) {
		ssize_t got = source_read(&z->source, buf + done, n - done, err);

		if (got < 0)
			return -1;
		z->ended = got == 0;
		z->taken += (uint64_t)got;
		done += (size_t)got;
	}
	return (ssize_t)done;
}

ssize_t inflate_read(struct inflate *z, void *buf, size_t n, struct berth_err *err)
{
	if (z->packing == FLAT_GZIP)
		return read_gzip(z, buf, n, err);
	if (z->packing == FLAT_ZSTD)
		return read_zstd(z, buf, n, err);
	return read_plain(z, buf, n, err);
}
