/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * pull.h - an image of a registry becomes a SIF file, while it is downloaded.
 *
 * Runs as:  the user.   Uses: registry, oci, store; the conversion in a process of its own (convert.h).
 * Promise:  what is made is of the manifest that was named, whose digest and whose parts' digests were
 *           compared; it appears complete or not at all. What was downloaded stays in the store and is
 *           not asked for again. The same manifest and options give the same bytes.
 */
#ifndef BERTH_PULL_H
#define BERTH_PULL_H

#include <stdbool.h>
#include <stdint.h>

#include "libimage/build/layered.h"
#include "libimage/ref/digest.h"
#include "libimage/registry/registry.h"
#include "libimage/store/store.h"

struct berth_err;
struct image_ref;

enum pull_state { PULL_WAITING, PULL_COMING, PULL_THERE, PULL_DONE };

/* How far layer 'i' of 'n', the lowest first, is. */
struct pull_news {
	size_t i, n;
	const struct digest *digest;
	uint64_t done, total;
	enum pull_state state;
};

struct pull_options {
	const char *platform; /* "linux/arm64/v8", "arm64"; NULL: this machine's */
	struct layered_options image;
	void (*news)(void *arg, const struct pull_news *n); /* NULL: nobody waits */
	void *arg;
	int cancel_fd;	      /* ends everything when it becomes readable; -1: none */
};

struct pull_result {
	struct digest manifest;
	uint64_t bytes;	     /* of the image */
	uint64_t downloaded; /* bytes of layers; 0: all were there */
	bool there;	     /* the image itself was in the store */
	struct convert_result made; /* unless it was */
};

/* Where from and where to: what is opened by the caller. */
struct pull {
	const struct image_ref *ref; /* of a registry */
	struct registry *registry;   /* for its host and repository */
	struct store *store;
	struct pull_options opt;
};

/*
 * Make the file 'out', of mode 0755 less the umask; 'force' replaces what is there. The converted
 * image is not kept in the store, its blobs are.
 * Fails: as output.h, registry.h, store.h and convert.h; BERTH_ENOTFOUND no image for the platform.
 */
int pull_to_file(const struct pull *p, const char *out, bool force, struct pull_result *ret,
		 struct berth_err *err);

/*
 * Make it in the store, or find it there. *ret_path is the caller's; *ret_fd too, and keeps the image from
 * being removed. In a store without a directory (--disable-cache) *ret_path is NULL.
 */
int pull_to_store(const struct pull *p, int *ret_fd, char **ret_path, struct pull_result *ret,
		  struct berth_err *err);

#endif
