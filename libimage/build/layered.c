/* SPDX-License-Identifier: BSD-3-Clause */
/* layered.c - an image of layers becomes a SIF file; see layered.h. */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "libimage/base/cleanup.h"
#include "libimage/base/err.h"
#include "libimage/base/str.h"
#include "libimage/build/layered.h"
#include "libimage/build/singularity_d.h"
#include "libimage/oci/image_config.h"
#include "libimage/sif/sif.h"

/* Changes whenever the same layers and options become other bytes than before. */
enum { LAYERED_VERSION = 2 };

/* What the SIF file is made of beside the layers. */
struct parts {
	struct singularity_d d;
	struct convert_extra extra[SINGULARITY_D_ENTRIES];
	struct strbuf inspect, config;
	struct convert_object object[3];
	size_t nextra, nobject;
};

static void parts_done(struct parts *p)
{
	singularity_d_done(&p->d);
	strbuf_done(&p->inspect);
	strbuf_done(&p->config);
}

void layered_how(const struct layered_options *opt, char out[LAYERED_HOW_SIZE])
{
	const struct squash_write_options *s = &opt->squash;

	(void)snprintf(out, LAYERED_HOW_SIZE, "%d;%s;%d-%u;%lld;%d%d", LAYERED_VERSION, opt->bare ? "bare" : "sif",
		       (int)s->compressor, s->level, (long long)s->epoch, s->keep_owner, s->keep_devices);
}

enum flat_packing layered_packing(enum oci_media media)
{
	static const enum flat_packing packings[] = {
		[OCI_PLAIN] = FLAT_PLAIN, [OCI_GZIP] = FLAT_GZIP, [OCI_ZSTD] = FLAT_ZSTD,
	};

	return packings[oci_media_packing(media)];
}

static void take_entries(struct parts *p)
{
	static const mode_t types[] = {
		[SINGULARITY_D_DIR] = S_IFDIR, [SINGULARITY_D_FILE] = S_IFREG, [SINGULARITY_D_LINK] = S_IFLNK,
	};

	for (size_t i = 0; i < p->d.n; i++) {
		const struct singularity_d_entry *e = &p->d.v[i];

		p->extra[i] = (struct convert_extra){
			.path = e->path, .mode = types[e->kind] | e->mode, .text = e->text, .n = e->len,
			.below = e->if_missing,
		};
	}
}

/*
 * Is it a SIF image that was made an image of layers (image_parts.c)? Then its own /.singularity.d is among
 * the files, and one that started what the config says would start itself.
 */
static bool is_at_home(const struct oci_config *c)
{
	return c->entrypoint.n == 1 && c->cmd.n == 0 && (strcmp(c->entrypoint.v[0], SINGULARITY_D_ACTION) == 0 ||
							 strcmp(c->entrypoint.v[0], SINGULARITY_D_RUNSCRIPT) == 0);
}

static int make_parts(const struct layered *image, const struct layered_options *opt, struct parts *p,
		      struct berth_err *err)
{
	const struct oci_config *c = image->config;
	struct singularity_d_source src = {
		.config = c, .bootstrap = image->bootstrap, .from = image->from,
		.arch = c->platform.architecture,
		/* of the image's own making, or the same manifest would be another file each time */
		.built_s = opt->squash.epoch >= 0 ? opt->squash.epoch : c->created_s,
	};

	if (oci_config_format_run(c, &p->config, err) < 0)
		return -1;
	if (is_at_home(c)) {
		p->object[p->nobject++] = (struct convert_object){
			SIF_JSON, "oci-config.json", p->config.text, p->config.len,
		};
		return 0;
	}
	if (singularity_d_make(&src, &p->d, err) < 0 || singularity_d_inspect(&p->d, &p->inspect, err) < 0)
		return -1;
	take_entries(p);
	p->object[0] = (struct convert_object){ SIF_DEFFILE, "", p->d.deffile.text, p->d.deffile.len };
	p->object[1] = (struct convert_object){ SIF_JSON, "inspect-metadata.json", p->inspect.text, p->inspect.len };
	p->object[2] = (struct convert_object){ SIF_JSON, "oci-config.json", p->config.text, p->config.len };
	p->nobject = ARRAY_SIZE(p->object);
	p->nextra = p->d.n;
	return 0;
}

int layered_start(struct cell *c, const struct layered *image, int out_fd, const struct layered_options *opt,
		  struct berth_err *err)
{
	cleanup(parts_done) struct parts p = { 0 };
	struct convert_job job = {
		.out_fd = out_fd, .layer = image->layer, .nlayer = image->nlayer, .squash = opt->squash,
		.bare = opt->bare,
	};

	if (make_parts(image, opt, &p, err) < 0)
		return -1;
	job.extra = p.extra;
	job.nextra = p.nextra;
	job.object = p.object;
	job.nobject = p.nobject;
	job.arch = sif_arch_code(image->config->platform.architecture);
	if (!job.arch && !opt->bare && image->config->platform.architecture[0] != '\0')
		return berth_fail(err, BERTH_EIMAGE, 0, "the image is for a machine that SIF has no word for: %s",
				  image->config->platform.architecture);
	return convert_start(c, &job, err);
}

int layered_end(struct cell *c, int cancel_fd, struct convert_result *ret, struct berth_err *err)
{
	return convert_end(c, cancel_fd, ret, err);
}
