/* SPDX-License-Identifier: BSD-3-Clause */
/* make_file.h - an image file, SIF or squashfs, of whatever there is. For make.c. */
#ifndef BERTH_MAKE_FILE_H
#define BERTH_MAKE_FILE_H

#include "libimage/build/make.h"

/* Into 'out_fd', which is empty and open for both. 'bare': a squashfs, without SIF around it. */
int make_file(struct basis *o, int out_fd, bool bare, const struct make_options *opt, struct make_result *res,
	      struct berth_err *err);

#endif
