/* SPDX-License-Identifier: BSD-3-Clause */
/* layer.c - one layer, from a blob into the flattening; see flat.h. */
#include "config.h"

#include "libimage/base/err.h"
#include "libimage/layer/flat_priv.h"
#include "libimage/layer/ring.h"
#include "libimage/layer/tar.h"

static int take_bytes(struct flat *f, struct tar *t, struct berth_err *err)
{
	const unsigned char *p;
	uint64_t zeros;
	size_t n;
	int rc;

	for (;;) {
		rc = tar_data(t, &p, &n, &zeros, err);
		if (rc < 0)
			return -1;
		if (rc == 0)
			return flat_end(f, err);
		if ((n > 0 && flat_data(f, p, n, err) < 0) || (zeros > 0 && flat_zeros(f, zeros, err) < 0))
			return -1;
	}
}

static int take_entries(struct flat *f, struct tar *t, struct berth_err *err)
{
	struct flat_entry e;
	int rc;

	for (;;) {
		rc = tar_next(t, &e, err);
		if (rc <= 0)
			return rc;
		rc = flat_enter(f, &e, err);
		if (rc < 0 || (rc == 1 && take_bytes(f, t, err) < 0))
			return -1;
	}
}

/* What follows the archive's end is only hashed. */
static int drain(struct ring *r, struct berth_err *err)
{
	const unsigned char *p;
	ssize_t n;

	do
		n = ring_next(r, &p, err);
	while (n > 0);
	return n < 0 ? -1 : 0;
}

static int read_once(struct flat *f, const struct flat_blob *blob, struct berth_err *err)
{
	struct tar_input in = { .more = ring_next };
	struct ring *r = NULL;
	struct tar *t;
	int rc;

	if (ring_new(blob, f->limits, f->counts.bytes, &r, err) < 0)
		return -1;
	in.arg = r;
	t = tar_new(&in);
	rc = t ? take_entries(f, t, err) : flat_nomem(err);
	tar_free(t);
	if (rc == 0)
		rc = drain(r, err);
	if (rc == 0 && !f->second)
		f->counts.bytes += ring_bytes(r);
	ring_free(r);
	return rc;
}

static int read_layer(struct flat *f, const struct flat_blob *blob, struct berth_err *err)
{
	int rc;

	if (flat_layer_begin(f, err) < 0 || read_once(f, blob, err) < 0)
		return -1;
	rc = flat_links_end(f, err);
	if (rc <= 0)
		return rc;
	if (!blob->again) {
		berth_fail(err, BERTH_EIMAGE, 0, "a hard link is to a file that was passed over");
		return berth_hint(err, "read the archive from a file instead of a pipe: it must be read twice");
	}
	if (blob->again(blob->source.arg, err) < 0)
		return -1;
	f->second = true;
	rc = read_once(f, blob, err);
	if (rc == 0)
		rc = flat_links_end(f, err);
	f->second = false;
	return rc;
}

int flat_layer(struct flat *f, const struct flat_blob *blob, struct berth_err *err)
{
	if (read_layer(f, blob, err) == 0)
		return 0;
	return blob->name ? berth_context(err, "%s", blob->name) : -1;
}
