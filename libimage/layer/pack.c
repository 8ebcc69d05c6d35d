/* SPDX-License-Identifier: BSD-3-Clause */
/* pack.c - plain bytes become packed ones; see pack.h. */
#include "config.h"

#include <errno.h>
#include <isa-l/igzip_lib.h>
#include <stdlib.h>
#include <zstd.h>

#include "libimage/base/err.h"
#include "libimage/layer/pack.h"

enum { OUT_BYTES = 256 * 1024, GZIP_LEVEL = 2, ZSTD_LEVEL = 3 };

struct pack {
	enum flat_packing packing;
	struct pack_sink sink;
	struct isal_zstream gzip;
	ZSTD_CCtx *zstd;
	unsigned char *out, *state;
};

struct pack *pack_free(struct pack *p)
{
	if (p) {
		(void)ZSTD_freeCCtx(p->zstd);
		free(p->out);
		free(p->state);
		free(p);
	}
	return NULL;
}

static int start_gzip(struct pack *p)
{
	p->state = malloc(ISAL_DEF_LVL2_DEFAULT);
	if (!p->state)
		return -1;
	isal_deflate_init(&p->gzip);
	p->gzip.gzip_flag = IGZIP_GZIP;
	p->gzip.level = GZIP_LEVEL;
	p->gzip.level_buf = p->state;
	p->gzip.level_buf_size = ISAL_DEF_LVL2_DEFAULT;
	return 0;
}

static int start_zstd(struct pack *p)
{
	p->zstd = ZSTD_createCCtx();
	if (!p->zstd || ZSTD_isError(ZSTD_CCtx_setParameter(p->zstd, ZSTD_c_compressionLevel, ZSTD_LEVEL)) ||
	    ZSTD_isError(ZSTD_CCtx_setParameter(p->zstd, ZSTD_c_checksumFlag, 1)))
		return -1;
	return 0;
}

int pack_new(enum flat_packing packing, const struct pack_sink *sink, struct pack **ret, struct berth_err *err)
{
	struct pack *p = calloc(1, sizeof(*p));
	int rc = 0;

	if (p) {
		p->packing = packing;
		p->sink = *sink;
		p->out = malloc(OUT_BYTES);
	}
	if (!p || !p->out)
		rc = -1;
	else if (packing == FLAT_GZIP)
		rc = start_gzip(p);
	else if (packing == FLAT_ZSTD)
		rc = start_zstd(p);
	if (rc < 0) {
		(void)pack_free(p);
		return berth_fail(err, BERTH_ESYS, ENOMEM, "cannot start to compress");
	}
	*ret = p;
	return 0;
}

static int gzip(struct pack *p, const void *bytes, size_t n, bool end, struct berth_err *err)
{
	struct isal_zstream *z = &p->gzip;

	/* ISA-L counts in 32 bits */
	while (n > UINT32_MAX / 2) {
		if (gzip(p, bytes, UINT32_MAX / 2, false, err) < 0)
			return -1;
		bytes = (const char *)bytes + UINT32_MAX / 2;
		n -= UINT32_MAX / 2;
	}
	z->next_in = (uint8_t *)(uintptr_t)bytes;
	z->avail_in = (uint32_t)n;
	z->end_of_stream = end;
	do {
		z->next_out = p->out;
		z->avail_out = OUT_BYTES;
		if (isal_deflate(z) != COMP_OK)
			return berth_fail(err, BERTH_EBUG, 0, "cannot compress");
		if (z->avail_out < OUT_BYTES &&
		    p->sink.put(p->sink.arg, p->out, OUT_BYTES - z->avail_out, err) < 0)
			return -1;
	} while (z->avail_in > 0 || z->avail_out == 0 || (end && z->internal_state.state != ZSTATE_END));
	return 0;
}

static int zstd(struct pack *p, const void *bytes, size_t n, bool end, struct berth_err *err)
{
	ZSTD_inBuffer in = { .src = bytes, .size = n };
	size_t left;

	do {
		ZSTD_outBuffer out = { .dst = p->out, .size = OUT_BYTES };

		left = ZSTD_compressStream2(p->zstd, &out, &in, end ? ZSTD_e_end : ZSTD_e_continue);
		if (ZSTD_isError(left))
			return berth_fail(err, BERTH_ESYS, 0, "cannot compress: %s", ZSTD_getErrorName(left));
		if (out.pos > 0 && p->sink.put(p->sink.arg, p->out, out.pos, err) < 0)
			return -1;
	} while (in.pos < in.size || (end && left > 0));
	return 0;
}

int pack_add(struct pack *p, const void *bytes, size_t n, struct berth_err *err)
{
	if (n == 0)
		return 0;
	if (p->packing == FLAT_GZIP)
		return gzip(p, bytes, n, false, err);
	if (p->packing == FLAT_ZSTD)
		return zstd(p, bytes, n, false, err);
	return p->sink.put(p->sink.arg, bytes, n, err);
}

int pack_end(struct pack *p, struct berth_err *err)
{
	if (p->packing == FLAT_GZIP)
		return gzip(p, "", 0, true, err);
	if (p->packing == FLAT_ZSTD)
		return zstd(p, "", 0, true, err);
	return 0;
}
