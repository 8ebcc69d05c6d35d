/* SPDX-License-Identifier: BSD-3-Clause */
/* basis_layout.c - images of layers that lie on disk; see basis.h. */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libimage/base/cleanup.h"
#include "libimage/base/err.h"
#include "libimage/build/layered.h"
#include "libimage/build/basis_layout.h"
#include "libimage/oci/docker_archive.h"
#include "libimage/oci/json.h"
#include "libimage/oci/manifest.h"
#include "libimage/ref/hasher.h"
#include "libimage/ref/image_ref.h"

enum { INDEX_DEPTH_MAX = 3 }; /* LIMIT: a layout's own, one of an image's platforms, one within that */

static int no_memory(struct berth_err *err)
{
	return berth_fail(err, BERTH_ESYS, ENOMEM, "cannot keep what is in a layout");
}

/* "blobs/sha256/<hex>"; the digest's text was checked. */
static void blob_name(const struct digest *d, char out[OCI_MEMBER_MAX])
{
	(void)snprintf(out, OCI_MEMBER_MAX, "blobs/%.*s/%s", (int)strcspn(d->text, ":"), d->text, digest_hex(d));
}

static int read_blob(struct members *m, const struct oci_descriptor *d, struct strbuf *ret, struct berth_err *err)
{
	char name[OCI_MEMBER_MAX];
	struct digest sum;

	blob_name(&d->digest, name);
	if (members_read(m, name, JSON_BYTES_MAX, ret, err) < 0)
		return -1;
	if (hasher_sum(d->digest.text, ret->text, ret->len, &sum) < 0)
		return no_memory(err);
	if (!digest_equal(&sum, &d->digest) || ret->len != d->size)
		return berth_fail(err, BERTH_EIMAGE, 0, "'%s' is damaged: it is not what its digest says", name);
	return 0;
}

/* Room for 'n' layers. */
static int layers_new(struct basis *o, size_t n, struct berth_err *err)
{
	o->layer = calloc(n + 1, sizeof(*o->layer));
	o->layer_name = calloc(n + 1, sizeof(*o->layer_name));
	return o->layer && o->layer_name ? 0 : no_memory(err);
}

static int add_layer(struct basis *o, const char *member, enum flat_packing packing, size_t n, struct berth_err *err)
{
	size_t i = o->nlayer;
	struct member at;

	if (members_find(o->members, member, &at, err) < 0)
		return -1;
	(void)snprintf(o->layer_name[i], sizeof(o->layer_name[i]), "layer %zu of %zu", i + 1, n);
	o->layer[i] = (struct convert_layer){
		.fd = at.fd, .at = at.at, .size = at.size, .packing = packing,
		.diff_id = &o->config.diff_id[i], .name = o->layer_name[i],
	};
	o->nlayer++;
	return 0;
}

static int set_from(struct basis *o, const struct image_ref *ref, const char *bootstrap, struct berth_err *err)
{
	cleanup(strbuf_done) struct strbuf text = STRBUF_INIT;

	strbuf_printf(&text, "%s%s%s", ref->path, ref->name ? ":" : "", ref->name ? ref->name : "");
	if (!strbuf_ok(&text))
		return no_memory(err);
	o->bootstrap = bootstrap;
	o->from = take_ptr(&text.text);
	return 0;
}

/* ---- OCI --------------------------------------------------------------------------------------- */

/* The descriptor of the manifest that is wanted, step by step down from the layout's index. */
static int choose(struct basis *o, const char *name, const struct oci_platform *want, struct oci_descriptor *ret,
		  struct berth_err *err)
{
	for (int depth = 0; depth < INDEX_DEPTH_MAX; depth++) {
		cleanup(strbuf_done) struct strbuf text = STRBUF_INIT;
		const struct oci_descriptor *chosen = NULL;
		struct oci_index index = { 0 }, some = { 0 };
		int rc = depth == 0 ? members_read(o->members, "index.json", JSON_BYTES_MAX, &text, err)
				    : read_blob(o->members, ret, &text, err);

		if (rc == 0)
			rc = oci_index_parse(text.text, text.len, NULL, &index, err);
		if (rc == 0 && depth == 0)
			rc = oci_index_select(&index, name, &some, err);
		if (rc == 0)
			rc = oci_index_choose(depth == 0 ? &some : &index, want, &chosen, err);
		if (rc == 0) {
			*ret = *chosen;
			ret->name = NULL;
		}
		free(some.manifest);
		oci_index_done(&index);
		if (rc < 0)
			return -1;
		if (oci_media_kind(ret->media) != OCI_KIND_INDEX)
			return 0;
	}
	return berth_fail(err, BERTH_EIMAGE, 0, "the layout's indexes lead to each other and to no image");
}

static int read_manifest(struct basis *o, const struct oci_manifest *m, struct berth_err *err)
{
	cleanup(strbuf_done) struct strbuf text = STRBUF_INIT;
	char name[OCI_MEMBER_MAX];

	if (oci_manifest_is_sif(m))
		return berth_fail(err, BERTH_EUSAGE, 0, "that is a SIF file in a layout, not an image of layers");
	if (read_blob(o->members, &m->config, &text, err) < 0 ||
	    oci_config_parse(text.text, text.len, m->nlayer, &o->config, err) < 0)
		return -1;
	o->has_config = true;
	if (layers_new(o, m->nlayer, err) < 0)
		return -1;
	for (size_t i = 0; i < m->nlayer; i++) {
		blob_name(&m->layer[i].digest, name);
		if (add_layer(o, name, layered_packing(m->layer[i].media), m->nlayer, err) < 0)
			return -1;
	}
	return 0;
}

static int want_platform(const struct basis_options *opt, struct oci_platform *ret, struct berth_err *err)
{
	if (opt->platform)
		return oci_platform_parse(opt->platform, ret, err);
	oci_platform_host(ret);
	return 0;
}

int basis_oci(const struct image_ref *ref, const struct basis_options *opt, struct basis *ret,
	       struct berth_err *err)
{
	cleanup(strbuf_done) struct strbuf layout = STRBUF_INIT, text = STRBUF_INIT;
	struct oci_descriptor d = { 0 };
	struct oci_manifest m = { 0 };
	struct oci_platform want;
	int rc;

	if (members_read(ret->members, "oci-layout", JSON_BYTES_MAX, &layout, err) < 0 ||
	    oci_layout_check(layout.text, layout.len, err) < 0 || want_platform(opt, &want, err) < 0 ||
	    choose(ret, ref->name, &want, &d, err) < 0 || read_blob(ret->members, &d, &text, err) < 0)
		return -1;
	rc = oci_manifest_parse(text.text, text.len, NULL, &m, err);
	if (rc == 0)
		rc = read_manifest(ret, &m, err);
	oci_manifest_done(&m);
	return rc < 0 ? -1 : set_from(ret, ref, ref->scheme == REF_OCI ? "oci" : "oci-archive", err);
}

/* ---- Docker ------------------------------------------------------------------------------------ */

static int read_docker(struct basis *o, const struct docker_archive_image *image, struct berth_err *err)
{
	cleanup(strbuf_done) struct strbuf text = STRBUF_INIT;

	if (members_read(o->members, image->config, JSON_BYTES_MAX, &text, err) < 0 ||
	    oci_config_parse(text.text, text.len, image->layers.n, &o->config, err) < 0)
		return -1;
	o->has_config = true;
	if (layers_new(o, image->layers.n, err) < 0)
		return -1;
	for (size_t i = 0; i < image->layers.n; i++)
		if (add_layer(o, image->layers.v[i], FLAT_ANY, image->layers.n, err) < 0)
			return -1;
	return 0;
}

int basis_docker(const struct image_ref *ref, const struct basis_options *opt, struct basis *ret,
		  struct berth_err *err)
{
	cleanup(strbuf_done) struct strbuf text = STRBUF_INIT;
	const struct docker_archive_image *image;
	struct docker_archive a = { 0 };
	int rc;

	(void)opt; /* such an archive says of no image for which machine it is, before its config is read */
	if (members_read(ret->members, "manifest.json", JSON_BYTES_MAX, &text, err) < 0)
		return -1;
	rc = docker_archive_parse(text.text, text.len, &a, err);
	if (rc == 0)
		rc = docker_archive_choose(&a, ref->name ? ref : NULL, &image, err);
	if (rc == 0)
		rc = read_docker(ret, image, err);
	docker_archive_done(&a);
	return rc < 0 ? -1 : set_from(ret, ref, "docker-archive", err);
}
