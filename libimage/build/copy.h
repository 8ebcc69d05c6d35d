/* SPDX-License-Identifier: BSD-3-Clause */
/* copy.h - a file's bytes to another file, by the quickest way that the file systems have. */
#ifndef BERTH_COPY_H
#define BERTH_COPY_H

struct berth_err;

/* All of 'from' to 'to', which is empty. 'path' is 'to's, for messages. Holes may be filled. */
int copy_file(int from, int to, const char *path, struct berth_err *err);

#endif
