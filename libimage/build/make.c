/* SPDX-License-Identifier: BSD-3-Clause */
/* make.c - an image becomes another form of it; see make.h. Image files: make_file.c. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "libimage/base/cleanup.h"
#include "libimage/base/err.h"
#include "libimage/base/output.h"
#include "libimage/build/layout_out.h"
#include "libimage/build/make.h"
#include "libimage/build/make_file.h"
#include "libimage/build/sandbox.h"
#include "libimage/build/scratch.h"
#include "libimage/build/tarball.h"

void region_done(struct region *r)
{
	cleanup_close_fn(&r->own);
	r->fd = -1;
}

int make_region(struct basis *o, const struct make_options *opt, struct region *ret, struct make_result *res,
		struct berth_err *err)
{
	if (o->kind == BASIS_SQUASH) {
		ret->fd = o->fd;
		ret->at = o->at;
		ret->size = o->size;
		return 0;
	}
	ret->own = scratch_open(opt->scratch, err);
	if (ret->own < 0 || make_file(o, ret->own, true, opt, res, err) < 0)
		return -1;
	ret->fd = ret->own;
	ret->size = res->bytes;
	res->bytes = 0;
	return 0;
}

static int to_file(struct basis *o, const struct target *t, const struct make_options *opt, struct make_result *res,
		   struct berth_err *err)
{
	cleanup(output_close) struct output out = OUTPUT_INIT;

	if (output_open(&out, t->path, 0755, opt->force, err) < 0 ||
	    make_file(o, out.fd, t->kind == TARGET_SQUASH, opt, res, err) < 0)
		return -1;
	return output_publish(&out, opt->force, err);
}

static int to_dir(const struct region *r, const struct target *t, const struct make_options *opt,
		  struct make_result *res, struct berth_err *err)
{
	const struct sandbox_options so = {
		.force = opt->force, .fix_modes = opt->fix_modes, .keep_owner = opt->squash.keep_owner,
		.keep_devices = opt->keep_devices, .cancel_fd = opt->cancel_fd,
	};
	struct sandbox_result sr;

	if (sandbox_make(r->fd, r->at, r->size, t->path, &so, &sr, err) < 0)
		return -1;
	res->entries = sr.entries;
	res->left_out += sr.left_out;
	res->attributes_left_out = sr.attributes_left_out;
	return 0;
}

static int to_tar(const struct region *r, const struct target *t, const struct make_options *opt,
		  struct make_result *res, struct berth_err *err)
{
	cleanup(output_close) struct output out = OUTPUT_INIT;
	struct tarball_job job = { .fd = r->fd, .at = r->at, .size = r->size, .packing = FLAT_PLAIN };
	bool piped = strcmp(t->path, "-") == 0;
	/* in the cell the first three are /dev/null */
	cleanup_close int pipe_fd = piped ? fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1) : -1;
	struct tarball_result tr;

	if (piped && pipe_fd < 0)
		return berth_fail(err, BERTH_ESYS, errno, "cannot write to standard output");
	if (!piped && output_open(&out, t->path, 0666, opt->force, err) < 0)
		return -1;
	job.out_fd = piped ? pipe_fd : out.fd;
	if (tarball_make(&job, opt->cancel_fd, &tr, err) < 0)
		return -1;
	res->bytes = tr.packed_bytes;
	res->entries = tr.entries;
	res->left_out += tr.sockets;
	return piped ? 0 : output_publish(&out, opt->force, err);
}

/*
 * What is made of the tree keeps owners and devices, which an archive can hold; a directory can of root's only.
 * Nothing is gained by compressing well what is only read once.
 */
static struct make_options between(const struct target *t, const struct make_options *opt)
{
	struct make_options o = *opt;

	o.squash.keep_owner = o.squash.keep_owner || t->kind != TARGET_DIR;
	o.squash.keep_devices = t->kind == TARGET_DIR ? opt->keep_devices : true;
	o.squash.compressor = SQUASH_ZSTD;
	o.squash.level = 1;
	return o;
}

/* Where there is something that must stay, say so before the work is done. */
static int look_ahead(const struct target *t, bool force, struct berth_err *err)
{
	struct stat st;

	if (force || t->kind == TARGET_DIR || t->kind == TARGET_OCI || strcmp(t->path, "-") == 0 ||
	    lstat(t->path, &st) < 0 || S_ISDIR(st.st_mode))
		return 0;
	berth_fail(err, BERTH_EDENIED, 0, "'%s' exists", t->path);
	return berth_hint(err, "--force replaces it");
}

int make_image(struct basis *o, const struct target *t, const struct make_options *opt, struct make_result *ret,
	       struct berth_err *err)
{
	cleanup(region_done) struct region r = REGION_INIT;
	struct make_options own = between(t, opt);
	struct make_result res = { 0 };
	int rc;

	if (t->kind == TARGET_SIF || t->kind == TARGET_SQUASH) {
		rc = to_file(o, t, opt, &res, err);
	} else {
		rc = look_ahead(t, opt->force, err);
		if (rc == 0)
			rc = make_region(o, &own, &r, &res, err);
		if (rc == 0)
			rc = t->kind == TARGET_DIR ? to_dir(&r, t, opt, &res, err)
			   : t->kind == TARGET_TAR ? to_tar(&r, t, opt, &res, err)
						   : layout_out(o, &r, t, opt, &res, err);
	}
	*ret = res;
	return rc;
}
