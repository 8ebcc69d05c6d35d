/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * imgfs_input.h - an input of fuzz_imgfs: what is asked, and the image it is asked of.
 *
 *     2 bytes   length of the requests
 *     1 byte    how many sources, less one, modulo 3: the image stacked on itself
 *     1 byte    which virtual entries, a bit each
 *     requests, each of REQ_BYTES and then its name
 *     the image
 */
#ifndef BERTH_TESTS_FUZZ_IMGFS_INPUT_H
#define BERTH_TESTS_FUZZ_IMGFS_INPUT_H

#include <stdint.h>

enum {
	INPUT_HEAD = 4,
	/* a request: */
	REQ_OP = 0,	/* FUSE's number */
	REQ_NODE = 1,	/* one of the nodes known so far; from REQ_ANY on the offset is the node's number */
	REQ_FLAGS = 2,
	REQ_NAME = 3,	/* length of the name; 0: one that a listing told */
	REQ_SIZE = 4,
	REQ_OFFSET = 8,
	REQ_BYTES = 16,
	REQ_ANY = 240,
	/* flags: */
	REQ_RAW = 1,	 /* the name is all there is behind the head */
	REQ_OPEN = 2,	 /* the name has no NUL behind it */
	REQ_HIGH = 4,	 /* of the operation: 4096 more */
	REQ_CUT = 8,	 /* the request ends early, after 'size' bytes */
};

#endif
