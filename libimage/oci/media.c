/* SPDX-License-Identifier: BSD-3-Clause */
/* media.c - the kinds of content that registries have; see media.h. */
#include "config.h"

#include <string.h>
#include <strings.h>

#include "libimage/base/cleanup.h"
#include "libimage/oci/media.h"

#define OCI    "application/vnd.oci."
#define DOCKER "application/vnd.docker."
#define SYLABS "application/vnd.sylabs.sif."

/* The first row of each is the name that we write. */
static const struct row {
	enum oci_media media;
	enum oci_kind kind;
	enum oci_packing packing;
	const char *text;
} rows[] = {
	{ OCI_MEDIA_INDEX, OCI_KIND_INDEX, OCI_PLAIN, OCI "image.index.v1+json" },
	{ OCI_MEDIA_MANIFEST, OCI_KIND_MANIFEST, OCI_PLAIN, OCI "image.manifest.v1+json" },
	{ OCI_MEDIA_CONFIG, OCI_KIND_CONFIG, OCI_PLAIN, OCI "image.config.v1+json" },
	{ OCI_MEDIA_LAYER, OCI_KIND_LAYER, OCI_PLAIN, OCI "image.layer.v1.tar" },
	{ OCI_MEDIA_LAYER_GZIP, OCI_KIND_LAYER, OCI_GZIP, OCI "image.layer.v1.tar+gzip" },
	{ OCI_MEDIA_LAYER_ZSTD, OCI_KIND_LAYER, OCI_ZSTD, OCI "image.layer.v1.tar+zstd" },
	{ OCI_MEDIA_FOREIGN, OCI_KIND_FOREIGN, OCI_PLAIN, OCI "image.layer.nondistributable.v1.tar" },
	{ OCI_MEDIA_FOREIGN_GZIP, OCI_KIND_FOREIGN, OCI_GZIP,
	  OCI "image.layer.nondistributable.v1.tar+gzip" },
	{ OCI_MEDIA_FOREIGN_ZSTD, OCI_KIND_FOREIGN, OCI_ZSTD,
	  OCI "image.layer.nondistributable.v1.tar+zstd" },
	{ OCI_MEDIA_EMPTY, OCI_KIND_SIF_CONFIG, OCI_PLAIN, OCI "empty.v1+json" },
	{ OCI_MEDIA_DOCKER_LIST, OCI_KIND_INDEX, OCI_PLAIN, DOCKER "distribution.manifest.list.v2+json" },
	{ OCI_MEDIA_DOCKER_MANIFEST, OCI_KIND_MANIFEST, OCI_PLAIN, DOCKER "distribution.manifest.v2+json" },
	{ OCI_MEDIA_DOCKER_SCHEMA1, OCI_KIND_SCHEMA1, OCI_PLAIN,
	  DOCKER "distribution.manifest.v1+prettyjws" },
	{ OCI_MEDIA_DOCKER_SCHEMA1, OCI_KIND_SCHEMA1, OCI_PLAIN, DOCKER "distribution.manifest.v1+json" },
	{ OCI_MEDIA_DOCKER_CONFIG, OCI_KIND_CONFIG, OCI_PLAIN, DOCKER "container.image.v1+json" },
	{ OCI_MEDIA_DOCKER_LAYER, OCI_KIND_LAYER, OCI_PLAIN, DOCKER "image.rootfs.diff.tar" },
	{ OCI_MEDIA_DOCKER_LAYER_GZIP, OCI_KIND_LAYER, OCI_GZIP, DOCKER "image.rootfs.diff.tar.gzip" },
	{ OCI_MEDIA_DOCKER_LAYER_ZSTD, OCI_KIND_LAYER, OCI_ZSTD, DOCKER "image.rootfs.diff.tar.zstd" },
	{ OCI_MEDIA_DOCKER_FOREIGN, OCI_KIND_FOREIGN, OCI_GZIP, DOCKER "image.rootfs.foreign.diff.tar.gzip" },
	{ OCI_MEDIA_DOCKER_FOREIGN, OCI_KIND_FOREIGN, OCI_PLAIN, DOCKER "image.rootfs.foreign.diff.tar" },
	{ OCI_MEDIA_SIF, OCI_KIND_SIF, OCI_PLAIN, SYLABS "layer.v1.sif" },
	/* as Singularity 3.0 to 3.2 wrote it */
	{ OCI_MEDIA_SIF, OCI_KIND_SIF, OCI_PLAIN, "appliciation/vnd.sylabs.sif.layer.tar" },
	{ OCI_MEDIA_SIF_CONFIG, OCI_KIND_SIF_CONFIG, OCI_PLAIN, SYLABS "config.v1+json" },
	{ OCI_MEDIA_SIF_CONFIG, OCI_KIND_SIF_CONFIG, OCI_PLAIN, SYLABS "config.v1" },
	{ OCI_MEDIA_JSON, OCI_KIND_OTHER, OCI_PLAIN, "application/json" },
	{ OCI_MEDIA_JSON, OCI_KIND_OTHER, OCI_PLAIN, "application/octet-stream" },
	{ OCI_MEDIA_JSON, OCI_KIND_OTHER, OCI_PLAIN, "text/plain" },
};

enum oci_media oci_media_find(const char *text)
{
	size_t n;

	if (!text)
		return OCI_MEDIA_NONE;
	text += strspn(text, " \t");
	n = strcspn(text, " \t;\r\n");
	if (n == 0)
		return OCI_MEDIA_NONE;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (strlen(rows[i].text) == n && strncasecmp(rows[i].text, text, n) == 0)
			return rows[i].media;
	return OCI_MEDIA_OTHER;
}

static const struct row *row_of(enum oci_media m)
{
	static const struct row none = { OCI_MEDIA_NONE, OCI_KIND_OTHER, OCI_PLAIN, "" };

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (rows[i].media == m)
			return &rows[i];
	return &none;
}

const char *oci_media_text(enum oci_media m)
{
	return row_of(m)->text;
}

enum oci_kind oci_media_kind(enum oci_media m)
{
	return row_of(m)->kind;
}

enum oci_packing oci_media_packing(enum oci_media m)
{
	return row_of(m)->packing;
}

const char *oci_media_accept(void)
{
	/* What we prefer comes first; schema 1 is not asked for, so a registry that has others gives one. */
	return OCI "image.index.v1+json, " OCI "image.manifest.v1+json, " DOCKER
		   "distribution.manifest.list.v2+json, " DOCKER "distribution.manifest.v2+json";
}
