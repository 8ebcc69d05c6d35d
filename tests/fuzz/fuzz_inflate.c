/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * fuzz_inflate.c - any bytes, unpacked: what comes out does not depend on the pieces that go in or out, and
 * what is refused is refused as damage. A megabyte is enough.
 */
#include "config.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "libimage/base/err.h"
#include "libimage/layer/inflate.h"
#include "tests/fuzz/must.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

enum { ENOUGH = 1 << 20 };

struct feed {
	const uint8_t *p;
	size_t n, at, step;
};

static ssize_t feed_read(void *arg, void *buf, size_t n, struct berth_err *err)
{
	struct feed *f = arg;
	size_t part = f->n - f->at < n ? f->n - f->at : n;

	(void)err;
	part = part < f->step ? part : f->step;
	memcpy(buf, f->p + f->at, part);
	f->at += part;
	return (ssize_t)part;
}

/* The count of what came out, or -1. */
static ssize_t unpack(const uint8_t *data, size_t n, size_t in_step, size_t out_step, char *out)
{
	struct feed feed = { .p = data, .n = n, .step = in_step };
	const struct source source = { .arg = &feed, .read = feed_read };
	struct berth_err err = BERTH_ERR_INIT;
	struct inflate *z = NULL;
	size_t at = 0;
	ssize_t got = -1;

	if (inflate_new(&source, FLAT_ANY, &z, &err) == 0) {
		do {
			got = inflate_read(z, out + at, ENOUGH - at < out_step ? ENOUGH - at : out_step, &err);
			at += got > 0 ? (size_t)got : 0;
		} while (got > 0 && at < ENOUGH);
	}
	inflate_free(z);
	must(got >= 0 || err.code == BERTH_EIMAGE);
	return got < 0 ? -1 : (ssize_t)at;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static char one[ENOUGH], two[ENOUGH];
	ssize_t a = unpack(data, n, SIZE_MAX, ENOUGH, one);
	ssize_t b = unpack(data, n, 7, 4093, two);

	if (a == ENOUGH || b == ENOUGH)
		return 0; /* what comes behind was seen by one of them only */
	must(a == b);
	must(a <= 0 || memcmp(one, two, (size_t)a) == 0);
	return 0;
}
