/* SPDX-License-Identifier: BSD-3-Clause */
/* tarball.c - a squashfs becomes a tar archive; see tarball.h. */
#include "config.h"

#include <errno.h>
#include <string.h>

#include "libimage/base/cleanup.h"
#include "libimage/base/err.h"
#include "libimage/base/fd.h"
#include "libimage/base/str.h"
#include "libimage/build/cell.h"
#include "libimage/build/squash_entry.h"
#include "libimage/build/tarball.h"
#include "libimage/layer/pack.h"
#include "libimage/layer/tar_put.h"
#include "libimage/ref/hasher.h"
#include "libimage/squash/walk.h"

_Static_assert(sizeof(struct tarball_result) <= CELL_REPLY_MAX, "the result fits a cell's answer");

struct tarball {
	const struct tarball_job *job;
	struct tar_put tar;
	struct pack *pack;
	struct hasher *plain, *packed;
	struct tarball_result res;
};

static void tarball_done(struct tarball *t)
{
	t->pack = pack_free(t->pack);
	t->plain = hasher_free(t->plain);
	t->packed = hasher_free(t->packed);
}

/* Bytes of the archive. */
static int put_plain(void *arg, const void *bytes, size_t n, struct berth_err *err)
{
	struct tarball *t = arg;

	hasher_add(t->plain, bytes, n);
	return pack_add(t->pack, bytes, n, err);
}

/* What becomes of them. */
static int put_packed(void *arg, const void *bytes, size_t n, struct berth_err *err)
{
	struct tarball *t = arg;

	hasher_add(t->packed, bytes, n);
	t->res.packed_bytes += n;
	if (fd_write_full(t->job->out_fd, bytes, n) < 0)
		return berth_fail(err, BERTH_ESYS, errno, "cannot write the archive");
	return 0;
}

static int put_bytes(void *arg, const void *bytes, size_t n, struct berth_err *err)
{
	struct tarball *t = arg;

	return tar_put_data(&t->tar, bytes, n, err);
}

static int check_name(const struct squash_visit *v, struct berth_err *err)
{
	char shown[128];

	if (!str_after(v->name, ".wh."))
		return 0;
	str_escape(v->path, shown, sizeof(shown));
	berth_fail(err, BERTH_EIMAGE, 0, "'%s' would mean in a layer that something is not there", shown);
	return berth_hint(err, "an archive of tar can hold it: name OUT.tar");
}

static int visit(void *arg, const struct squash_visit *v, struct berth_err *err)
{
	cleanup(squash_entry_done) struct squash_entry e = { 0 };
	struct tarball *t = arg;
	int rc;

	if ((t->job->layer && check_name(v, err) < 0) || squash_entry_get(v, &e, err) < 0)
		return -1;
	rc = tar_put_entry(&t->tar, &e.entry, err);
	if (rc < 0)
		return -1;
	t->res.sockets += rc > 0;
	t->res.entries += rc == 0;
	if (rc > 0 || v->same || !S_ISREG(v->inode->mode))
		return 0;
	return squash_visit_bytes(v, put_bytes, t, err);
}

int tarball_here(const struct tarball_job *job, struct tarball_result *ret, struct berth_err *err)
{
	cleanup(tarball_done) struct tarball t = { .job = job };
	const struct pack_sink packed = { .arg = &t, .put = put_packed };
	const struct squash_walk_ops ops = { .arg = &t, .visit = visit };

	t.tar.sink = (struct pack_sink){ .arg = &t, .put = put_plain };
	t.plain = hasher_new("sha256");
	t.packed = hasher_new("sha256");
	if (!t.plain || !t.packed)
		return berth_fail(err, BERTH_ESYS, ENOMEM, "cannot sum up an archive");
	if (pack_new(job->packing, &packed, &t.pack, err) < 0 ||
	    squash_walk(job->fd, job->at, job->size, &ops, err) < 0 ||
	    tar_put_end(&t.tar, err) < 0 || pack_end(t.pack, err) < 0)
		return -1;
	t.res.plain_bytes = t.tar.bytes;
	if (hasher_end(t.plain, &t.res.plain) < 0 || hasher_end(t.packed, &t.res.packed) < 0)
		return berth_fail(err, BERTH_ESYS, ENOMEM, "cannot sum up an archive");
	*ret = t.res;
	return 0;
}

static int work(void *arg, void *reply, struct berth_err *err)
{
	return tarball_here(arg, reply, err);
}

int tarball_make(const struct tarball_job *job, int cancel_fd, struct tarball_result *ret, struct berth_err *err)
{
	struct tarball_job own = *job;
	const int keep[] = { job->fd, job->out_fd };
	cleanup(cell_done) struct cell c = CELL_INIT;
	struct digest ready;

	/* libcrypto reads its configuration when it is used first: inside it may not. */
	if (hasher_sum("sha256", "", 0, &ready) < 0)
		return berth_fail(err, BERTH_ESYS, 0, "cannot make digests");
	if (cell_start(&c, work, &own, keep, ARRAY_SIZE(keep), sizeof(*ret), err) < 0)
		return -1;
	return cell_wait(&c, cancel_fd, ret, sizeof(*ret), err);
}
