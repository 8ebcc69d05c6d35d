/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * unpack.c - the decompressors; see unpack.h. Each block is a stream of its own with a checksum
 * or none, as its compressor makes it.
 *
 * lzo is not among them: its library is under the GPL, and nobody makes such images for speed now
 * that there is lz4, nor for size now that there is zstd.
 */
#include "config.h"

#include <libdeflate.h>
#include <lz4.h>
#include <lzma.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#include "libimage/base/cleanup.h"
#include "libimage/base/num.h"
#include "libimage/squash/unpack.h"

enum { GZIP = 1, LZMA, LZO, XZ, LZ4, ZSTD };

enum {
	LZMA_HEAD = 13, /* properties, size of the dictionary, size of the result */
	LZMA_HEAD_SIZE_AT = 5,
	/* LIMIT: no dictionary is larger than a block, 1 MiB; the rest is the decoder's. An image that
	 * asks for more could not be read by the kernel's driver either. */
	LZMA_MEM_MAX = 4 << 20,
};

struct unpack {
	ZSTD_DCtx *zstd;
	struct libdeflate_decompressor *gzip;
};

const char *unpack_name(uint16_t compressor)
{
	static const char *const names[] = {
		[GZIP] = "gzip", [LZMA] = "lzma", [LZO] = "lzo", [XZ] = "xz", [LZ4] = "lz4", [ZSTD] = "zstd",
	};

	return compressor < ARRAY_SIZE(names) ? names[compressor] : NULL;
}

bool unpack_can(uint16_t compressor)
{
	return unpack_name(compressor) && compressor != LZO;
}

struct unpack *unpack_new(void)
{
	return calloc(1, sizeof(struct unpack));
}

struct unpack *unpack_free(struct unpack *u)
{
	if (u) {
		(void)ZSTD_freeDCtx(u->zstd);
		libdeflate_free_decompressor(u->gzip);
		free(u);
	}
	return NULL;
}

static int64_t from_zstd(struct unpack *u, const uint8_t *in, uint32_t n, uint8_t *out, uint32_t max)
{
	size_t got;

	/* One frame and no more, and none of the formats before 1.0, which the library may know too. */
	if (n < 4 || num_le32(in) != ZSTD_MAGICNUMBER || ZSTD_findFrameCompressedSize(in, n) != n)
		return UNPACK_DAMAGED;
	if (!u->zstd)
		u->zstd = ZSTD_createDCtx();
	if (!u->zstd)
		return UNPACK_NO_MEMORY;
	got = ZSTD_decompressDCtx(u->zstd, out, max, in, n);
	return ZSTD_isError(got) ? UNPACK_DAMAGED : (int64_t)got;
}

static int64_t from_gzip(struct unpack *u, const uint8_t *in, uint32_t n, uint8_t *out, uint32_t max)
{
	size_t got;

	if (!u->gzip)
		u->gzip = libdeflate_alloc_decompressor();
	if (!u->gzip)
		return UNPACK_NO_MEMORY;
	if (libdeflate_zlib_decompress(u->gzip, in, n, out, max, &got) != LIBDEFLATE_SUCCESS)
		return UNPACK_DAMAGED;
	return (int64_t)got;
}

static int64_t from_lz4(const uint8_t *in, uint32_t n, uint8_t *out, uint32_t max)
{
	int got = LZ4_decompress_safe((const char *)in, (char *)out, (int)n, (int)max);

	return got < 0 ? UNPACK_DAMAGED : got;
}

static int64_t from_xz(const uint8_t *in, uint32_t n, uint8_t *out, uint32_t max)
{
	uint64_t mem = LZMA_MEM_MAX;
	size_t in_at = 0, out_at = 0;
	lzma_ret rc = lzma_stream_buffer_decode(&mem, 0, NULL, in, &in_at, n, out, &out_at, max);

	if (rc == LZMA_MEM_ERROR)
		return UNPACK_NO_MEMORY;
	return rc == LZMA_OK ? (int64_t)out_at : UNPACK_DAMAGED;
}

/*
 * The head says how large the result is, and the data may have an end mark all the same, which
 * liblzma does not expect of such a stream. So it is told that the size is unknown, and what
 * it may lack then is the end mark.
 */
static int64_t run_lzma(lzma_stream *s, const uint8_t *in, uint32_t n, uint64_t size)
{
	uint8_t head[LZMA_HEAD];
	lzma_ret rc;

	memcpy(head, in, LZMA_HEAD_SIZE_AT);
	memset(head + LZMA_HEAD_SIZE_AT, 0xff, LZMA_HEAD - LZMA_HEAD_SIZE_AT);
	s->next_in = head;
	s->avail_in = LZMA_HEAD;
	rc = lzma_code(s, LZMA_RUN);
	if (rc == LZMA_OK && s->avail_in == 0) {
		s->next_in = in + LZMA_HEAD;
		s->avail_in = n - LZMA_HEAD;
		rc = lzma_code(s, LZMA_FINISH);
	}
	if (rc == LZMA_MEM_ERROR)
		return UNPACK_NO_MEMORY;
	if (rc == LZMA_STREAM_END || (rc == LZMA_OK && s->avail_in == 0))
		return s->total_out == size ? (int64_t)size : UNPACK_DAMAGED;
	return UNPACK_DAMAGED;
}

static int64_t from_lzma(const uint8_t *in, uint32_t n, uint8_t *out, uint32_t max)
{
	lzma_stream s = LZMA_STREAM_INIT;
	uint64_t size;
	int64_t got;

	if (n <= LZMA_HEAD)
		return UNPACK_DAMAGED;
	size = num_le64(in + LZMA_HEAD_SIZE_AT);
	if (size > max)
		return UNPACK_DAMAGED;
	if (lzma_alone_decoder(&s, LZMA_MEM_MAX) != LZMA_OK)
		return UNPACK_NO_MEMORY;
	s.next_out = out;
	s.avail_out = (size_t)size;
	got = run_lzma(&s, in, n, size);
	lzma_end(&s);
	return got;
}

int64_t unpack_block(struct unpack *u, uint16_t compressor, const uint8_t *in, uint32_t n,
		     uint8_t *out, uint32_t max)
{
	int64_t got = UNPACK_DAMAGED;

	switch (compressor) {
	case GZIP:
		got = from_gzip(u, in, n, out, max);
		break;
	case LZMA:
		got = from_lzma(in, n, out, max);
		break;
	case XZ:
		got = from_xz(in, n, out, max);
		break;
	case LZ4:
		got = from_lz4(in, n, out, max);
		break;
	case ZSTD:
		got = from_zstd(u, in, n, out, max);
		break;
	default:
		break;
	}
	return got == 0 ? UNPACK_DAMAGED : got;
}
