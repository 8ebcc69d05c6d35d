/* SPDX-License-Identifier: BSD-3-Clause */
/* document.c - what manifests and indexes have in common; see manifest.h and document.h. */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "libimage/base/cleanup.h"
#include "libimage/base/err.h"
#include "libimage/oci/document.h"

int document_bad_media(const char *what, const char *text, struct berth_err *err)
{
	char shown[100]; /* the longest that are known have 70 */

	str_escape(text ? text : "", shown, sizeof(shown));
	return berth_fail(err, BERTH_EIMAGE, 0, "%s '%s'", what, shown);
}

/*
 * The form that goes with an index is "manifests", with a manifest "config" and "layers". What has
 * both would be the one to one program and the other to the next (CVE-2021-41190).
 */
static int check_form(const struct json *root, enum oci_kind kind, struct berth_err *err)
{
	bool index = json_has(root, "manifests");
	bool manifest = json_has(root, "layers") || json_has(root, "config");

	if (json_has(root, "fsLayers") || json_has(root, "history"))
		return berth_fail(err, BERTH_EIMAGE, 0, "the document has parts of Docker's schema 1");
	if (index && manifest)
		return berth_fail(err, BERTH_EIMAGE, 0, "the document is a manifest and an index at once");
	if (kind == OCI_KIND_INDEX ? !index : !manifest)
		return berth_fail(err, BERTH_EIMAGE, 0,
				  "the document is %s and has the form of something else",
				  kind == OCI_KIND_INDEX ? "an index" : "a manifest");
	return 0;
}

static int refuse_schema1(struct berth_err *err)
{
	berth_fail(err, BERTH_EIMAGE, 0, "the image has a manifest of Docker's schema 1");
	return berth_hint(err,
			  "this form was given up in 2016; push the image again with a Docker or Podman of "
			  "today");
}

static int check_version(const struct json *root, struct berth_err *err)
{
	uint64_t version = 0;

	if (json_get_u64(root, "schemaVersion", UINT32_MAX, &version, err) < 0)
		return -1;
	if (version == 1)
		return refuse_schema1(err);
	if (version != 2)
		return berth_fail(err, BERTH_EIMAGE, 0, "the document's 'schemaVersion' is not 2");
	return 0;
}

/* Which of two words counts, and that they agree. */
static int settle(const char *content_type, const char *own, enum oci_media *ret, struct berth_err *err)
{
	enum oci_media came = oci_media_find(content_type), is = oci_media_find(own);

	if (came == OCI_MEDIA_OTHER)
		return document_bad_media("not a manifest, but of the type", content_type, err);
	if (is == OCI_MEDIA_OTHER || is == OCI_MEDIA_JSON)
		return document_bad_media("not a manifest, but of the type", own, err);
	if (came == OCI_MEDIA_JSON)
		came = OCI_MEDIA_NONE;
	if (came != OCI_MEDIA_NONE && is != OCI_MEDIA_NONE && came != is) {
		document_bad_media("the registry calls the document something else than it calls itself,",
				   own, err);
		return berth_hint(err,
				  "so two programs might take it for two things; the registry or who pushed "
				  "the image is at fault");
	}
	*ret = is != OCI_MEDIA_NONE ? is : came;
	return 0;
}

int document_open(const void *bytes, size_t n, const char *content_type, struct json **ret_root,
		  enum oci_media *ret, struct berth_err *err)
{
	cleanup(json_freep) struct json *root = NULL;
	const char *own = NULL;
	enum oci_media media = OCI_MEDIA_NONE;
	enum oci_kind kind;

	if (json_parse(bytes, n, &root, err) < 0)
		return -1;
	if (!json_is_object(root))
		return berth_fail(err, BERTH_EIMAGE, 0, "the document is no object");
	if (check_version(root, err) < 0 || json_get_string(root, "mediaType", &own, err) < 0 ||
	    settle(content_type, own, &media, err) < 0)
		return -1;
	/* OCI 1.0 layouts: the form is all there is, and it says one thing or nothing. */
	if (media == OCI_MEDIA_NONE)
		media = json_has(root, "manifests") ? OCI_MEDIA_INDEX : OCI_MEDIA_MANIFEST;
	kind = oci_media_kind(media);
	if (kind == OCI_KIND_SCHEMA1)
		return refuse_schema1(err);
	if (kind != OCI_KIND_INDEX && kind != OCI_KIND_MANIFEST)
		return document_bad_media("not a manifest, but of the type", own ? own : content_type, err);
	if (check_form(root, kind, err) < 0)
		return -1;
	*ret = media;
	*ret_root = take_ptr(&root);
	return 0;
}

int oci_document_kind(const void *bytes, size_t n, const char *content_type, enum oci_media *ret,
		      struct berth_err *err)
{
	cleanup(json_freep) struct json *root = NULL;

	return document_open(bytes, n, content_type, &root, ret, err);
}

/* What docker's attestations, SBOMs and the like say of themselves. */
static int read_annotations(const struct json *obj, struct oci_descriptor *d, struct berth_err *err)
{
	static const char *const names[] = { "io.containerd.image.name",
					     "org.opencontainers.image.ref.name" };
	const struct json *notes;
	const char *type, *name;

	if (json_get_object(obj, "annotations", &notes, err) < 0)
		return -1;
	if (!notes)
		return 0;
	if (json_get_string(notes, "vnd.docker.reference.type", &type, err) < 0)
		return -1;
	if (type && strcmp(type, "attestation-manifest") == 0)
		d->attestation = true;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		if (json_get_string(notes, names[i], &name, err) < 0)
			return -1;
		if (!name || name[0] == '\0')
			continue;
		free(d->name);
		d->name = strdup(name);
		if (!d->name)
			return berth_fail(err, BERTH_ESYS, ENOMEM, "cannot keep an image's name");
	}
	return 0;
}

static int read_platform(const struct json *obj, struct oci_descriptor *d, struct berth_err *err)
{
	const struct json *p;
	const char *os, *architecture, *variant;

	if (json_get_object(obj, "platform", &p, err) < 0)
		return -1;
	if (!p)
		return 0;
	if (json_get_string(p, "os", &os, err) < 0 ||
	    json_get_string(p, "architecture", &architecture, err) < 0 ||
	    json_get_string(p, "variant", &variant, err) < 0)
		return -1;
	/* BuildKit's mark of what is no image, before it had a word for it */
	if (os && architecture && strcmp(os, "unknown") == 0 && strcmp(architecture, "unknown") == 0)
		d->attestation = true;
	return oci_platform_set(&d->platform, os, architecture, variant, err);
}

int document_descriptor(const struct json *obj, struct oci_descriptor *ret, const char **ret_media,
			struct berth_err *err)
{
	const char *digest;
	uint64_t size = UINT64_MAX;

	if (!json_is_object(obj))
		return berth_fail(err, BERTH_EIMAGE, 0, "a descriptor is no object");
	if (json_get_string(obj, "mediaType", ret_media, err) < 0 ||
	    json_get_string(obj, "digest", &digest, err) < 0 ||
	    json_get_u64(obj, "size", OCI_BLOB_MAX, &size, err) < 0)
		return -1;
	if (!digest || !*ret_media || size == UINT64_MAX)
		return berth_fail(err, BERTH_EIMAGE, 0, "a descriptor has no %s",
				  !digest ? "digest" : !*ret_media ? "media type" : "size");
	ret->media = oci_media_find(*ret_media);
	ret->size = size;
	if (digest_parse(digest, &ret->digest, err) < 0 || read_platform(obj, ret, err) < 0)
		return -1;
	return read_annotations(obj, ret, err);
}

void document_put_descriptor(struct json_out *o, const struct oci_descriptor *d)
{
	json_open(o, '{');
	json_member(o, "mediaType", oci_media_text(d->media));
	json_member(o, "digest", d->digest.text);
	json_key(o, "size");
	json_put_u64(o, d->size);
	if (d->platform.architecture[0]) {
		json_key(o, "platform");
		json_open(o, '{');
		json_member(o, "architecture", d->platform.architecture);
		json_member(o, "os", d->platform.os);
		json_member(o, "variant", d->platform.variant[0] ? d->platform.variant : NULL);
		json_close(o, '}');
	}
	if (d->name) {
		json_key(o, "annotations");
		json_open(o, '{');
		json_member(o, "org.opencontainers.image.ref.name", d->name);
		json_close(o, '}');
	}
	json_close(o, '}');
}
