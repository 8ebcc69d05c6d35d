/* SPDX-License-Identifier: BSD-3-Clause */
/* manifest.c - what an image consists of; see manifest.h. */
#include "config.h"

#include <errno.h>
#include <stdlib.h>

#include "libimage/base/cleanup.h"
#include "libimage/base/err.h"
#include "libimage/oci/document.h"

static int read_layer(const struct json *obj, struct oci_descriptor *ret, struct berth_err *err)
{
	const char *media;

	if (document_descriptor(obj, ret, &media, err) < 0)
		return -1;
	switch (oci_media_kind(ret->media)) {
	case OCI_KIND_LAYER:
	case OCI_KIND_SIF:
		return 0;
	case OCI_KIND_FOREIGN:
		document_bad_media("the image has a layer that registries do not hold, of the type", media,
				   err);
		return berth_hint(err, "such layers are parts of Windows; Berth fetches none from elsewhere");
	case OCI_KIND_OTHER:
	case OCI_KIND_INDEX:
	case OCI_KIND_MANIFEST:
	case OCI_KIND_SCHEMA1:
	case OCI_KIND_CONFIG:
	case OCI_KIND_SIF_CONFIG:
		break;
	}
	document_bad_media("not an image: it has a part of the type", media, err);
	return berth_hint(err,
			  "registries hold other things than images as well: charts, signatures, models");
}

static int read_layers(const struct json *arr, struct oci_manifest *m, struct berth_err *err)
{
	size_t n = json_count(arr);

	if (!arr)
		return berth_fail(err, BERTH_EIMAGE, 0, "the manifest has no list of layers");
	if (n > OCI_LAYERS_MAX)
		return berth_fail(err, BERTH_EIMAGE, 0, "the image has %zu layers, more than %d", n,
				  OCI_LAYERS_MAX);
	m->layer = calloc(n + 1, sizeof(*m->layer));
	if (!m->layer)
		return berth_fail(err, BERTH_ESYS, ENOMEM, "cannot keep a manifest");
	for (m->nlayer = 0; m->nlayer < n;) {
		/* counted first, so that it is ended with the others */
		struct oci_descriptor *d = &m->layer[m->nlayer++];

		if (read_layer(json_at(arr, m->nlayer - 1), d, err) < 0)
			return -1;
	}
	return 0;
}

/* An image has a config that says so; a SIF file has something in its place. */
static int read_config(const struct json *obj, struct oci_manifest *m, struct berth_err *err)
{
	const char *media;
	enum oci_kind kind;

	if (document_descriptor(obj, &m->config, &media, err) < 0)
		return berth_context(err, "config");
	kind = oci_media_kind(m->config.media);
	if (m->config.size > JSON_BYTES_MAX)
		return berth_fail(err, BERTH_EIMAGE, 0, "the image's config is larger than 4 MiB");
	if (oci_manifest_is_sif(m) || kind == OCI_KIND_CONFIG)
		return 0;
	document_bad_media("not an image: its config is of the type", media, err);
	return berth_hint(err,
			  "registries hold other things than images as well: charts, signatures, models");
}

static int read_manifest(const struct json *root, struct oci_manifest *m, struct berth_err *err)
{
	const struct json *config, *layers;

	if (json_get_object(root, "config", &config, err) < 0 ||
	    json_get_array(root, "layers", &layers, err) < 0)
		return -1;
	if (read_layers(layers, m, err) < 0 || read_config(config, m, err) < 0)
		return -1;
	for (size_t i = 0; i < m->nlayer; i++)
		if (oci_media_kind(m->layer[i].media) == OCI_KIND_SIF && m->nlayer > 1)
			return berth_fail(err, BERTH_EIMAGE, 0, "a SIF file in a registry with other layers");
	return 0;
}

int oci_manifest_parse(const void *bytes, size_t n, const char *content_type, struct oci_manifest *ret,
		       struct berth_err *err)
{
	cleanup(json_freep) struct json *root = NULL;
	cleanup(oci_manifest_done) struct oci_manifest m = { 0 };

	if (document_open(bytes, n, content_type, &root, &m.media, err) < 0)
		return -1;
	if (oci_media_kind(m.media) != OCI_KIND_MANIFEST)
		return berth_fail(err, BERTH_EIMAGE, 0, "a list of images stands where an image should");
	if (read_manifest(root, &m, err) < 0)
		return -1;
	*ret = m;
	m = (struct oci_manifest){ 0 };
	return 0;
}

void oci_manifest_done(struct oci_manifest *m)
{
	for (size_t i = 0; i < m->nlayer; i++)
		free(m->layer[i].name);
	free(m->layer);
	free(m->config.name);
	*m = (struct oci_manifest){ 0 };
}

bool oci_manifest_is_sif(const struct oci_manifest *m)
{
	return m->nlayer == 1 && oci_media_kind(m->layer[0].media) == OCI_KIND_SIF;
}

int oci_manifest_format(const struct oci_manifest *m, struct strbuf *out, struct berth_err *err)
{
	struct json_out o = { .text = out };

	json_open(&o, '{');
	json_key(&o, "schemaVersion");
	json_put_u64(&o, 2);
	json_member(&o, "mediaType", oci_media_text(m->media));
	json_key(&o, "config");
	document_put_descriptor(&o, &m->config);
	json_key(&o, "layers");
	json_open(&o, '[');
	for (size_t i = 0; i < m->nlayer; i++)
		document_put_descriptor(&o, &m->layer[i]);
	json_close(&o, ']');
	json_close(&o, '}');
	return strbuf_ok(out) ? 0 : berth_fail(err, BERTH_ESYS, ENOMEM, "cannot write a manifest");
}
