/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * output.h - a file on its way to its name.
 *
 * Runs as:  the user.   Uses: libc.
 * Promise:  the file appears under its name complete or not at all, whatever kills the process,
 *           and what was there before stays until then. A file without a name (O_TMPFILE) leaves
 *           nothing behind; where the file system has none of these (NFS), a kill at the wrong
 *           moment leaves '.berth-' and 16 hex digits beside it.
 *
 * Order: output_open(), write to 'fd', output_publish(), output_close(), which is NULL-safe in the
 * sense that it may follow any of them, also after failure.
 */
#ifndef BERTH_OUTPUT_H
#define BERTH_OUTPUT_H

#include <stdbool.h>
#include <sys/types.h>

struct berth_err;

enum { OUTPUT_TEMP_MAX = 32 }; /* LIMIT: bytes; a fixed word and a number */

struct output {
	const char *path;	    /* for messages; the caller's */
	const char *name;	    /* its last component */
	int dir_fd, fd;
	char temp[OUTPUT_TEMP_MAX]; /* its name meanwhile; "": it has none (O_TMPFILE) */
};

#define OUTPUT_INIT { .dir_fd = -1, .fd = -1 }

/*
 * Start a file that will be called 'path', of mode 'mode' less the umask, open for reading and
 * writing. 'path' must stay until output_close().
 * Fails: BERTH_EDENIED it is there (without force) or the directory refuses, BERTH_EUSAGE it is
 *        there and no file, or no name for one; BERTH_ESYS.
 */
int output_open(struct output *o, const char *path, mode_t mode, bool force, struct berth_err *err);

/* The same for 'name', one component, in the directory 'dir_fd' (borrowed); 'path' for messages. */
int output_open_at(struct output *o, int dir_fd, const char *name, const char *path, mode_t mode, bool force,
		   struct berth_err *err);

/* All data is in 'fd': put it on disk and let it appear. Fails as above, if somebody was quicker. */
int output_publish(struct output *o, bool force, struct berth_err *err);

void output_close(struct output *o);

#endif
