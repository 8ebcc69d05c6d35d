/* SPDX-License-Identifier: BSD-3-Clause */
/* build.c - a directory to a SIF file; see build.h. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "libimage/base/cleanup.h"
#include "libimage/base/err.h"
#include "libimage/base/fd.h"
#include "libimage/base/output.h"
#include "libimage/build/build.h"
#include "libimage/sif/sif.h"
#include "libimage/squash/write.h"

/* All but the partition, whose size is not known: its place is. The partition is the last in 'v'. */
static int write_objects(int fd, const struct build_options *opt, struct sif_new_object *v, struct berth_err *err)
{
	struct sif_new_object *root = &v[opt->nobjects];

	for (size_t i = 0; i < opt->nobjects; i++)
		v[i] = (struct sif_new_object){
			.type = opt->objects[i].type, .name = opt->objects[i].name, .size = opt->objects[i].n,
		};
	*root = (struct sif_new_object){
		.type = SIF_PARTITION, .fs = SIF_FS_SQUASHFS, .part = SIF_PART_PRIMARY,
		.name = "rootfs.squashfs",
	};
	if (sif_layout(v, (uint32_t)opt->nobjects + 1, err) < 0)
		return -1;
	if (ftruncate(fd, (off_t)root->offset) < 0)
		return berth_fail(err, BERTH_ESYS, errno, "cannot write the image");
	for (size_t i = 0; i < opt->nobjects; i++)
		if (fd_pwrite_full(fd, opt->objects[i].bytes, opt->objects[i].n, (off_t)v[i].offset) < 0)
			return berth_fail(err, BERTH_ESYS, errno, "cannot write the image");
	return 0;
}

/* The image itself: objects, a partition, and the header that finds them. */
int build_sif_to(int dir_fd, int fd, const struct build_options *opt, struct build_result *res,
		 struct berth_err *err)
{
	struct sif_new_object objects[BUILD_OBJECTS_MAX + 1], *root = &objects[opt->nobjects];
	const struct squash_write_options sq = {
		.keep_owner = opt->keep_owner, .keep_devices = opt->keep_devices,
		.epoch = opt->epoch, .workers = opt->workers, .compressor = opt->compressor, .level = opt->level,
	};
	struct squash_write_result sr;

	if (opt->nobjects > BUILD_OBJECTS_MAX)
		return berth_fail(err, BERTH_EBUG, 0, "an image with %zu objects", opt->nobjects);
	if (write_objects(fd, opt, objects, err) < 0 ||
	    squash_write_dir(dir_fd, fd, root->offset, &sq, &sr, err) < 0)
		return -1;
	root->size = sr.bytes;
	memcpy(res->arch, build_arch(dir_fd), sizeof(res->arch));
	res->bytes = root->offset + root->size;
	res->inodes = sr.inodes;
	res->devices_left_out = sr.devices_left_out;
	return sif_write_header(fd, objects, (uint32_t)opt->nobjects + 1, res->arch, opt->epoch >= 0 ? opt->epoch : 0,
				err);
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
	if (build_sif_to(dir_fd, o.fd, opt, &res, err) < 0)
		return berth_context(err, "'%s'", dir);
	if (output_publish(&o, opt->force, err) < 0)
		return -1;
	if (ret)
		*ret = res;
	return 0;
}
