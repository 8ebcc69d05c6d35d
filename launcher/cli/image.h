/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * image.h - the image as a user names it on the command line.
 */
#ifndef BERTH_IMAGE_ARG_H
#define BERTH_IMAGE_ARG_H

struct berth_err;

/*
 * The absolute form of the path 'text', a new string. 'cwd' (NULL: not known) is what getcwd()
 * said; leading "." and ".." of a relative path are worked out against it, which is sound
 * because it holds no links. The file itself is not looked at.
 * Fails: BERTH_EUSAGE empty, or relative without 'cwd'; BERTH_ENOTFOUND a reference that is
 * no path, as docker://alpine: this version runs files and directories.
 */
int image_path(const char *text, const char *cwd, char **ret, struct berth_err *err);

#endif
