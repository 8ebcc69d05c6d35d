/* SPDX-License-Identifier: BSD-3-Clause */
/* oras.c - a SIF file from a registry; see push.h. */
#include "config.h"

#include <errno.h>
#include <unistd.h>

#include "libimage/base/cleanup.h"
#include "libimage/base/err.h"
#include "libimage/base/fd.h"
#include "libimage/build/push.h"
#include "libimage/oci/manifest.h"
#include "libimage/ref/hasher.h"
#include "libimage/ref/image_ref.h"
#include "libimage/registry/registry.h"

struct coming {
	int fd;
	struct hasher *hasher;
	const struct oci_descriptor *layer;
	uint64_t done;
	void (*come)(void *arg, const struct digest *layer, uint64_t done, uint64_t total);
	void *arg;
};

static int no_memory(struct berth_err *err)
{
	return berth_fail(err, BERTH_ESYS, ENOMEM, "cannot pull a SIF file");
}

static int take(void *arg, const void *bytes, size_t n, struct berth_err *err)
{
	struct coming *c = arg;

	if (fd_write_full(c->fd, bytes, n) < 0)
		return berth_fail(err, BERTH_ESYS, errno, "cannot write the image");
	hasher_add(c->hasher, bytes, n);
	c->done += n;
	if (c->come)
		c->come(c->arg, &c->layer->digest, c->done, c->layer->size);
	return 0;
}

static int restart(void *arg, struct berth_err *err)
{
	struct coming *c = arg;

	hasher_freep(&c->hasher);
	c->hasher = hasher_new(c->layer->digest.text);
	c->done = 0;
	if (!c->hasher)
		return no_memory(err);
	if (ftruncate(c->fd, 0) < 0 || lseek(c->fd, 0, SEEK_SET) < 0)
		return berth_fail(err, BERTH_ESYS, errno, "cannot write the image");
	return 0;
}

static int fetch_layer(struct registry *r, struct coming *c, struct berth_err *err)
{
	struct registry_job job = {
		.digest = c->layer->digest, .size = c->layer->size, .data = take, .restart = restart, .arg = c,
	};
	struct digest is;

	if (registry_fetch(r, &job, 1, err) < 0)
		return -1;
	if (hasher_end(c->hasher, &is) < 0)
		return no_memory(err);
	if (!digest_equal(&is, &c->layer->digest))
		return berth_fail(err, BERTH_EIMAGE, 0, "what came is not what its digest says");
	return 0;
}

int oras_fetch(const struct image_ref *ref, struct registry *r, int out_fd,
	       void (*come)(void *arg, const struct digest *layer, uint64_t done, uint64_t total), void *arg,
	       struct push_result *ret, struct berth_err *err)
{
	struct coming c = { .fd = out_fd, .come = come, .arg = arg };
	struct registry_doc doc = { 0 };
	struct oci_manifest m = { 0 };
	int rc = registry_manifest(r, digest_is_set(&ref->digest) ? ref->digest.text : ref->tag, &doc, err);

	if (rc == 0)
		rc = oci_manifest_parse(doc.bytes.text, doc.bytes.len, doc.type, &m, err);
	if (rc == 0 && !oci_manifest_is_sif(&m)) {
		rc = berth_fail(err, BERTH_EUSAGE, 0, "that is no SIF file, but an image of layers");
		(void)berth_hint(err, "its name begins with docker://");
	}
	if (rc == 0) {
		c.layer = &m.layer[0];
		c.hasher = hasher_new(c.layer->digest.text);
		rc = c.hasher ? fetch_layer(r, &c, err) : no_memory(err);
		hasher_freep(&c.hasher);
		ret->bytes = m.layer[0].size;
		ret->manifest = doc.digest;
	}
	oci_manifest_done(&m);
	registry_doc_done(&doc);
	return rc;
}
