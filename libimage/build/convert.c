/* SPDX-License-Identifier: BSD-3-Clause */
/* convert.c - layers to a SIF file; see convert.h. */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "libimage/base/cleanup.h"
#include "libimage/base/err.h"
#include "libimage/base/fd.h"
#include "libimage/base/growth.h"
#include "libimage/build/build.h"
#include "libimage/build/convert.h"
#include "libimage/ref/digest.h"
#include "libimage/ref/hasher.h"
#include "libimage/sif/sif.h"
#include "libimage/squash/scan.h"
#include "libimage/squash/stream.h"

_Static_assert(sizeof(struct convert_result) <= CELL_REPLY_MAX, "the result fits a cell's answer");

enum { OBJECTS_MAX = 16 }; /* LIMIT: of a file's descriptors; a definition and two of JSON are usual */

/* ---- from flat.h to stream.h ------------------------------------------------------------------- */

static int put_xattrs(void *arg, struct tree_node *node, const struct flat_xattr *v, size_t n,
		      struct berth_err *err)
{
	for (size_t i = 0; i < n; i++)
		if (squash_stream_xattr(arg, node, v[i].name, v[i].value, v[i].n, err) < 0)
			return -1;
	return 0;
}

static int put_begin(void *arg, struct tree_node *node, struct berth_err *err)
{
	return squash_stream_begin(arg, node, err);
}

static int put_data(void *arg, const void *buf, size_t n, struct berth_err *err)
{
	return squash_stream_data(arg, buf, n, err);
}

static int put_zeros(void *arg, uint64_t n, struct berth_err *err)
{
	return squash_stream_zeros(arg, n, err);
}

static int put_end(void *arg, struct berth_err *err)
{
	return squash_stream_end(arg, err);
}

static int put_settle(void *arg, struct berth_err *err)
{
	return squash_stream_settle(arg, err);
}

static void put_drop(void *arg, struct tree_node *node)
{
	squash_stream_drop(arg, node);
	squash_stream_inode_free(take_ptr(&node->inode));
}

/* ---- where a layer's bytes come from ----------------------------------------------------------- */

struct layer_reader {
	const struct convert_layer *layer;
	uint64_t at; /* bytes that were read */
	struct growth_reader grown;
	struct source source; /* of 'grown' */
};

static ssize_t read_pipe(const struct convert_layer *l, void *buf, size_t n, struct berth_err *err)
{
	ssize_t got;

	do
		got = read(l->fd, buf, n);
	while (got < 0 && errno == EINTR);
	return got < 0 ? berth_fail(err, BERTH_ESYS, errno, "cannot read %s", l->name) : got;
}

static ssize_t read_layer(void *arg, void *buf, size_t n, struct berth_err *err)
{
	struct layer_reader *r = arg;
	const struct convert_layer *l = r->layer;
	ssize_t got;

	if (l->growth)
		return source_read(&r->source, buf, n, err);
	if (l->pipe)
		return read_pipe(l, buf, n, err);
	if (n > l->size - r->at)
		n = (size_t)(l->size - r->at);
	if (n == 0)
		return 0;
	do
		got = pread(l->fd, buf, n, (off_t)(l->at + r->at));
	while (got < 0 && errno == EINTR);
	if (got <= 0)
		return berth_fail(err, BERTH_ESYS, got < 0 ? errno : ENODATA, "cannot read %s", l->name);
	r->at += (uint64_t)got;
	return got;
}

static int read_again(void *arg, struct berth_err *err)
{
	struct layer_reader *r = arg;

	(void)err;
	r->at = 0;
	r->grown.at = r->layer->at;
	return 0;
}

static int add_layer(struct flat *f, const struct convert_layer *l, struct berth_err *err)
{
	struct layer_reader r = { .layer = l, .grown = { .g = l->growth, .fd = l->fd, .at = l->at } };
	struct flat_blob blob = {
		.source = { .arg = &r, .read = read_layer },
		.packing = l->packing, .diff_id = l->diff_id, .again = l->pipe ? NULL : read_again, .name = l->name,
	};

	r.source = growth_source(&r.grown);
	return flat_layer(f, &blob, err);
}

static int add_extra(struct flat *f, const struct convert_extra *x, int64_t when, struct berth_err *err)
{
	struct flat_entry e = {
		.path = x->path,
		.target = S_ISLNK(x->mode) ? x->text : NULL,
		.st = { .st_mode = x->mode, .st_size = S_ISREG(x->mode) ? (off_t)x->n : 0, .st_mtim.tv_sec = when },
	};
	int rc = flat_add(f, &e, err);

	if (rc <= 0)
		return rc;
	if (x->n > 0 && flat_data(f, x->text, x->n, err) < 0)
		return -1;
	return flat_end(f, err);
}

static int add_extras(struct flat *f, const struct convert_job *job, bool below, struct berth_err *err)
{
	int64_t when = job->squash.epoch > 0 ? job->squash.epoch : 0;

	for (size_t i = 0; i < job->nextra; i++)
		if (job->extra[i].below == below && add_extra(f, &job->extra[i], when, err) < 0)
			return -1;
	return 0;
}

/* ---- the file ---------------------------------------------------------------------------------- */

/* All entries, from the topmost down. */
static int add_all(const struct convert_job *job, struct flat *f, struct berth_err *err)
{
	if (add_extras(f, job, false, err) < 0)
		return -1;
	for (size_t i = job->nlayer; i-- > 0;)
		if (add_layer(f, &job->layer[i], err) < 0)
			return -1;
	if (job->tree && job->tree->feed(job->tree->fd, job->tree->at, job->tree->size, f, err) < 0)
		return -1;
	return add_extras(f, job, true, err);
}

static void stream_stop(struct squash_stream **s)
{
	squash_stream_stop(*s);
}

static void stream_free(struct squash_stream **s)
{
	*s = squash_stream_free(*s);
}

static void flat_done(struct flat **f)
{
	*f = flat_free(*f);
}

static void tree_free(struct tree *t)
{
	tree_done(t, squash_stream_inode_free);
}

static int write_partition(const struct convert_job *job, uint64_t at, struct convert_result *res,
			   struct squash_write_result *sr, struct berth_err *err)
{
	struct flat_limits limits = FLAT_LIMITS_INIT;
	struct flat_sink sink = {
		.xattrs = put_xattrs, .begin = put_begin, .data = put_data, .zeros = put_zeros,
		.end = put_end, .settle = put_settle, .drop = put_drop,
	};
	/* The first to go are the threads that fill the nodes; the stream is told of each node that goes then. */
	cleanup(stream_free) struct squash_stream *s = NULL;
	cleanup(tree_free) struct tree tree = { 0 };
	cleanup(flat_done) struct flat *f = NULL;
	cleanup(stream_stop) struct squash_stream *running = NULL;

	limits.keep_devices = job->squash.keep_devices;
	if (squash_stream_new(job->out_fd, at, &job->squash, &s, err) < 0)
		return -1;
	sink.arg = running = s;
	if (flat_new(&sink, &limits, &f, err) < 0)
		return -1;
	if (add_all(job, f, err) < 0 || flat_finish(f, &tree, err) < 0 ||
	    squash_stream_finish(s, &tree, sr, err) < 0)
		return -1;
	flat_counts(f, &res->counts);
	return 0;
}

/* Objects and header around the partition. */
static int write_sif(const struct convert_job *job, struct convert_result *res, struct squash_write_result *sr,
		     struct berth_err *err)
{
	struct sif_new_object objects[OBJECTS_MAX + 1] = { 0 };
	struct sif_new_object *root = &objects[job->nobject];
	const char *arch = job->arch;

	if (job->nobject > OBJECTS_MAX)
		return berth_fail(err, BERTH_EBUG, 0, "too many objects for one image");
	for (size_t i = 0; i < job->nobject; i++)
		objects[i] = (struct sif_new_object){
			.type = job->object[i].type, .name = job->object[i].name, .size = job->object[i].n,
		};
	*root = (struct sif_new_object){
		.type = SIF_PARTITION, .fs = SIF_FS_SQUASHFS, .part = SIF_PART_PRIMARY,
		.name = "rootfs.squashfs",
	};
	if (sif_layout(objects, (uint32_t)job->nobject + 1, err) < 0)
		return -1;
	for (size_t i = 0; i < job->nobject; i++)
		if (fd_pwrite_full(job->out_fd, job->object[i].bytes, job->object[i].n,
				   (off_t)objects[i].offset) < 0)
			return berth_fail(err, BERTH_ESYS, errno, "cannot write the image");
	if (ftruncate(job->out_fd, (off_t)root->offset) < 0)
		return berth_fail(err, BERTH_ESYS, errno, "cannot write the image");
	if (write_partition(job, root->offset, res, sr, err) < 0)
		return -1;
	root->size = sr->bytes;
	res->bytes = root->offset + root->size;
	if (!arch && build_arch_of_squash(job->out_fd, root->offset, root->size, &arch, err) < 0)
		return -1;
	return sif_write_header(job->out_fd, objects, (uint32_t)job->nobject + 1, arch,
				job->squash.epoch > 0 ? job->squash.epoch : 0, err);
}

int convert_here(const struct convert_job *job, struct convert_result *ret, struct berth_err *err)
{
	struct squash_write_result sr = { 0 };
	struct convert_result res = { 0 };

	if ((job->bare ? write_partition(job, 0, &res, &sr, err) : write_sif(job, &res, &sr, err)) < 0)
		return -1;
	if (job->bare)
		res.bytes = sr.bytes;
	res.inodes = sr.inodes;
	res.start_bytes = sr.start_bytes;
	*ret = res;
	return 0;
}

/* ---- in a process of its own ------------------------------------------------------------------- */

static int work(void *arg, void *reply, struct berth_err *err)
{
	return convert_here(arg, reply, err);
}

int convert_start(struct cell *c, const struct convert_job *job, struct berth_err *err)
{
	cleanup_free int *keep = calloc(job->nlayer + 2, sizeof(*keep));
	struct digest ready;
	size_t n = 0;

	if (!keep)
		return berth_fail(err, BERTH_ESYS, ENOMEM, "cannot start a converter");
	/* libcrypto reads its configuration when it is used first: inside it may not. */
	if (hasher_sum("sha256", "", 0, &ready) < 0)
		return berth_fail(err, BERTH_ESYS, 0, "cannot make digests");
	for (size_t i = 0; i < job->nlayer; i++)
		keep[n++] = job->layer[i].fd;
	if (job->tree)
		keep[n++] = job->tree->fd;
	keep[n++] = job->out_fd;
	return cell_start(c, work, (void *)(uintptr_t)job, keep, n, sizeof(struct convert_result), err);
}

int convert_end(struct cell *c, int cancel_fd, struct convert_result *ret, struct berth_err *err)
{
	return cell_wait(c, cancel_fd, ret, sizeof(*ret), err);
}
