/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * sandbox.h - a squashfs becomes a directory.
 *
 * Runs as:  the user, who reads the image with the checks of squash.h.   Uses: libimage/{base,squash}.
 * Promise:  the directory appears under its name complete or not at all, and what was there before stays
 *           until then. It is made under another name beside it, closed to all others, and each name in it
 *           is made relative to its directory's descriptor, following no link: nothing outside is touched.
 *
 * It has what the image has: names, modes, times (in seconds), links, hard links, fifos, holes, "user."
 * attributes. Device nodes, owners and setuid bits are for root, and only where they are asked for: else
 * all is the caller's, nodes and sockets are left out and counted, and no setuid or setgid bit is set.
 */
#ifndef BERTH_SANDBOX_H
#define BERTH_SANDBOX_H

#include <stdbool.h>
#include <stdint.h>

struct berth_err;

struct sandbox_options {
	bool force;	   /* replace a directory that is there */
	bool fix_modes;	   /* let the owner read, write and enter everything */
	bool keep_owner;   /* for root: owners, setuid and setgid bits */
	bool keep_devices; /* for root */
	int cancel_fd;	   /* readable: stop; -1: none */
};

struct sandbox_result {
	uint64_t entries, left_out, attributes_left_out;
};

/*
 * The file system in 'fd' from 'at' on as the directory 'path'. An empty directory that is there is
 * replaced without force, too.
 * Fails: BERTH_EDENIED 'path' is there (without force), BERTH_EUSAGE it is no directory; as walk.h; BERTH_ESYS.
 */
int sandbox_make(int fd, uint64_t at, uint64_t size, const char *path, const struct sandbox_options *opt,
		 struct sandbox_result *ret, struct berth_err *err);

#endif
