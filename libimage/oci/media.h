/* SPDX-License-Identifier: BSD-3-Clause */
/* media.h - the kinds of content that registries have, and what each is called. */
#ifndef BERTH_MEDIA_H
#define BERTH_MEDIA_H

#include <stdbool.h>

enum oci_media {
	OCI_MEDIA_NONE,	 /* nothing said what it is */
	OCI_MEDIA_OTHER, /* something we know nothing of */
	OCI_MEDIA_JSON,	 /* "application/json" and the like: says nothing */
	OCI_MEDIA_INDEX,
	OCI_MEDIA_MANIFEST,
	OCI_MEDIA_CONFIG,
	OCI_MEDIA_LAYER,
	OCI_MEDIA_LAYER_GZIP,
	OCI_MEDIA_LAYER_ZSTD,
	OCI_MEDIA_FOREIGN,
	OCI_MEDIA_FOREIGN_GZIP,
	OCI_MEDIA_FOREIGN_ZSTD,
	OCI_MEDIA_EMPTY,
	OCI_MEDIA_DOCKER_LIST,
	OCI_MEDIA_DOCKER_MANIFEST,
	OCI_MEDIA_DOCKER_SCHEMA1,
	OCI_MEDIA_DOCKER_CONFIG,
	OCI_MEDIA_DOCKER_LAYER,
	OCI_MEDIA_DOCKER_LAYER_GZIP,
	OCI_MEDIA_DOCKER_LAYER_ZSTD,
	OCI_MEDIA_DOCKER_FOREIGN,
	OCI_MEDIA_SIF,
	OCI_MEDIA_SIF_CONFIG,
	OCI_MEDIAS, /* how many there are */
};

enum oci_kind {
	OCI_KIND_OTHER,
	OCI_KIND_INDEX,	   /* a list of manifests */
	OCI_KIND_MANIFEST, /* a list of layers, and a config */
	OCI_KIND_SCHEMA1,  /* Docker's first form, of before 2016 */
	OCI_KIND_CONFIG,
	OCI_KIND_LAYER,
	OCI_KIND_FOREIGN,  /* a layer that registries do not have: of Windows */
	OCI_KIND_SIF,
	OCI_KIND_SIF_CONFIG, /* what stands where a config would */
};

enum oci_packing { OCI_PLAIN, OCI_GZIP, OCI_ZSTD };

/*
 * Of a document's "mediaType", or of a header's value, whose parameters ("; charset=utf-8") and
 * upper case do not count. NULL and "" are OCI_MEDIA_NONE.
 */
enum oci_media oci_media_find(const char *text);

/* Its name, the one we write; "" where there is none. */
const char *oci_media_text(enum oci_media m);

enum oci_kind oci_media_kind(enum oci_media m);
enum oci_packing oci_media_packing(enum oci_media m);

/* All that a request for a manifest accepts, as the value of its Accept header. */
const char *oci_media_accept(void);

#endif
