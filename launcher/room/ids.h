/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * ids.h - passwd and group of the room: the image's own, with the user's line added.
 *
 * Runs as:  the user. The image's files are the image author's: regular files only, opened
 *           within the room's root, never through a FIFO or device, at most IDS_BYTES_MAX.
 */
#ifndef BERTH_IDS_H
#define BERTH_IDS_H

struct berth_err;

enum { IDS_BYTES_MAX = 1024 * 1024 }; /* LIMIT: two fit in the arm's tmpfs */

/*
 * Read 'path' below 'root_fd' (missing, odd or too long: as if empty), add 'line', write the
 * result as 'name' in the directory 'tmp_fd'. Returns an O_PATH descriptor of it, or -1.
 */
int ids_make(int root_fd, const char *path, const char *line, int tmp_fd, const char *name,
	     struct berth_err *err);

/* The same of 'n' bytes of text, which need not be lines of ids. */
int ids_write(int tmp_fd, const char *name, const char *text, size_t n, struct berth_err *err);

#endif
