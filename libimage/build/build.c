/* SPDX-License-Identifier: BSD-3-Clause */
/* build.c - a directory to a SIF file; see build.h. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "libimage/base/cleanup.h"
#include "libimage/base/err.h"
#include "libimage/base/fd.h"
#include "libimage/base/output.h"
#include "libimage/build/build.h"
#include "libimage/sif/sif.h"
#include "libimage/squash/write.h"

/* The image itself: one partition, and the header that finds it. */
static int write_image(int dir_fd, int fd, const struct build_options *opt, struct build_result *res,
		       struct berth_err *err)
{
	struct sif_new_object root = {
		.type = SIF_PARTITION, .fs = SIF_FS_SQUASHFS, .part = SIF_PART_PRIMARY,
		.name = "rootfs.squashfs",
	};
	const struct squash_write_options sq = {
		.keep_owner = opt->keep_owner, .keep_devices = opt->keep_devices,
		.epoch = opt->epoch, .workers = opt->workers,
	};
	struct squash_write_result sr;

	if (sif_layout(&root, 1, err) < 0)
		return -1;
	if (ftruncate(fd, (off_t)root.offset) < 0)
		return berth_fail(err, BERTH_ESYS, errno, "cannot write the image");
	if (squash_write_dir(dir_fd, fd, root.offset, &sq, &sr, err) < 0)
		return -1;
	root.size = sr.bytes;
	memcpy(res->arch, build_arch(dir_fd), sizeof(res->arch));
	res->bytes = root.offset + root.size;
	res->inodes = sr.inodes;
	res->devices_left_out = sr.devices_left_out;
	return sif_write_header(fd, &root, 1, res->arch, opt->epoch >= 0 ? opt->epoch : 0, err);
}

int build_sif_from_dir(const char *dir, const char *out, const struct build_options *opt,
		       struct build_result *ret, struct berth_err *err)
{
	cleanup(output_close) struct output o = OUTPUT_INIT;
	cleanup_close int dir_fd = fd_open_user(dir, O_RDONLY | O_DIRECTORY);
	struct build_result res = { 0 };

	if (dir_fd < 0) {
		int sys = errno;

		berth_fail(err, sys == ENOENT ? BERTH_ENOTFOUND : sys == EACCES ? BERTH_EDENIED
				: sys == ENOTDIR ? BERTH_EUSAGE : BERTH_ESYS, sys,
			   "cannot open the source '%s'", dir);
		return sys == ENOTDIR ? berth_hint(err, "images are built from directories") : -1;
	}
	if (output_open(&o, out, 0755, opt->force, err) < 0)
		return -1;
	if (write_image(dir_fd, o.fd, opt, &res, err) < 0)
		return berth_context(err, "'%s'", dir);
	if (output_publish(&o, opt->force, err) < 0)
		return -1;
	if (ret)
		*ret = res;
	return 0;
}
