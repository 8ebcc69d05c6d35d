/* SPDX-License-Identifier: BSD-3-Clause */
/* index.c - lists of manifests; see manifest.h. */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libimage/base/cleanup.h"
#include "libimage/base/err.h"
#include "libimage/oci/document.h"

static bool is_image(const struct oci_descriptor *d)
{
	enum oci_kind kind = oci_media_kind(d->media);

	return (kind == OCI_KIND_INDEX || kind == OCI_KIND_MANIFEST) && !d->attestation;
}

static int read_entries(const struct json *arr, struct oci_index *x, struct berth_err *err)
{
	size_t n = json_count(arr);

	if (!arr)
		return berth_fail(err, BERTH_EIMAGE, 0, "the index has no list of manifests");
	if (n > OCI_INDEX_MAX)
		return berth_fail(err, BERTH_EIMAGE, 0, "the index lists %zu images, more than %d", n,
				  OCI_INDEX_MAX);
	x->manifest = calloc(n + 1, sizeof(*x->manifest));
	if (!x->manifest)
		return berth_fail(err, BERTH_ESYS, ENOMEM, "cannot keep an index");
	for (size_t i = 0; i < n; i++) {
		struct oci_descriptor *d = &x->manifest[x->n++];
		const char *media;

		if (document_descriptor(json_at(arr, i), d, &media, err) < 0)
			return -1;
		if (is_image(d) && d->size > JSON_BYTES_MAX)
			return berth_fail(err, BERTH_EIMAGE, 0,
					  "the index lists a manifest larger than 4 MiB");
		/* others are there too: signatures, lists of packages */
		if (!is_image(d)) {
			free(d->name);
			*d = (struct oci_descriptor){ 0 };
			x->n--;
		}
	}
	return 0;
}

int oci_index_parse(const void *bytes, size_t n, const char *content_type, struct oci_index *ret,
		    struct berth_err *err)
{
	cleanup(json_freep) struct json *root = NULL;
	cleanup(oci_index_done) struct oci_index x = { 0 };
	const struct json *manifests;

	if (document_open(bytes, n, content_type, &root, &x.media, err) < 0)
		return -1;
	if (oci_media_kind(x.media) != OCI_KIND_INDEX)
		return berth_fail(err, BERTH_EIMAGE, 0, "an image stands where a list of images should");
	if (json_get_array(root, "manifests", &manifests, err) < 0 || read_entries(manifests, &x, err) < 0)
		return -1;
	*ret = x;
	x = (struct oci_index){ 0 };
	return 0;
}

void oci_index_done(struct oci_index *x)
{
	for (size_t i = 0; i < x->n; i++)
		free(x->manifest[i].name);
	free(x->manifest);
	*x = (struct oci_index){ 0 };
}

/* "linux/amd64, linux/arm64": as many as a hint holds. */
static void list_platforms(const struct oci_index *x, char *out, size_t size)
{
	size_t at = 0;

	out[0] = '\0';
	for (size_t i = 0; i < x->n; i++) {
		char text[PLATFORM_TEXT];
		int n;

		if (x->manifest[i].platform.architecture[0] == '\0')
			continue;
		oci_platform_format(&x->manifest[i].platform, text);
		if (strstr(out, text))
			continue;
		n = snprintf(out + at, size - at, "%s%s", at > 0 ? ", " : "", text);
		if (n < 0 || (size_t)n >= size - at) {
			out[at] = '\0';
			return;
		}
		at += (size_t)n;
	}
}

int oci_index_choose(const struct oci_index *x, const struct oci_platform *want,
		     const struct oci_descriptor **ret, struct berth_err *err)
{
	const struct oci_descriptor *best = NULL, *silent = NULL;
	unsigned int best_rank = 0, silent_n = 0;
	char text[PLATFORM_TEXT], there[150]; /* the rest of a hint is for its words */

	for (size_t i = 0; i < x->n; i++) {
		const struct oci_descriptor *d = &x->manifest[i];
		unsigned int rank = oci_platform_rank(want, &d->platform);

		if (d->platform.architecture[0] == '\0') {
			silent = d;
			silent_n++;
		} else if (rank > best_rank) {
			best = d;
			best_rank = rank;
		}
	}
	if (best || silent_n == 1) {
		*ret = best ? best : silent;
		return 0;
	}
	list_platforms(x, there, sizeof(there));
	berth_fail(err, BERTH_ENOTFOUND, 0, "there is no image for %s", oci_platform_format(want, text));
	return there[0] ? berth_hint(err, "there are: %s", there) : -1;
}

/* "a, b": the names in a layout. */
static void list_names(const struct oci_index *x, char *out, size_t size)
{
	size_t at = 0;

	out[0] = '\0';
	for (size_t i = 0; i < x->n; i++) {
		char shown[80]; /* names are tags, mostly */
		int n;

		if (!x->manifest[i].name)
			continue;
		str_escape(x->manifest[i].name, shown, sizeof(shown));
		n = snprintf(out + at, size - at, "%s%s", at > 0 ? ", " : "", shown);
		if (n < 0 || (size_t)n >= size - at) {
			out[at] = '\0';
			return;
		}
		at += (size_t)n;
	}
}

static bool same_name(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

int oci_index_select(const struct oci_index *x, const char *name, struct oci_index *ret,
		     struct berth_err *err)
{
	struct oci_index some = { .media = x->media, .manifest = calloc(x->n + 1, sizeof(*some.manifest)) };
	bool several = false;
	char there[150], shown[80]; /* the rest of a hint is for its words */

	if (!some.manifest)
		return berth_fail(err, BERTH_ESYS, ENOMEM, "cannot keep an index");
	for (size_t i = 0; i < x->n; i++) {
		if (name && !same_name(x->manifest[i].name, name))
			continue;
		if (some.n > 0 && !same_name(x->manifest[i].name, some.manifest[0].name))
			several = true;
		some.manifest[some.n++] = x->manifest[i];
	}
	if (some.n > 0 && !several) {
		*ret = some;
		return 0;
	}
	free(some.manifest);
	list_names(x, there, sizeof(there));
	if (several) {
		berth_fail(err, BERTH_EUSAGE, 0, "there are several images");
	} else if (name) {
		str_escape(name, shown, sizeof(shown));
		berth_fail(err, BERTH_ENOTFOUND, 0, "there is no image '%s'", shown);
	} else {
		berth_fail(err, BERTH_ENOTFOUND, 0, "there is no image");
	}
	return there[0] ? berth_hint(err, "name one after a colon; there are: %s", there) : -1;
}

int oci_index_format(const struct oci_index *x, struct strbuf *out, struct berth_err *err)
{
	struct json_out o = { .text = out };

	json_open(&o, '{');
	json_key(&o, "schemaVersion");
	json_put_u64(&o, 2);
	json_member(&o, "mediaType", oci_media_text(x->media));
	json_key(&o, "manifests");
	json_open(&o, '[');
	for (size_t i = 0; i < x->n; i++)
		document_put_descriptor(&o, &x->manifest[i]);
	json_close(&o, ']');
	json_close(&o, '}');
	return strbuf_ok(out) ? 0 : berth_fail(err, BERTH_ESYS, ENOMEM, "cannot write an index");
}
