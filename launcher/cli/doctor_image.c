/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * doctor_image.c - would this image run here? See doctor.h.
 *
 * Only headers are read. What the image says is shown escaped, as all that doctor shows.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "launcher/cli/doctor.h"
#include "launcher/cli/image.h"
#include "libimage/base/cleanup.h"
#include "libimage/base/err.h"
#include "libimage/base/fd.h"
#include "libimage/base/num.h"
#include "libimage/base/pin.h"
#include "libimage/sif/sif.h"
#include "libimage/squash/info.h"

enum { LUSTRE_MAGIC = 0x0bd00bd0, GPFS_MAGIC = 0x47504653 };

static void not_an_image(struct findings *f, int fd, const struct berth_err *err)
{
	const char *mend = image_ext_mend(fd);

	if (!mend)
		finding_err(f, FINDING_FAIL, err);
	else
		finding_fail(f, mend, "an ext3 image of Singularity 2.x: the kernel would have to mount it as root; "
			     "convert it once");
}

/* The squashfs at 'at'; what of 'size' bytes it may have. */
static void check_squash(struct findings *f, int fd, uint64_t at, uint64_t size, const char *what)
{
	struct berth_err err = BERTH_ERR_INIT;
	struct squash_head q;
	const char *name;

	if (squash_head_read(fd, at, &q, &err) < 0) {
		finding_err(f, FINDING_FAIL, &err);
		return;
	}
	name = squash_compressor_name(q.compressor);
	if (strcmp(name, "unknown") == 0 || strcmp(name, "lzo") == 0)
		finding_fail(f, "unpack it with unsquashfs and make it anew: berth build NEW.sif DIR",
			     "its compressor is %s, which the image server does not have", name);
	else if (q.bytes_used > size)
		finding_fail(f, "copy it again", "it is cut short: %" PRIu64 " of %" PRIu64 " bytes are there", size,
			     q.bytes_used);
	else
		finding_ok(f, "%s, %s, blocks of %" PRIu32 " bytes, %" PRIu32 " files", what, name, q.block_size,
			   q.inodes);
}

static void check_sif(struct findings *f, int fd)
{
	struct berth_err err = BERTH_ERR_INIT;
	struct sif_object root;
	struct sif sif;

	if (sif_open(fd, &sif, &err) < 0 || sif_find_root(&sif, &root, &err) < 0) {
		finding_err(f, FINDING_FAIL, &err);
		return;
	}
	finding_ok(f, "a SIF file, for %s, as this host", sif_arch_name(root.arch));
	check_squash(f, fd, root.offset, root.size, "squashfs");
}

static void check_dir(struct findings *f, int fd)
{
	static const char *const any[] = { "bin", "usr", "lib", "etc" };
	struct statfs fs;
	size_t found = 0;

	for (size_t i = 0; i < ARRAY_SIZE(any); i++)
		found += faccessat(fd, any[i], F_OK, AT_SYMLINK_NOFOLLOW) == 0;
	if (found == 0)
		finding_warn(f, NULL, "a directory without bin, usr, lib and etc is hardly an image");
	else
		finding_ok(f, "a directory");
	if (fstatfs(fd, &fs) < 0)
		return;
	if (fs.f_type == NFS_SUPER_MAGIC || fs.f_type == LUSTRE_MAGIC || fs.f_type == GPFS_MAGIC)
		finding_warn(f, "berth build IMAGE.sif DIR", "it lies on a shared file system, which each program that "
			     "starts asks for each of its files; one SIF file would be opened twice a node");
}

static void check_rights(struct findings *f, const struct stat *st)
{
	if ((st->st_mode & 0002) && !(st->st_mode & S_ISVTX))
		finding_warn(f, "chmod o-w it", "everybody can change it, also while it runs: its mode is %04o",
			     st->st_mode & 07777U);
	else if (st->st_uid != geteuid() && st->st_uid != 0)
		finding_warn(f, NULL, "it belongs to the user %u, who can change it while it runs", st->st_uid);
	if (!(st->st_mode & 0044))
		finding_ok(f, "only its owner can read it (mode %04o): others who are to run it cannot",
			   st->st_mode & 07777U);
}

void doctor_image(struct findings *f, const char *image)
{
	cleanup_free char *cwd = image[0] == '/' ? NULL : getcwd(NULL, 0), *path = NULL;
	struct berth_err err = BERTH_ERR_INIT;
	cleanup_close int fd = -1;
	struct image_pin pin;
	struct stat st;
	char first;

	if (image_path(image, cwd, &path, &err) < 0) {
		finding_err(f, FINDING_FAIL, &err);
		return;
	}
	fd = fd_open_user(path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
	if (fd < 0 || fstat(fd, &st) < 0) {
		finding_fail(f, errno == ENOENT ? "check the path; it must exist on this host"
						: "you must be able to read it, and to enter each directory above it",
			     "cannot open '%s': %s", path, strerror(errno));
		return;
	}
	if (image_kind_read(fd, &pin, &err) < 0) {
		not_an_image(f, fd, &err);
		return;
	}
	if (pin.kind == IMAGE_DIR)
		check_dir(f, fd);
	else if (pin.kind == IMAGE_SIF)
		check_sif(f, fd);
	else if (fd_pread_full(fd, &first, 1, 0) == 0)
		check_squash(f, fd, first == '#' ? SQUASH_LAUNCH_BYTES : 0,
			     pin.size - (first == '#' ? SQUASH_LAUNCH_BYTES : 0), "a squashfs file");
	check_rights(f, &st);
}
