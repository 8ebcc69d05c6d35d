/* SPDX-License-Identifier: BSD-3-Clause */
/* mutate_imgfs.c - fuzz_imgfs's inputs: requests and an image, each changed in its own way. */
#include "config.h"

#include <linux/fuse.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/imgfs_input.h"
#include "tests/fuzz/model.h"
#include "tests/fuzz/mutate.h"

enum { REQS_MAX = 2000 }; /* LIMIT: bytes of requests */

static void new_request(uint8_t *p)
{
	static const uint8_t ops[] = {
		FUSE_LOOKUP, FUSE_LOOKUP, FUSE_LOOKUP, FUSE_GETATTR, FUSE_READLINK, FUSE_READ, FUSE_READ,
		FUSE_READ, FUSE_READDIR, FUSE_READDIRPLUS, FUSE_READDIRPLUS, FUSE_GETXATTR, FUSE_LISTXATTR,
		FUSE_STATFS, FUSE_IOCTL, FUSE_INIT, FUSE_FORGET, FUSE_BATCH_FORGET, FUSE_OPEN, FUSE_INTERRUPT,
	};

	p[REQ_OP] = rnd(16) ? ops[rnd(sizeof(ops))] : (uint8_t)rnd(256);
	p[REQ_NODE] = (uint8_t)(rnd(8) ? rnd(64) : rnd(256));
	p[REQ_FLAGS] = (uint8_t)(rnd(8) ? 0 : rnd(16));
	p[REQ_NAME] = 0;
	put(p + REQ_SIZE, rnd(3) ? rnd(1 << (4 + rnd(15))) : rnd_odd(4096, 4), 4);
	put(p + REQ_OFFSET, rnd(3) ? rnd(5) * (rnd(2) ? 4096 : 1) : rnd_odd(4096, 8), 8);
}

static size_t add_request(uint8_t *p, size_t n)
{
	static const char *const names[] = {
		"m", "a", "d", "mnt", "etc", "user.x", "user.u", "trusted.overlay.opaque", ".wh.a", "..", ".", "",
		"wh",
	};
	const char *name = rnd(2) ? names[rnd(sizeof(names) / sizeof(names[0]))] : "";
	uint8_t one[REQ_BYTES];
	size_t len = strlen(name), at = 0, left = rnd(8);

	if (n + REQ_BYTES + len > REQS_MAX)
		return n;
	while (left > 0 && n - at >= REQ_BYTES + (size_t)p[at + REQ_NAME]) {
		at += REQ_BYTES + (size_t)p[at + REQ_NAME];
		left--;
		if (n - at < REQ_BYTES)
			break;
	}
	new_request(one);
	one[REQ_NAME] = (uint8_t)len;
	memmove(p + at + REQ_BYTES + len, p + at, n - at);
	memcpy(p + at, one, REQ_BYTES);
	if (len > 0)
		memcpy(p + at + REQ_BYTES, name, len);
	return n + REQ_BYTES + len;
}

/* 'p' has room for REQS_MAX. */
static size_t change_requests(uint8_t *p, size_t n)
{
	size_t at = n >= REQ_BYTES ? rnd(n - REQ_BYTES + 1) : 0, cut;

	switch (rnd(5)) {
	case 0:
	case 1:
		return add_request(p, n);
	case 2:
		cut = rnd(n - at + 1);
		memmove(p + at, p + at + cut, n - at - cut);
		return n - cut;
	case 3:
		if (n > 0)
			p[at] = (uint8_t)rnd_odd(p[at], 1);
		return n;
	default:
		return fuzz_bytes(p, n, REQS_MAX);
	}
}

size_t fuzz_mutate(uint8_t *data, size_t n, size_t max, uint32_t seed)
{
	static uint8_t reqs[REQS_MAX];
	size_t len, image;

	rnd_seed(seed);
	if (n < INPUT_HEAD || max < INPUT_HEAD)
		return fuzz_bytes(data, n, max);
	len = get16(data);
	if (len > n - INPUT_HEAD)
		len = n - INPUT_HEAD;
	image = n - INPUT_HEAD - len;
	if (len > REQS_MAX)
		len = REQS_MAX;
	memcpy(reqs, data + INPUT_HEAD, len);
	memmove(data + INPUT_HEAD, data + n - image, image);
	if (rnd(4))
		image = squash_mutate(data + INPUT_HEAD, image, max - INPUT_HEAD);
	for (uint64_t times = rnd(4); times > 0; times--)
		len = change_requests(reqs, len);
	if (len > max - INPUT_HEAD - image)
		len = max - INPUT_HEAD - image;
	memmove(data + INPUT_HEAD + len, data + INPUT_HEAD, image);
	memcpy(data + INPUT_HEAD, reqs, len);
	put(data, len, 2);
	if (rnd(6) == 0)
		data[2] = (uint8_t)rnd(3);
	if (rnd(6) == 0)
		data[3] = (uint8_t)rnd(256);
	return INPUT_HEAD + len + image;
}
