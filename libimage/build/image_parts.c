/* SPDX-License-Identifier: BSD-3-Clause */
/* image_parts.c - an image of one layer; see layout_out.h. */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "libimage/base/cleanup.h"
#include "libimage/base/err.h"
#include "libimage/build/layered.h"
#include "libimage/build/layout_out.h"
#include "libimage/build/scratch.h"
#include "libimage/build/tarball.h"
#include "libimage/ref/hasher.h"
#include "libimage/sif/sif.h"
#include "libimage/squash/walk.h"

static int no_memory(struct berth_err *err)
{
	return berth_fail(err, BERTH_ESYS, ENOMEM, "cannot keep an image's documents");
}

void image_parts_done(struct image_parts *p)
{
	cleanup_close_fn(&p->layer_fd);
	strbuf_done(&p->config_text);
	strbuf_done(&p->text);
}

/* ---- what the image says of itself --------------------------------------------------------------- */

static int set_arch(struct basis *o, const struct region *r, struct berth_err *err)
{
	struct oci_platform *p = &o->config.platform;
	const char *arch;

	if (p->architecture[0] != '\0')
		return 0;
	if (build_arch_of_squash(r->fd, r->at, r->size, &arch, err) < 0)
		return -1;
	return oci_platform_set(p, "linux", sif_arch_name(arch), NULL, err);
}

/* An image of no registry: what 'run' would start, with the environment that comes with it. */
static int set_command(struct basis *o, const struct region *r, struct berth_err *err)
{
	static const char *const programs[] = { SINGULARITY_D_ACTION, SINGULARITY_D_RUNSCRIPT };
	const char *program = NULL;
	char byte;

	for (size_t i = ARRAY_SIZE(programs); i-- > 0;) {
		ssize_t n = squash_file_head(r->fd, r->at, r->size, programs[i], &byte, 1, err);

		if (n < 0)
			return -1;
		if (n > 0)
			program = programs[i];
	}
	if (program)
		strlist_add(&o->config.entrypoint, program);
	else
		strlist_add(&o->config.cmd, "/bin/sh");
	strlist_add(&o->config.env, "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
	o->config.created_s = -1;
	return strlist_ok(&o->config.entrypoint) && strlist_ok(&o->config.cmd) && strlist_ok(&o->config.env)
		? 0 : no_memory(err);
}

static int make_config(struct basis *o, const struct region *r, const struct make_options *opt,
		       struct image_parts *p, struct berth_err *err)
{
	if (!o->has_config && set_command(o, r, err) < 0)
		return -1;
	o->has_config = true;
	if (set_arch(o, r, err) < 0)
		return -1;
	free(o->config.diff_id);
	o->config.ndiff = 0;
	o->config.diff_id = malloc(sizeof(*o->config.diff_id));
	if (!o->config.diff_id)
		return no_memory(err);
	o->config.diff_id[0] = p->diff;
	o->config.ndiff = 1;
	if (opt->squash.epoch >= 0)
		o->config.created_s = opt->squash.epoch;
	return oci_config_format(&o->config, &p->config_text, err);
}

/* ---- documents ----------------------------------------------------------------------------------- */

static int describe(const struct strbuf *text, enum oci_media media, struct oci_descriptor *ret, struct berth_err *err)
{
	*ret = (struct oci_descriptor){ .media = media, .size = text->len };
	return hasher_sum("sha256", text->text, text->len, &ret->digest) < 0 ? no_memory(err) : 0;
}

int image_parts_make(struct basis *o, const struct region *r, const struct make_options *opt,
		     struct image_parts *ret, struct berth_err *err)
{
	static const enum oci_media media[] = {
		[FLAT_PLAIN] = OCI_MEDIA_LAYER, [FLAT_GZIP] = OCI_MEDIA_LAYER_GZIP, [FLAT_ZSTD] = OCI_MEDIA_LAYER_ZSTD,
	};
	struct tarball_job job = { .fd = r->fd, .at = r->at, .size = r->size, .packing = opt->layer, .layer = true };
	struct tarball_result tr;

	ret->layer_fd = scratch_open(opt->scratch, err);
	job.out_fd = ret->layer_fd;
	if (ret->layer_fd < 0 || tarball_make(&job, opt->cancel_fd, &tr, err) < 0)
		return -1;
	ret->diff = tr.plain;
	ret->entries = tr.entries;
	ret->left_out = tr.sockets;
	if (make_config(o, r, opt, ret, err) < 0)
		return -1;
	ret->layer = (struct oci_descriptor){ .media = media[opt->layer], .digest = tr.packed, .size = tr.packed_bytes };
	ret->manifest = (struct oci_manifest){ .media = OCI_MEDIA_MANIFEST, .layer = &ret->layer, .nlayer = 1 };
	if (describe(&ret->config_text, OCI_MEDIA_CONFIG, &ret->manifest.config, err) < 0 ||
	    oci_manifest_format(&ret->manifest, &ret->text, err) < 0)
		return -1;
	return describe(&ret->text, OCI_MEDIA_MANIFEST, &ret->self, err);
}
