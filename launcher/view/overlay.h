/* SPDX-License-Identifier: BSD-3-Clause */
/* overlay.h - layers over an image, as --overlay names them: "PATH[:ro]", several with commas. */
#ifndef BERTH_OVERLAY_H
#define BERTH_OVERLAY_H

#include <stdbool.h>
#include <stddef.h>

struct berth_err;

enum { OVERLAYS_MAX = 8 }; /* LIMIT: fsconfig(2) takes 255 bytes, some 18 a layer */

struct overlay {
	char *path;    /* absolute host path: a directory or an image file */
	bool readonly; /* ":ro"; an image file is so without */
};

struct overlay_list {
	struct overlay v[OVERLAYS_MAX]; /* topmost first */
	size_t n;
};

/*
 * Append the layers of 'text'; a relative path is below 'cwd' (NULL: refused). A backslash before a
 * comma makes it part of a path, ":rw" is what it is without ":ro". Empty members are skipped.
 * Fails: BERTH_EUSAGE; 'list' may then have the first of them.
 */
int overlay_parse_list(const char *text, const char *cwd, struct overlay_list *list, struct berth_err *err);
void overlay_list_done(struct overlay_list *l);

#endif
