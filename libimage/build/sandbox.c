/* SPDX-License-Identifier: BSD-3-Clause */
/* sandbox.c - a squashfs becomes a directory; see sandbox.h. Its files: sandbox_file.c. */
#include "config.h"

#include "libimage/base/cleanup.h"
#include "libimage/base/err.h"
#include "libimage/build/new_dir.h"
#include "libimage/build/sandbox.h"
#include "libimage/build/sandbox_file.h"

int sandbox_make(int fd, uint64_t at, uint64_t size, const char *path, const struct sandbox_options *opt,
		 struct sandbox_result *ret, struct berth_err *err)
{
	cleanup(new_dir_done) struct new_dir d = NEW_DIR_INIT;

	if (new_dir_open(&d, path, opt->force, err) < 0 || sandbox_fill(fd, at, size, d.fd, opt, ret, err) < 0)
		return -1;
	return new_dir_publish(&d, opt->force, err);
}
