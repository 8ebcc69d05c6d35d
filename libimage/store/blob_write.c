/* SPDX-License-Identifier: BSD-3-Clause */
/* blob_write.c - the bytes of a blob, as they come; see store.h. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/file.h>

#include "libimage/base/cleanup.h"
#include "libimage/base/fd.h"
#include "libimage/ref/hasher.h"
#include "libimage/store/blob_i.h"

enum { PUSH_BYTES = 8 << 20 }; /* so that there is little left to wait for at the end */

int store_fail_write(const char *path, int sys, struct berth_err *err)
{
	berth_fail(err, sys == EACCES || sys == EPERM || sys == EROFS ? BERTH_EDENIED : BERTH_ESYS, sys,
		   "cannot write to the store '%s'", path);
	if (sys == ENOSPC || sys == EDQUOT)
		return berth_hint(err, "'berth cache clean' makes room; BERTH_CACHEDIR names another place");
	if (err->code == BERTH_EDENIED)
		return berth_hint(err, "BERTH_CACHEDIR names another place");
	return -1;
}

/* It is of no use: no name is left of it, and readers hear of it. */
static void give_up(struct store_blob *b)
{
	b->broken = true;
	if (b->partial_fd >= 0)
		(void)unlinkat(b->partial_fd, b->partial, 0);
	growth_end(b->growth, GROWTH_FAILED);
}

static int fail_other(struct store_blob *b, struct berth_err *err)
{
	give_up(b);
	berth_fail(err, BERTH_EIMAGE, 0, "'%.80s' is not what it should be: its bytes have another digest",
		   b->digest.text);
	return berth_hint(err, b->resumed
				   ? "it was resumed, and is deleted now: the next try gets it anew"
				   : "nothing of it was kept; the registry, or who is on the way to it, "
				     "sent something else");
}

/* The part of what comes that is there already; how much, or -1. */
static ssize_t compare_old(struct store_blob *b, const unsigned char *p, size_t n, struct berth_err *err)
{
	size_t old = b->have - b->at < n ? (size_t)(b->have - b->at) : n;
	unsigned char buf[16384];

	for (size_t at = 0; at < old;) {
		size_t part = old - at < sizeof(buf) ? old - at : sizeof(buf);

		if (fd_pread_full(b->fd, buf, part, (off_t)(b->at + at)) < 0)
			return store_fail_write(b->path, errno, err);
		if (memcmp(buf, p + at, part) != 0)
			return fail_other(b, err);
		at += part;
	}
	b->at += old;
	return (ssize_t)old;
}

int store_blob_add(struct store_blob *b, const void *bytes, size_t n, struct berth_err *err)
{
	const unsigned char *p = bytes;
	ssize_t old;

	if (b->whole || b->broken)
		return berth_fail(err, BERTH_EBUG, 0, "'%.80s' has ended", b->digest.text);
	if (n > b->size - b->at) { /* an unknown size is larger than all */
		give_up(b);
		berth_fail(err, BERTH_EIMAGE, 0, "'%.80s' is longer than %" PRIu64 " bytes", b->digest.text,
			   b->size);
		return berth_hint(
		    err, "nothing of it was kept; the registry sent something else than it announced");
	}
	old = compare_old(b, p, n, err);
	if (old < 0)
		return -1;
	p += old;
	n -= (size_t)old;
	if (n == 0)
		return 0;
	hasher_add(b->hasher, p, n);
	if (fd_pwrite_full(b->fd, p, n, (off_t)b->at) < 0) {
		int sys = errno;

		/* What is kept would keep the disk full. */
		give_up(b);
		return store_fail_write(b->path, sys, err);
	}
	b->at += n;
	b->have = b->at;
	growth_set(b->growth, b->have);
	if (b->have - b->pushed >= PUSH_BYTES && !b->s->anonymous) {
		(void)sync_file_range(b->fd, (off_t)b->pushed, (off_t)(b->have - b->pushed),
				      SYNC_FILE_RANGE_WRITE);
		b->pushed = b->have;
	}
	return 0;
}

void store_blob_restart(struct store_blob *b)
{
	b->at = 0;
}

/* Put it under its name. */
static int publish(struct store_blob *b, struct berth_err *err)
{
	cleanup_close int dir_fd = -1;
	char dir[STORE_NAME_SIZE];

	/* From now on it is in use: ours does not end where another's housekeeping begins. */
	(void)flock(b->fd, LOCK_SH | LOCK_NB);
	if (b->out.fd >= 0)
		return output_publish(&b->out, true, err);
	blob_dir(&b->digest, dir);
	if (place_dir(&b->s->own, dir, b->s->dir_mode, &dir_fd, err) < 0)
		return -1;
	if (fdatasync(b->fd) < 0 || renameat(b->partial_fd, b->partial, dir_fd, digest_hex(&b->digest)) < 0)
		return store_fail_write(b->path, errno, err);
	return 0;
}

int store_blob_finish(struct store_blob *b, struct berth_err *err)
{
	struct digest got;

	if (b->whole || b->broken)
		return berth_fail(err, BERTH_EBUG, 0, "'%.80s' has ended", b->digest.text);
	if (b->at < b->have || (b->size != STORE_SIZE_UNKNOWN && b->at < b->size)) {
		growth_end(b->growth, GROWTH_FAILED);
		b->broken = true;
		berth_fail(err, BERTH_ENET, 0, "'%.80s' ended early: %" PRIu64 " bytes of %" PRIu64,
			   b->digest.text, b->at, b->size != STORE_SIZE_UNKNOWN ? b->size : b->have);
		return berth_hint(err, "what there is of it is kept: the next try goes on there");
	}
	if (hasher_end(b->hasher, &got) < 0) {
		give_up(b);
		return berth_fail(err, BERTH_ESYS, ENOMEM, "cannot hash '%s'", b->path);
	}
	if (!digest_equal(&got, &b->digest))
		return fail_other(b, err);
	/* Who reads it need not wait for the disk. */
	growth_end(b->growth, GROWTH_DONE);
	if (!b->s->anonymous && publish(b, err) < 0) {
		give_up(b);
		return -1;
	}
	b->whole = true;
	lock_release(&b->lock);
	return 0;
}
