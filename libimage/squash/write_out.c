/* SPDX-License-Identifier: BSD-3-Clause */
/* write_out.c - the writer's output: a piece of a file, for libsquashfs. */
#include "config.h"

#include <errno.h>
#include <sqfs/error.h>
#include <string.h>
#include <unistd.h>

#include "libimage/base/err.h"
#include "libimage/base/fd.h"
#include "libimage/squash/write_priv.h"

static struct out_file *self(sqfs_file_t *f)
{
	return (struct out_file *)f; /* 'base' comes first */
}

static int out_fail(struct out_file *out)
{
	out->sys = errno;
	return SQFS_ERROR_IO;
}

static int out_read(sqfs_file_t *f, sqfs_u64 off, void *buf, size_t n)
{
	struct out_file *out = self(f);

	if (off > out->size || n > out->size - off)
		return SQFS_ERROR_OUT_OF_BOUNDS;
	return fd_pread_full(out->fd, buf, n, (off_t)(out->at + off)) < 0 ? out_fail(out) : 0;
}

static int out_write(sqfs_file_t *f, sqfs_u64 off, const void *buf, size_t n)
{
	struct out_file *out = self(f);

	if (fd_pwrite_full(out->fd, buf, n, (off_t)(out->at + off)) < 0)
		return out_fail(out);
	if (off + n > out->size)
		out->size = off + n;
	return 0;
}

static sqfs_u64 out_size(const sqfs_file_t *f)
{
	return ((const struct out_file *)f)->size;
}

/* Called with less when the last blocks turn out to be there already. */
static int out_truncate(sqfs_file_t *f, sqfs_u64 n)
{
	struct out_file *out = self(f);

	if (ftruncate(out->fd, (off_t)(out->at + n)) < 0)
		return out_fail(out);
	out->size = n;
	return 0;
}

static void out_destroy(sqfs_object_t *o)
{
	(void)o; /* the writer's own; the descriptor is the caller's */
}

static sqfs_object_t *out_copy(const sqfs_object_t *o)
{
	(void)o;
	return NULL; /* as the interface demands of writable files */
}

void out_file_init(struct out_file *out, int fd, uint64_t at)
{
	memset(out, 0, sizeof(*out));
	out->base.base.destroy = out_destroy;
	out->base.base.copy = out_copy;
	out->base.read_at = out_read;
	out->base.write_at = out_write;
	out->base.get_size = out_size;
	out->base.truncate = out_truncate;
	out->fd = fd;
	out->at = at;
}

int write_fail(const struct writer *w, int rc, const char *what, struct berth_err *err)
{
	switch (rc) {
	case SQFS_ERROR_ALLOC:
		return berth_fail(err, BERTH_ESYS, ENOMEM, "cannot %s", what);
	case SQFS_ERROR_IO:
		return berth_fail(err, BERTH_ESYS, w->out.sys ? w->out.sys : EIO, "cannot %s", what);
	case SQFS_ERROR_COMPRESSOR:
		/* It has no reason to fail but that it has no room. */
		return berth_fail(err, BERTH_ESYS, ENOMEM, "cannot %s", what);
	case SQFS_ERROR_OVERFLOW:
		return berth_fail(err, BERTH_ESYS, EOVERFLOW, "cannot %s", what);
	case SQFS_ERROR_UNSUPPORTED:
		berth_fail(err, BERTH_ESYS, ENOTSUP, "cannot %s", what);
		return berth_hint(err, "this libsquashfs was built without zstd");
	default:
		return berth_fail(err, BERTH_EBUG, 0, "cannot %s: libsquashfs error %d", what, rc);
	}
}
