/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * fuzz_ext.c - any bytes as an ext2, ext3 or ext4 file system: what is taken becomes a tree, what is not is
 * refused as the image's damage.
 *
 * An input is pieces of a file of 128 KiB that else is zeros: two bytes, where, and one, how long, both in
 * units of 16 bytes, and then the bytes.
 */
#include "config.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "libimage/base/err.h"
#include "libimage/build/ext.h"
#include "libimage/layer/flat.h"
#include "libimage/squash/scan.h"
#include "tests/fuzz/memfd.h"
#include "tests/fuzz/must.h"

enum { IMAGE_BYTES = 128 * 1024, UNIT = 16, HEAD = 3, FILE_BYTES = 1 << 20 };

struct sink {
	const struct tree_node *node;
	uint64_t due;
};

static int xattrs(void *arg, struct tree_node *node, const struct flat_xattr *v, size_t n, struct berth_err *err)
{
	(void)arg;
	(void)node;
	(void)err;
	for (size_t i = 0; i < n; i++)
		must(strncmp(v[i].name, "user.", 5) == 0 && (i == 0 || strcmp(v[i - 1].name, v[i].name) <= 0));
	return 0;
}

static int begin(void *arg, struct tree_node *node, struct berth_err *err)
{
	struct sink *s = arg;

	/* what a fuzzer has no time for */
	if (node->st.st_size > FILE_BYTES)
		return berth_fail(err, BERTH_EIMAGE, 0, "a file of many zeros");
	must(!s->node && S_ISREG(node->st.st_mode) && node->st.st_size >= 0);
	s->node = node;
	s->due = (uint64_t)node->st.st_size;
	return 0;
}

static int zeros(void *arg, uint64_t n, struct berth_err *err)
{
	struct sink *s = arg;

	(void)err;
	must(s->node && n <= s->due);
	s->due -= n;
	return 0;
}

static int bytes(void *arg, const void *buf, size_t n, struct berth_err *err)
{
	(void)buf;
	return zeros(arg, n, err);
}

static int end(void *arg, struct berth_err *err)
{
	struct sink *s = arg;

	(void)err;
	must(s->node && s->due == 0);
	s->node = NULL;
	return 0;
}

static int settle(void *arg, struct berth_err *err)
{
	(void)arg;
	(void)err;
	return 0;
}

static void drop(void *arg, struct tree_node *node)
{
	(void)arg;
	(void)node;
}

static void lay_out(const uint8_t *data, size_t n, uint8_t image[IMAGE_BYTES])
{
	memset(image, 0, IMAGE_BYTES);
	while (n > HEAD) {
		size_t at = ((size_t)data[0] | (size_t)data[1] << 8) * UNIT, len = (size_t)data[2] * UNIT;

		data += HEAD;
		n -= HEAD;
		len = len < n ? len : n;
		at %= IMAGE_BYTES;
		memcpy(image + at, data, len < IMAGE_BYTES - at ? len : IMAGE_BYTES - at);
		data += len;
		n -= len;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static uint8_t image[IMAGE_BYTES];
	struct flat_limits limits = FLAT_LIMITS_INIT;
	struct berth_err err = BERTH_ERR_INIT;
	struct sink s = { 0 };
	const struct flat_sink sink = {
		.arg = &s, .xattrs = xattrs, .begin = begin, .data = bytes, .zeros = zeros, .end = end,
		.settle = settle, .drop = drop,
	};
	struct tree tree = { 0 };
	struct flat *f = NULL;

	lay_out(data, n, image);
	must(flat_new(&sink, &limits, &f, &err) == 0);
	if (ext_feed(fuzz_file(image, sizeof(image)), 0, sizeof(image), f, &err) < 0 || flat_finish(f, &tree, &err) < 0)
		must(err.code == BERTH_EIMAGE && err.text[0] != '\0');
	(void)flat_free(f);
	tree_done(&tree, free);
	return 0;
}
