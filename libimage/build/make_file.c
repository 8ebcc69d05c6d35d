/* SPDX-License-Identifier: BSD-3-Clause */
/* make_file.c - an image file of whatever there is; see make_file.h. */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "libimage/base/cleanup.h"
#include "libimage/base/err.h"
#include "libimage/base/fd.h"
#include "libimage/build/convert.h"
#include "libimage/build/ext.h"
#include "libimage/build/layered.h"
#include "libimage/build/make_file.h"
#include "libimage/build/scratch.h"
#include "libimage/build/squash_entry.h"
#include "libimage/sif/sif.h"

enum {
	OBJECTS_MAX = 16,	     /* LIMIT: as convert.c's */
	OBJECT_BYTES_MAX = 64 << 20, /* LIMIT: of all that is not the root; JSON, definitions, keys */
};

/* ---- a SIF file's other objects ---------------------------------------------------------------- */

struct kept {
	struct convert_object v[OBJECTS_MAX];
	size_t n;
	char *names[OBJECTS_MAX];
	uint64_t bytes;
};

static void kept_done(struct kept *k)
{
	for (size_t i = 0; i < k->n; i++) {
		free((void *)(uintptr_t)k->v[i].bytes);
		free(k->names[i]);
	}
}

static int keep_object(int fd, const struct sif_object *obj, struct kept *k, struct berth_err *err)
{
	cleanup_free char *bytes = NULL, *name = NULL;

	if (k->n == OBJECTS_MAX || obj->size > OBJECT_BYTES_MAX - k->bytes)
		return berth_fail(err, BERTH_EIMAGE, 0, "the SIF file has too much beside its root to be made again");
	bytes = malloc((size_t)obj->size + 1);
	name = strdup(obj->name);
	if (!bytes || !name)
		return berth_fail(err, BERTH_ESYS, ENOMEM, "cannot keep a SIF file's objects");
	if (fd_pread_full(fd, bytes, (size_t)obj->size, (off_t)obj->offset) < 0)
		return berth_fail(err, BERTH_ESYS, errno, "cannot read the SIF file");
	k->bytes += obj->size;
	k->names[k->n] = name;
	k->v[k->n++] = (struct convert_object){ .type = obj->type, .name = name, .bytes = bytes, .n = (size_t)obj->size };
	name = bytes = NULL;
	return 0;
}

/* Signatures are of bytes that will be others; overlays are no part of the root. */
static int keep_objects(const struct basis *o, struct kept *k, struct make_result *res, struct berth_err *err)
{
	struct sif_object obj;
	struct sif sif;

	if (!o->sif)
		return 0;
	if (sif_open(o->fd, &sif, err) < 0)
		return -1;
	for (uint32_t i = 0; i < sif.slots; i++) {
		int rc = sif_object_get(&sif, i, &obj, err);

		if (rc < 0)
			return -1;
		res->signatures_left_out = res->signatures_left_out || (rc > 0 && obj.type == SIF_SIGNATURE);
		if (rc > 0 && (obj.type == SIF_DEFFILE || obj.type == SIF_ENVVAR || obj.type == SIF_LABELS ||
			       obj.type == SIF_JSON || obj.type == SIF_RAW) &&
		    keep_object(o->fd, &obj, k, err) < 0)
			return -1;
	}
	return 0;
}

/* ---- by the converter -------------------------------------------------------------------------- */

static void take_result(const struct convert_result *cr, struct make_result *res)
{
	res->bytes = cr->bytes;
	res->entries = cr->inodes;
	res->left_out = cr->counts.devices;
	res->attributes_left_out = cr->counts.xattrs;
}

static int convert_basis(struct basis *o, int out_fd, bool bare, const struct make_options *opt,
			  struct make_result *res, struct berth_err *err)
{
	cleanup(cell_done) struct cell c = CELL_INIT;
	cleanup(kept_done) struct kept kept = { .n = 0 };
	const struct convert_tree tree = {
		.fd = o->fd, .at = o->at, .size = o->size, .feed = o->kind == BASIS_EXT ? ext_feed : squash_feed,
	};
	struct convert_job job = {
		.out_fd = out_fd, .layer = o->layer, .nlayer = o->nlayer, .squash = opt->squash, .bare = bare,
		.tree = o->kind == BASIS_LAYERS ? NULL : &tree,
		.arch = o->arch[0] ? o->arch : NULL,
	};
	struct convert_result cr = { 0 };

	if (!bare && keep_objects(o, &kept, res, err) < 0)
		return -1;
	job.object = kept.v;
	job.nobject = kept.n;
	if (convert_start(&c, &job, err) < 0 || convert_end(&c, opt->cancel_fd, &cr, err) < 0)
		return -1;
	if (cr.counts.entries == 0)
		return berth_fail(err, BERTH_EIMAGE, 0, "'%s' is an archive of nothing", o->path);
	take_result(&cr, res);
	return 0;
}

static int convert_image(struct basis *o, int out_fd, bool bare, const struct make_options *opt,
			 struct make_result *res, struct berth_err *err)
{
	const struct layered image = {
		.bootstrap = o->bootstrap, .from = o->from, .config = &o->config, .layer = o->layer, .nlayer = o->nlayer,
	};
	const struct layered_options lo = { .squash = opt->squash, .bare = bare };
	cleanup(cell_done) struct cell c = CELL_INIT;
	struct convert_result cr = { 0 };

	if (layered_start(&c, &image, out_fd, &lo, err) < 0 || layered_end(&c, opt->cancel_fd, &cr, err) < 0)
		return -1;
	take_result(&cr, res);
	return 0;
}

/* ---- directories ------------------------------------------------------------------------------- */

static int write_dir(struct basis *o, int out_fd, bool bare, const struct make_options *opt,
		     struct make_result *res, struct berth_err *err)
{
	const struct build_options bo = {
		.keep_owner = opt->squash.keep_owner, .keep_devices = opt->squash.keep_devices,
		.epoch = opt->squash.epoch, .workers = opt->squash.workers, .compressor = opt->squash.compressor,
		.level = opt->squash.level, .objects = opt->objects, .nobjects = opt->nobjects,
	};
	struct squash_write_result sr = { 0 };
	struct build_result br = { 0 };

	if (bare) {
		if (squash_write_dir(o->fd, out_fd, 0, &opt->squash, &sr, err) < 0)
			return berth_context(err, "'%s'", o->path);
		br = (struct build_result){
			.bytes = sr.bytes, .inodes = sr.inodes, .devices_left_out = sr.devices_left_out,
		};
	} else if (build_sif_to(o->fd, out_fd, &bo, &br, err) < 0) {
		return berth_context(err, "'%s'", o->path);
	}
	res->bytes = br.bytes;
	res->entries = br.inodes;
	res->left_out = br.devices_left_out;
	return 0;
}

/* ---- copies ------------------------------------------------------------------------------------ */

/* A file system as it is, in a SIF file of its own. */
static int wrap(struct basis *o, int out_fd, const struct make_options *opt, struct make_result *res,
		struct berth_err *err)
{
	struct sif_new_object root = {
		.type = SIF_PARTITION, .fs = SIF_FS_SQUASHFS, .part = SIF_PART_PRIMARY, .name = "rootfs.squashfs",
		.size = o->size,
	};
	const char *arch;

	if (build_arch_of_squash(o->fd, o->at, o->size, &arch, err) < 0 || sif_layout(&root, 1, err) < 0)
		return -1;
	if (ftruncate(out_fd, (off_t)root.offset) < 0 || lseek(out_fd, (off_t)root.offset, SEEK_SET) < 0)
		return berth_fail(err, BERTH_ESYS, errno, "cannot write the image");
	if (scratch_copy(o->fd, o->at, o->size, out_fd, err) < 0)
		return -1;
	res->bytes = root.offset + root.size;
	return sif_write_header(out_fd, &root, 1, arch, opt->squash.epoch >= 0 ? opt->squash.epoch : 0, err);
}

static int copy_image(struct basis *o, int out_fd, bool bare, const struct make_options *opt,
		      struct make_result *res, struct berth_err *err)
{
	const char *arch;

	if (!bare && !o->sif)
		return wrap(o, out_fd, opt, res, err);
	/* it is read here, too, so that a copy of something damaged is not called an image */
	if (build_arch_of_squash(o->fd, o->at, o->size, &arch, err) < 0)
		return -1;
	res->bytes = bare ? o->size : o->file_size;
	return scratch_copy(o->fd, bare ? o->at : 0, res->bytes, out_fd, err);
}

int make_file(struct basis *o, int out_fd, bool bare, const struct make_options *opt, struct make_result *res,
	      struct berth_err *err)
{
	if (o->kind == BASIS_DIR)
		return write_dir(o, out_fd, bare, opt, res, err);
	if (o->kind == BASIS_LAYERS && o->has_config)
		return convert_image(o, out_fd, bare, opt, res, err);
	if (o->kind == BASIS_SQUASH && !opt->remake)
		return copy_image(o, out_fd, bare, opt, res, err);
	return convert_basis(o, out_fd, bare, opt, res, err);
}
