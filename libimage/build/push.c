/* SPDX-License-Identifier: BSD-3-Clause */
/* push.c - images to a registry; see push.h. */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "libimage/base/cleanup.h"
#include "libimage/base/err.h"
#include "libimage/base/fd.h"
#include "libimage/build/layout_out.h"
#include "libimage/build/push.h"
#include "libimage/ref/hasher.h"
#include "libimage/ref/image_ref.h"
#include "libimage/registry/registry.h"

enum { PIECE = 1 << 20 };

static int no_memory(struct berth_err *err)
{
	return berth_fail(err, BERTH_ESYS, ENOMEM, "cannot push an image");
}

static int push_text(struct registry *r, const struct oci_descriptor *d, const void *bytes, struct berth_err *err)
{
	cleanup_close int fd = fd_memfile("berth-push", bytes, (size_t)d->size);

	if (fd < 0)
		return berth_fail(err, BERTH_ESYS, errno, "cannot keep a document in memory");
	return registry_push_blob(r, &d->digest, fd, 0, d->size, NULL, err);
}

/* The manifest under its tag, or its digest; a digest that was named must be the one. */
static int push_manifest(struct registry *r, const struct image_ref *ref, const struct strbuf *text,
			 struct push_result *ret, struct berth_err *err)
{
	if (hasher_sum("sha256", text->text, text->len, &ret->manifest) < 0)
		return no_memory(err);
	if (digest_is_set(&ref->digest) && !digest_equal(&ref->digest, &ret->manifest))
		return berth_fail(err, BERTH_EUSAGE, 0, "the image's digest is %s, not the one that was named",
				  ret->manifest.text);
	return registry_push_manifest(r, ref->tag ? ref->tag : ret->manifest.text, text->text, text->len,
				      oci_media_text(OCI_MEDIA_MANIFEST), err);
}

static int sum_file(int fd, uint64_t size, struct digest *ret, struct berth_err *err)
{
	cleanup(hasher_freep) struct hasher *h = hasher_new("sha256");
	cleanup_free char *buf = malloc(PIECE);

	if (!h || !buf)
		return no_memory(err);
	for (uint64_t at = 0; at < size;) {
		size_t n = size - at < PIECE ? (size_t)(size - at) : PIECE;

		if (fd_pread_full(fd, buf, n, (off_t)at) < 0)
			return berth_fail(err, BERTH_ESYS, errno, "cannot read the image");
		hasher_add(h, buf, n);
		at += n;
	}
	return hasher_end(h, ret) < 0 ? no_memory(err) : 0;
}

int push_sif(const struct basis *b, const struct image_ref *ref, struct registry *r, struct push_result *ret,
	     struct berth_err *err)
{
	static const char config[] = "{}"; /* what Apptainer puts there */
	cleanup(strbuf_done) struct strbuf text = STRBUF_INIT;
	struct oci_descriptor layer = { .media = OCI_MEDIA_SIF, .size = b->file_size };
	struct oci_manifest m = {
		.media = OCI_MEDIA_MANIFEST, .layer = &layer, .nlayer = 1,
		.config = { .media = OCI_MEDIA_SIF_CONFIG, .size = sizeof(config) - 1 },
	};

	if (!b->sif) {
		berth_fail(err, BERTH_EUSAGE, 0, "'%s' is no SIF file, and oras:// holds these", b->path);
		return berth_hint(err, "make one: berth build IMAGE.sif SOURCE; or push to docker://");
	}
	if (hasher_sum("sha256", config, sizeof(config) - 1, &m.config.digest) < 0)
		return no_memory(err);
	if (sum_file(b->fd, layer.size, &layer.digest, err) < 0 || oci_manifest_format(&m, &text, err) < 0 ||
	    push_text(r, &m.config, config, err) < 0 ||
	    registry_push_blob(r, &layer.digest, b->fd, 0, layer.size, NULL, err) < 0)
		return -1;
	ret->bytes = layer.size;
	return push_manifest(r, ref, &text, ret, err);
}

int push_image(struct basis *b, const struct image_ref *ref, struct registry *r, const struct make_options *opt,
	       struct push_result *ret, struct berth_err *err)
{
	cleanup(image_parts_done) struct image_parts p = IMAGE_PARTS_INIT;
	cleanup(region_done) struct region region = REGION_INIT;
	struct make_options own = *opt;
	struct make_result res = { 0 };

	own.squash.keep_owner = true;
	own.squash.keep_devices = true;
	if (make_region(b, &own, &region, &res, err) < 0 || image_parts_make(b, &region, &own, &p, err) < 0 ||
	    registry_push_blob(r, &p.layer.digest, p.layer_fd, 0, p.layer.size, NULL, err) < 0 ||
	    push_text(r, &p.manifest.config, p.config_text.text, err) < 0)
		return -1;
	ret->bytes = p.layer.size;
	return push_manifest(r, ref, &p.text, ret, err);
}
