/* SPDX-License-Identifier: BSD-3-Clause */
/* build_run.c - one form of an image becomes another; see build_run.h. */
#include "config.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "launcher/cli/build_metadata.h"
#include "launcher/cli/build_run.h"
#include "launcher/cli/cancel.h"
#include "launcher/cli/epoch.h"
#include "launcher/cli/progress.h"
#include "launcher/cli/setting.h"
#include "libimage/base/cleanup.h"
#include "libimage/base/err.h"
#include "libimage/base/log.h"
#include "libimage/base/num.h"
#include "libimage/base/str.h"
#include "libimage/build/pull.h"
#include "libimage/build/scratch.h"
#include "libimage/ref/image_ref.h"

enum { WORKERS = 1024, ZSTD_LEVELS = 22, GZIP_LEVELS = 9 }; /* what there is of them */

/* ---- --mksquashfs-args ------------------------------------------------------------------------- */

/* One option of mksquashfs and its value. */
static int squash_option(const char *name, const char *value, struct squash_write_options *s, struct berth_err *err)
{
	uint64_t n;

	if (!value)
		return berth_fail(err, BERTH_EUSAGE, 0, "--mksquashfs-args: '%.50s' needs a value", name);
	if (strcmp(name, "-comp") == 0) {
		if (strcmp(value, "zstd") != 0 && strcmp(value, "gzip") != 0)
			return berth_fail(err, BERTH_EUSAGE, 0, "--mksquashfs-args: images are compressed by zstd or gzip, "
					  "not by '%.50s'", value);
		s->compressor = strcmp(value, "gzip") == 0 ? SQUASH_GZIP : SQUASH_ZSTD;
		return 0;
	}
	if (strcmp(name, "-Xcompression-level") == 0 && num_parse_u64(value, ZSTD_LEVELS, &n) == 0 && n > 0) {
		s->level = (unsigned int)n;
		return 0;
	}
	if (strcmp(name, "-processors") == 0 && num_parse_u64(value, WORKERS, &n) == 0 && n > 0) {
		s->workers = (unsigned int)n;
		return 0;
	}
	berth_fail(err, BERTH_EUSAGE, 0, "--mksquashfs-args: '%.50s %.50s' is not understood", name, value);
	return berth_hint(err, "what is: -comp zstd|gzip, -Xcompression-level N, -processors N");
}

static int squash_words(const char *text, struct squash_write_options *s, struct berth_err *err)
{
	cleanup_free char *copy = strdup(text);
	char *rest, *word;

	if (!copy)
		return berth_fail(err, BERTH_ESYS, ENOMEM, "cannot read the command line");
	for (word = strtok_r(copy, " \t", &rest); word; word = strtok_r(NULL, " \t", &rest))
		if (squash_option(word, strtok_r(NULL, " \t", &rest), s, err) < 0)
			return -1;
	if (s->compressor == SQUASH_GZIP && s->level > GZIP_LEVELS)
		return berth_fail(err, BERTH_EUSAGE, 0, "--mksquashfs-args: gzip's levels end at %d", GZIP_LEVELS);
	return 0;
}

/* ---- what is said ------------------------------------------------------------------------------ */

static void report(const struct target *t, const struct make_result *res)
{
	char size[PROGRESS_SIZE], what[48] = "";

	if (strcmp(t->path, "-") != 0) {
		progress_size(res->bytes, size);
		if (res->entries > 0)
			(void)snprintf(what, sizeof(what), "%s%" PRIu64 " %s", res->bytes > 0 ? ", " : "", res->entries,
				       t->kind == TARGET_SIF || t->kind == TARGET_SQUASH ? "inodes" : "files");
		log_line(LOG_NOTE, "made '%s': %s%s", t->path, res->bytes > 0 ? size : "", what);
	}
	if (res->left_out > 0)
		log_line(LOG_NOTE, "left out %" PRIu64 " device nodes and sockets: nothing would work by them",
			 res->left_out);
	if (res->attributes_left_out > 0)
		log_line(LOG_NOTE, "left out %" PRIu64 " extended attributes, that are not kept there",
			 res->attributes_left_out);
	if (res->signatures_left_out)
		log_line(LOG_NOTE, "left out the signatures, which were of other bytes");
}

/* ---- a registry's ------------------------------------------------------------------------------ */

/* To a file directly, or by the store, where the SIF file stays. */
static int from_registry(const struct build_words *w, const struct image_ref *ref, const struct target *t,
			 struct make_options *opt, struct berth_err *err)
{
	cleanup(basis_done) struct basis b = BASIS_INIT;
	cleanup(fetch_done) struct fetch f = FETCH_INIT;
	cleanup_free char *path = NULL;
	struct make_result res = { 0 };
	struct pull_result pr = { 0 };
	int fd = -1;

	if (fetch_open(&f, ref, &w->fetch, err) < 0)
		return -1;
	opt->cancel_fd = f.cancel_fd;
	if (ref->scheme == REF_ORAS) {
		fd = scratch_open(opt->scratch, err);
		if (fd < 0)
			return -1;
		if (fetch_sif(&f, ref, fd, &pr, err) < 0) {
			cleanup_close_fn(&fd);
			return berth_context(err, "'%.150s'", w->source);
		}
		if (basis_open_file(fd, w->source, &b, err) < 0 || make_image(&b, t, opt, &res, err) < 0)
			return -1;
	} else if (t->kind == TARGET_SIF) {
		f.pull.opt.image.squash.compressor = opt->squash.compressor;
		f.pull.opt.image.squash.level = opt->squash.level;
		f.pull.opt.image.squash.workers = opt->squash.workers;
		if (pull_to_file(&f.pull, t->path, w->force, &pr, err) < 0)
			return berth_context(err, "'%.150s'", w->source);
		res.bytes = pr.bytes;
		res.entries = pr.made.inodes;
		res.left_out = pr.made.counts.devices;
	} else {
		if (pull_to_store(&f.pull, &fd, &path, &pr, err) < 0 || basis_open_file(fd, w->source, &b, err) < 0 ||
		    make_image(&b, t, opt, &res, err) < 0)
			return berth_context(err, "'%.150s'", w->source);
	}
	fetch_done(&f);
	report(t, &res);
	return 0;
}

/* ---- all else ---------------------------------------------------------------------------------- */

static int from_disk(const struct build_words *w, const struct image_ref *ref, const struct target *t,
		     struct make_options *opt, struct berth_err *err)
{
	cleanup(build_metadata_done) struct build_metadata meta = { .n = 0 };
	cleanup(basis_done) struct basis b = BASIS_INIT;
	cleanup_close int cancel = -1;
	const struct basis_options bo = {
		.platform = w->fetch.platform ? w->fetch.platform : setting("BUILD_ARCH", NULL), .scratch = opt->scratch,
	};
	struct make_result res = { 0 };

	if (basis_open(ref, &bo, &b, err) < 0)
		return -1;
	if (b.kind == BASIS_DIR && t->kind == TARGET_SIF && build_metadata(ref->path, opt->squash.epoch, &meta, err) < 0)
		return -1;
	opt->objects = meta.v;
	opt->nobjects = meta.n;
	cancel = cancel_watch(err);
	if (cancel < 0)
		return -1;
	opt->cancel_fd = cancel;
	if (make_image(&b, t, opt, &res, err) < 0)
		return -1;
	report(t, &res);
	return 0;
}

int build_run(const struct build_words *w, struct berth_err *err)
{
	cleanup(image_ref_done) struct image_ref out = { 0 }, source = { 0 };
	struct make_options opt = {
		.force = w->force || setting_on("FORCE", NULL), .fix_modes = w->fix_modes || setting_on("FIXPERMS", NULL),
		.layer = FLAT_GZIP, .scratch = w->fetch.tmpdir ? w->fetch.tmpdir : setting("TMPDIR", NULL),
		.cancel_fd = -1,
	};
	const char *squash = w->mksquashfs ? w->mksquashfs : setting("MKSQUASHFS_ARGS", NULL);
	struct target t;

	if (build_target(w, &out, &t, err) < 0 || image_ref_parse(w->source, &source, err) < 0 ||
	    epoch_read(&opt.squash.epoch, err) < 0 || (squash && squash_words(squash, &opt.squash, err) < 0))
		return -1;
	opt.remake = squash != NULL;
	opt.squash.keep_owner = w->keep_owner;
	opt.keep_devices = w->keep_devices;
	opt.squash.keep_devices = geteuid() == 0 && source.scheme == REF_PATH;
	if (source.scheme == REF_DOCKER || source.scheme == REF_ORAS)
		return from_registry(w, &source, &t, &opt, err);
	return from_disk(w, &source, &t, &opt, err);
}
