/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * new_dir.h - a directory on its way to its name: base/output.h for what is no file.
 *
 * Runs as:  the user.   Uses: libimage/base.
 * Promise:  the directory appears under its name complete or not at all, and what was there before stays
 *           until then. A kill leaves '.berth-' and 16 hex digits beside it, closed to others.
 *
 * Order: new_dir_open(), fill 'fd', new_dir_publish(), new_dir_done(), which may follow any of them.
 */
#ifndef BERTH_NEW_DIR_H
#define BERTH_NEW_DIR_H

#include <stdbool.h>

struct berth_err;

enum { NEW_DIR_TEMP = 32 }; /* LIMIT: bytes; a fixed word and a number */

struct new_dir {
	const char *path, *name; /* for messages, the caller's; its last component */
	char *tidy;		 /* what 'name' points into */
	int dir_fd, fd;
	char temp[NEW_DIR_TEMP]; /* its name meanwhile; "": nothing is there to be removed */
};

#define NEW_DIR_INIT { .dir_fd = -1, .fd = -1 }

/*
 * 'fd' is an empty directory of mode 0700. One that is there under 'path' and is empty is replaced without
 * 'force', too.
 * Fails: BERTH_EDENIED it is there, or the directory refuses; BERTH_EUSAGE it is there and no directory.
 */
int new_dir_open(struct new_dir *p, const char *path, bool force, struct berth_err *err);

/* Let it appear. What was there is removed, without following links. Fails as above, and BERTH_ESYS. */
int new_dir_publish(struct new_dir *p, bool force, struct berth_err *err);

void new_dir_done(struct new_dir *p);

#endif
