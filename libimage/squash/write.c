/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * write.c - a directory tree to squashfs: the start-up set, the other files' data, then the
 * tables; see write.h.
 */
#include "config.h"

#include <errno.h>
#include <sched.h>
#include <sqfs/block.h>
#include <sqfs/block_writer.h>
#include <sqfs/compressor.h>
#include <sqfs/frag_table.h>
#include <sqfs/id_table.h>
#include <sqfs/inode.h>
#include <sqfs/xattr_writer.h>
#include <string.h>

#include "libimage/base/cleanup.h"
#include "libimage/base/err.h"
#include "libimage/base/fd.h"
#include "libimage/squash/write_priv.h"

static int take_dir(void *arg, struct tree_node *node, int fd, struct berth_err *err)
{
	return write_xattrs(arg, node, fd, err);
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

/* Hand the file's bytes over. Returns an SQFS_ERROR, or 0 and maybe -1 in *failed. */
static int feed(struct writer *w, const struct tree_node *node, int fd, int *failed,
		struct berth_err *err)
{
	uint64_t size = (uint64_t)node->st.st_size, hole = 0;
	int rc = 0;

	for (uint64_t pos = 0; pos < size && rc == 0;) {
		uint64_t n = size - pos < WRITE_BLOCK ? size - pos : WRITE_BLOCK;

		/* Reading a hole would fill the page cache with zeros. */
		if (hole == 0)
			hole = hole_at(&node->st, fd, pos);
		if (hole >= n) {
			hole -= n;
			rc = sqfs_block_processor_append(w->proc, w->zeros, (size_t)n);
		} else {
			hole = 0;
			if (fd_pread_full(fd, w->buf, (size_t)n, (off_t)pos) < 0) {
				*failed = fail_read(node, err);
				return 0;
			}
			rc = sqfs_block_processor_append(w->proc, w->buf, (size_t)n);
		}
		pos += n;
	}
	return rc;
}

static int take_file(void *arg, struct tree_node *node, int fd, struct berth_err *err)
{
	struct writer *w = arg;
	uint32_t flags = node->st.st_size > WRITE_BLOCK ? SQFS_BLK_DONT_FRAGMENT : 0;
	int rc, failed = 0;

	if (w->raw)
		flags = SQFS_BLK_DONT_FRAGMENT | SQFS_BLK_DONT_COMPRESS | SQFS_BLK_IGNORE_SPARSE;
	if (write_xattrs(w, node, fd, err) < 0)
		return -1;
	/* The processor fills node->inode in, blocks later, from its own threads. */
	rc = sqfs_block_processor_begin_file(w->proc, &node->inode, NULL, flags);
	if (rc == 0)
		rc = feed(w, node, fd, &failed, err);
	if (rc == 0 && failed == 0)
		rc = sqfs_block_processor_end_file(w->proc);
	return rc != 0 ? write_fail(w, rc, "write file data", err) : failed;
}

/*
 * Let the next file start a page: then the server can give the kernel pages of the image as
 * they are. libsquashfs takes blocks that were written in a row for contiguous when it looks for
 * equal ones. It cannot be misled: a gap follows only what is no multiple of a page, so
 * a file's last block, and what is compared with that in the middle of a file is a whole one.
 */
static int pad(struct writer *w, struct berth_err *err)
{
	static const char zeros[WRITE_PAD];
	int rc = sqfs_block_processor_sync(w->proc);

	if (rc == 0 && w->out.size % WRITE_PAD != 0)
		rc = w->out.base.write_at(&w->out.base, w->out.size, zeros,
					  WRITE_PAD - w->out.size % WRITE_PAD);
	return rc != 0 ? write_fail(w, rc, "write file data", err) : 0;
}

/* All files' data: those that a start reads first, then the others. */
static int write_data(struct writer *w, int dir_fd, const struct tree_ops *ops, struct berth_err *err)
{
	startset_choose(&w->tree, dir_fd, &w->start);
	w->raw = true;
	for (size_t i = 0; i < w->start.n; i++)
		if (pad(w, err) < 0 || tree_read_file(dir_fd, ops, &w->tree, w->start.v[i], err) < 0)
			return -1;
	w->raw = false;
	return tree_read(dir_fd, ops, &w->tree, err);
}

static unsigned int worker_count(unsigned int want)
{
	cpu_set_t cpus;

	if (want == 0)
		want = sched_getaffinity(0, sizeof(cpus), &cpus) < 0 ? 1 : (unsigned int)CPU_COUNT(&cpus);
	return want < WRITE_WORKERS_MAX ? want : WRITE_WORKERS_MAX;
}

static int open_compressors(struct writer *w, struct berth_err *err)
{
	sqfs_compressor_config_t cfg;
	int rc = sqfs_compressor_config_init(&cfg, SQFS_COMP_ZSTD, WRITE_BLOCK, 0);

	cfg.level = WRITE_LEVEL;
	if (rc == 0)
		rc = sqfs_compressor_create(&cfg, &w->cmp);
	cfg.flags |= SQFS_COMP_FLAG_UNCOMPRESS;
	if (rc == 0)
		rc = sqfs_compressor_create(&cfg, &w->uncmp);
	return rc != 0 ? write_fail(w, rc, "set the compressor up", err) : 0;
}

/* The superblock's place and the compressor's options; both are rewritten or stay. */
static int start_image(struct writer *w, struct berth_err *err)
{
	int rc = sqfs_super_init(&w->super, WRITE_BLOCK, 0, SQFS_COMP_ZSTD);

	if (rc == 0)
		rc = sqfs_super_write(&w->super, &w->out.base);
	if (rc == 0)
		rc = w->cmp->write_options(w->cmp, &w->out.base);
	if (rc > 0) {
		w->super.flags |= SQFS_FLAG_COMPRESSOR_OPTIONS;
		rc = 0;
	}
	return rc != 0 ? write_fail(w, rc, "start the image", err) : 0;
}

static int writer_open(struct writer *w, struct berth_err *err)
{
	unsigned int workers = worker_count(w->opt->workers);
	sqfs_block_processor_desc_t desc = {
		.size = sizeof(desc), .max_block_size = WRITE_BLOCK,
		.num_workers = workers, .max_backlog = workers * WRITE_BACKLOG,
	};
	int rc;

	if (open_compressors(w, err) < 0 || start_image(w, err) < 0)
		return -1;
	w->buf = malloc(WRITE_BLOCK);
	w->zeros = calloc(1, WRITE_BLOCK);
	w->blocks = sqfs_block_writer_create(&w->out.base, WRITE_PAD, 0);
	w->frags = sqfs_frag_table_create(0);
	w->ids = sqfs_id_table_create(0);
	w->xattrs = sqfs_xattr_writer_create(0);
	if (!w->buf || !w->zeros || !w->blocks || !w->frags || !w->ids || !w->xattrs)
		return berth_fail(err, BERTH_ESYS, ENOMEM, "cannot start the image");
	/* 'file' and 'uncmp' make it compare bytes, not 32-bit sums, before it shares data. */
	desc.cmp = w->cmp;
	desc.uncmp = w->uncmp;
	desc.wr = w->blocks;
	desc.tbl = w->frags;
	desc.file = &w->out.base;
	rc = sqfs_block_processor_create_ex(&desc, &w->proc);
	return rc != 0 ? write_fail(w, rc, "start the workers", err) : 0;
}

static void writer_close(struct writer *w)
{
	void *const objects[] = {
		w->proc, w->xattrs, w->ids, w->frags, w->blocks, w->uncmp, w->cmp,
	};

	/* The processor goes first: its threads write to inodes and blocks. */
	for (size_t i = 0; i < ARRAY_SIZE(objects); i++)
		if (objects[i])
			sqfs_destroy(objects[i]);
	tree_done(&w->tree, sqfs_free);
	free(w->buf);
	free(w->zeros);
}

/* All but the data. */
static int finish_image(struct writer *w, struct berth_err *err)
{
	int64_t when = w->opt->epoch >= 0 ? w->opt->epoch : w->tree.newest;
	int rc = sqfs_block_processor_finish(w->proc);

	if (rc != 0)
		return write_fail(w, rc, "write file data", err);
	if (write_tables(w, err) < 0)
		return -1;
	rc = sqfs_frag_table_write(w->frags, &w->out.base, &w->super, w->cmp);
	if (rc == 0)
		rc = sqfs_id_table_write(w->ids, &w->out.base, &w->super, w->cmp);
	if (rc == 0)
		rc = sqfs_xattr_writer_flush(w->xattrs, &w->out.base, &w->super, w->cmp);
	w->super.bytes_used = w->out.size;
	w->super.flags &= (sqfs_u16)~SQFS_FLAG_ALWAYS_FRAGMENTS; /* larger files have none */
	w->super.modification_time = when > (int64_t)UINT32_MAX ? UINT32_MAX : (sqfs_u32)when;
	if (rc == 0)
		rc = sqfs_super_write(&w->super, &w->out.base);
	return rc != 0 ? write_fail(w, rc, "finish the image", err) : pad(w, err);
}

int squash_write_dir(int dir_fd, int out_fd, uint64_t at, const struct squash_write_options *opt,
		     struct squash_write_result *ret, struct berth_err *err)
{
	struct writer w = { .opt = opt };
	struct tree_ops ops = {
		.arg = &w, .keep_devices = opt->keep_devices, .dir = take_dir, .file = take_file,
	};
	struct stat out;
	int rc = -1;

	if (fstat(out_fd, &out) < 0)
		return berth_fail(err, BERTH_ESYS, errno, "cannot stat the image");
	ops.skip_dev = out.st_dev;
	ops.skip_ino = out.st_ino;
	out_file_init(&w.out, out_fd, at);
	if (writer_open(&w, err) == 0 && tree_scan(dir_fd, &ops, &w.tree, err) == 0 &&
	    write_data(&w, dir_fd, &ops, err) == 0)
		rc = finish_image(&w, err);
	if (rc == 0 && ret)
		*ret = (struct squash_write_result){
			.bytes = w.out.size,
			.inodes = w.super.inode_count,
			.start_bytes = w.start.bytes,
			.devices_left_out = w.tree.devices_left_out,
		};
	writer_close(&w);
	return rc;
}
