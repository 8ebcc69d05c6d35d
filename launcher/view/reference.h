/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * reference.h - images that are named by something else than a path: docker://alpine.
 *
 * Runs as:  the user. Text only.
 */
#ifndef BERTH_REFERENCE_H
#define BERTH_REFERENCE_H

struct berth_err;

/*
 * Refuse 'text' if it is such a name; this version runs files and directories. A file that is
 * called so is named with "./" or "/" before it. Fails: BERTH_ENOTFOUND, which says where such an
 * image lies.
 */
int reference_refuse(const char *text, struct berth_err *err);

#endif
