/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * write.c - a directory tree to squashfs: the start-up set, the other files' data, then the
 * tables; see write.h.
 */
#include "config.h"

#include <errno.h>
#include <sqfs/predef.h>
#include <string.h>

#include "libimage/base/cleanup.h"
#include "libimage/base/err.h"
#include "libimage/base/fd.h"
#include "libimage/squash/startset.h"
#include "libimage/squash/write_priv.h"

struct dir_writer {
	struct writer w;
	struct tree tree;
	struct startset start;
	enum file_form form; /* of the file that is read */
	char *buf;	     /* WRITE_BLOCK bytes */
};

static int take_dir(void *arg, struct tree_node *node, int fd, struct berth_err *err)
{
	struct dir_writer *d = arg;

	return write_xattrs(&d->w, node, fd, err);
}

/* How many bytes from 'pos' on are a hole, as far as the file system says. */
static uint64_t hole_at(const struct stat *st, int fd, uint64_t pos)
{
	off_t data;

	if ((uint64_t)st->st_blocks * 512 >= (uint64_t)st->st_size)
		return 0;
	data = lseek(fd, (off_t)pos, SEEK_DATA);
	if (data < 0)
		return errno == ENXIO ? (uint64_t)st->st_size - pos : 0;
	return (uint64_t)data > pos ? (uint64_t)data - pos : 0;
}

static int fail_read(const struct tree_node *node, struct berth_err *err)
{
	char path[240];
	int sys = errno;

	tree_path(node, path, sizeof(path));
	if (sys != ENODATA)
		return berth_fail(err, BERTH_ESYS, sys, "cannot read '%s'", path);
	return berth_fail(err, BERTH_EIMAGE, 0, "'%s' became shorter while it was read", path);
}

static int feed(struct dir_writer *d, const struct tree_node *node, int fd, struct berth_err *err)
{
	uint64_t size = (uint64_t)node->st.st_size, hole = 0;

	for (uint64_t pos = 0; pos < size;) {
		uint64_t n = size - pos < WRITE_BLOCK ? size - pos : WRITE_BLOCK;

		/* Reading a hole would fill the page cache with zeros. */
		if (hole == 0)
			hole = hole_at(&node->st, fd, pos);
		if (hole >= n) {
			hole -= n;
			if (writer_add_zeros(&d->w, n, err) < 0)
				return -1;
		} else {
			hole = 0;
			if (fd_pread_full(fd, d->buf, (size_t)n, (off_t)pos) < 0)
				return fail_read(node, err);
			if (writer_add(&d->w, d->buf, (size_t)n, err) < 0)
				return -1;
		}
		pos += n;
	}
	return 0;
}

static int take_file(void *arg, struct tree_node *node, int fd, struct berth_err *err)
{
	struct dir_writer *d = arg;

	if (write_xattrs(&d->w, node, fd, err) < 0 || writer_begin(&d->w, node, d->form, err) < 0 ||
	    feed(d, node, fd, err) < 0)
		return -1;
	return writer_end(&d->w, err);
}

/* All files' data: those that a start reads first, then the others. */
static int write_data(struct dir_writer *d, int dir_fd, const struct tree_ops *ops, struct berth_err *err)
{
	startset_choose(&d->tree, dir_fd, &d->start);
	d->form = FILE_RAW;
	for (size_t i = 0; i < d->start.n; i++)
		if (writer_pad(&d->w, err) < 0 ||
		    tree_read_file(dir_fd, ops, &d->tree, d->start.v[i], err) < 0)
			return -1;
	d->form = FILE_PACKED;
	return tree_read(dir_fd, ops, &d->tree, err);
}

int squash_write_dir(int dir_fd, int out_fd, uint64_t at, const struct squash_write_options *opt,
		     struct squash_write_result *ret, struct berth_err *err)
{
	struct dir_writer d = { .w.opt = opt };
	struct tree_ops ops = {
		.arg = &d, .keep_devices = opt->keep_devices, .dir = take_dir, .file = take_file,
	};
	struct stat out;
	int rc = -1;

	if (fstat(out_fd, &out) < 0)
		return berth_fail(err, BERTH_ESYS, errno, "cannot stat the image");
	d.buf = malloc(WRITE_BLOCK);
	if (!d.buf)
		return berth_fail(err, BERTH_ESYS, ENOMEM, "cannot start the image");
	ops.skip_dev = out.st_dev;
	ops.skip_ino = out.st_ino;
	out_file_init(&d.w.out, out_fd, at);
	if (writer_open(&d.w, err) == 0 && tree_scan(dir_fd, &ops, &d.tree, err) == 0 &&
	    write_data(&d, dir_fd, &ops, err) == 0)
		rc = writer_finish(&d.w, &d.tree, err);
	if (rc == 0 && ret)
		*ret = (struct squash_write_result){
			.bytes = d.w.out.size,
			.inodes = d.w.super.inode_count,
			.start_bytes = d.start.bytes,
			.devices_left_out = d.tree.devices_left_out,
		};
	writer_close(&d.w);
	tree_done(&d.tree, sqfs_free);
	free(d.buf);
	return rc;
}
