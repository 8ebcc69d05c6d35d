/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * manifest.h - what an image consists of: a config and layers; and lists of such manifests.
 *
 * Runs as:  the user. Text only.
 * Promise:  what a document is was said by one word, and its form agrees with that (a document
 *           that could be read as a manifest and as an index is refused, CVE-2021-41190). Digests
 *           are checked text, sizes and counts bounded, all layers are of kinds that can be read.
 *
 * Both Docker's image manifest v2 schema 2 and OCI 1.0 and 1.1. Members we know nothing of do not
 * count; so neither do "urls": Berth fetches nothing from where a document says.
 */
#ifndef BERTH_MANIFEST_H
#define BERTH_MANIFEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "libimage/base/str.h"
#include "libimage/oci/media.h"
#include "libimage/oci/platform.h"
#include "libimage/ref/digest.h"

struct berth_err;

enum {
	OCI_LAYERS_MAX = 512,  /* LIMIT: overlayfs, and with it every other runtime, has fewer */
	OCI_INDEX_MAX = 2000,  /* LIMIT: an index of every platform has 30, a layout of many images more */
};
#define OCI_BLOB_MAX ((uint64_t)1 << 44) /* LIMIT: bytes; 16 TiB, more than one file of ext4 has */

struct oci_descriptor {
	enum oci_media media;
	struct digest digest;
	uint64_t size;
	struct oci_platform platform; /* of a manifest in an index; all "" if not said */
	bool attestation;	      /* says something about another manifest and is no image */
	char *name;		      /* what a layout or an archive calls the image; NULL: nothing */
};

struct oci_manifest {
	enum oci_media media;
	struct oci_descriptor config;
	struct oci_descriptor *layer; /* the lowest first */
	size_t nlayer;
};

struct oci_index {
	enum oci_media media;
	struct oci_descriptor *manifest;
	size_t n;
};

/*
 * What the document is: by 'content_type', which came with it (NULL: nothing came, it lies in a
 * layout), and by its own "mediaType", which must not say something else. *ret is of the kind
 * OCI_KIND_INDEX or OCI_KIND_MANIFEST.
 * Fails: BERTH_EIMAGE.
 */
int oci_document_kind(const void *bytes, size_t n, const char *content_type, enum oci_media *ret,
		      struct berth_err *err);

/* Parse a manifest. Fails: BERTH_EIMAGE; the hint says what to do about foreign layers and schema 1. */
int oci_manifest_parse(const void *bytes, size_t n, const char *content_type, struct oci_manifest *ret,
		       struct berth_err *err);
void oci_manifest_done(struct oci_manifest *m);

/* Is it a SIF file in a registry (oras://), one "layer" that is no tar? */
bool oci_manifest_is_sif(const struct oci_manifest *m);

/* Parse an index. Entries that are no images are left out, attestations too. Fails: BERTH_EIMAGE. */
int oci_index_parse(const void *bytes, size_t n, const char *content_type, struct oci_index *ret,
		    struct berth_err *err);
void oci_index_done(struct oci_index *x);

/*
 * The entry for 'want': of its OS and architecture and of the highest variant that is not above
 * its own, the first of several; else, if there is just one that says no platform, that one, whose
 * config then says. *ret is borrowed from 'x' and may itself be an index.
 * Fails: BERTH_ENOTFOUND; the hint lists the platforms that there are.
 */
int oci_index_choose(const struct oci_index *x, const struct oci_platform *want,
		     const struct oci_descriptor **ret, struct berth_err *err);

/*
 * The entries of a layout's index that are called 'name', or, with 'name' NULL, all, as an index
 * in its own right in *ret, to choose a platform from; it borrows from 'x' and ends with free(ret->manifest).
 * Fails: BERTH_ENOTFOUND none, BERTH_EUSAGE several images and no name; the hint lists the names.
 */
int oci_index_select(const struct oci_index *x, const char *name, struct oci_index *ret,
		     struct berth_err *err);

/*
 * Our own, deterministic: one line, no spaces. 'media' says in whose words, OCI's or Docker's; it
 * and every digest, size and media of the descriptors must be set. Fails: BERTH_ESYS no memory.
 */
int oci_manifest_format(const struct oci_manifest *m, struct strbuf *out, struct berth_err *err);
int oci_index_format(const struct oci_index *x, struct strbuf *out, struct berth_err *err);

#endif
