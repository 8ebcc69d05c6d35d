/* SPDX-License-Identifier: BSD-3-Clause */
/* document.h - what manifests and indexes have in common. For manifest.c and index.c. */
#ifndef BERTH_DOCUMENT_H
#define BERTH_DOCUMENT_H

#include "libimage/oci/json.h"
#include "libimage/oci/manifest.h"

/* Parse, and settle what it is; see oci_document_kind(). */
int document_open(const void *bytes, size_t n, const char *content_type, struct json **ret_root,
		  enum oci_media *ret, struct berth_err *err);

/*
 * Read one descriptor; *ret_media is its type as it stands there. ret->name is the caller's to
 * free, also after failure.
 */
int document_descriptor(const struct json *obj, struct oci_descriptor *ret, const char **ret_media,
			struct berth_err *err);

void document_put_descriptor(struct json_out *o, const struct oci_descriptor *d);

/* "WHAT 'TEXT'", BERTH_EIMAGE. */
int document_bad_media(const char *what, const char *text, struct berth_err *err);

#endif
