/* SPDX-License-Identifier: BSD-3-Clause */
/* writer.c - start an image, add files, finish it; see write_priv.h. */
#include "config.h"

#include <errno.h>
#include <sched.h>
#include <sqfs/block.h>
#include <sqfs/block_writer.h>
#include <sqfs/compressor.h>
#include <sqfs/error.h>
#include <sqfs/frag_table.h>
#include <sqfs/id_table.h>
#include <sqfs/inode.h>
#include <sqfs/xattr_writer.h>

#include "libimage/base/cleanup.h"
#include "libimage/base/err.h"
#include "libimage/squash/write_priv.h"

static unsigned int worker_count(unsigned int want)
{
	cpu_set_t cpus;

	if (want == 0)
		want = sched_getaffinity(0, sizeof(cpus), &cpus) < 0 ? 1 : (unsigned int)CPU_COUNT(&cpus);
	return want < WRITE_WORKERS_MAX ? want : WRITE_WORKERS_MAX;
}

static SQFS_COMPRESSOR compressor_id(const struct writer *w)
{
	return w->opt->compressor == SQUASH_GZIP ? SQFS_COMP_GZIP : SQFS_COMP_ZSTD;
}

static int open_compressors(struct writer *w, struct berth_err *err)
{
	sqfs_compressor_config_t cfg;
	int rc = sqfs_compressor_config_init(&cfg, compressor_id(w), WRITE_BLOCK, 0);

	if (w->opt->level > 0)
		cfg.level = w->opt->level;
	else if (w->opt->compressor == SQUASH_ZSTD)
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
	int rc = sqfs_super_init(&w->super, WRITE_BLOCK, 0, compressor_id(w));

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

int writer_open(struct writer *w, struct berth_err *err)
{
	unsigned int workers = worker_count(w->opt->workers);
	sqfs_block_processor_desc_t desc = {
		.size = sizeof(desc), .max_block_size = WRITE_BLOCK,
		.num_workers = workers, .max_backlog = workers * WRITE_BACKLOG,
	};
	int rc;

	if (open_compressors(w, err) < 0 || start_image(w, err) < 0)
		return -1;
	w->zeros = calloc(1, WRITE_BLOCK);
	w->blocks = sqfs_block_writer_create(&w->out.base, WRITE_PAD, 0);
	w->frags = sqfs_frag_table_create(0);
	w->ids = sqfs_id_table_create(0);
	w->xattrs = sqfs_xattr_writer_create(0);
	if (!w->zeros || !w->blocks || !w->frags || !w->ids || !w->xattrs)
		return berth_fail(err, BERTH_ESYS, ENOMEM, "cannot start the image");
	/* 'file' and 'uncmp' make it compare bytes, not 32-bit sums, before it shares data. */
	desc.cmp = w->cmp;
	desc.uncmp = w->uncmp;
	desc.wr = w->blocks;
	desc.tbl = w->frags;
	desc.file = &w->out.base;
	rc = sqfs_block_processor_create_ex(&desc, &w->proc);
	if (rc == SQFS_ERROR_INTERNAL) /* pthread_create() failed, for want of memory or of a number */
		return berth_fail(err, BERTH_ESYS, EAGAIN, "cannot start the workers");
	return rc != 0 ? write_fail(w, rc, "start the workers", err) : 0;
}

void writer_close(struct writer *w)
{
	void *const objects[] = {
		w->proc, w->xattrs, w->ids, w->frags, w->blocks, w->uncmp, w->cmp,
	};

	/* libsquashfs forgets the blocks that are on their way when it is ended in the middle. */
	if (w->proc)
		(void)sqfs_block_processor_sync(w->proc);
	/* The processor goes first: its threads write to inodes and blocks. */
	for (size_t i = 0; i < ARRAY_SIZE(objects); i++)
		if (objects[i])
			sqfs_destroy(objects[i]);
	w->proc = NULL;
	w->xattrs = NULL;
	w->ids = NULL;
	w->frags = NULL;
	w->blocks = NULL;
	w->uncmp = w->cmp = NULL;
	free(take_ptr(&w->zeros));
}

int writer_begin(struct writer *w, struct tree_node *node, enum file_form form, struct berth_err *err)
{
	uint32_t flags = node->st.st_size > WRITE_BLOCK ? SQFS_BLK_DONT_FRAGMENT : 0;
	int rc;

	if (form != FILE_PACKED)
		flags = SQFS_BLK_DONT_FRAGMENT | SQFS_BLK_DONT_COMPRESS | SQFS_BLK_IGNORE_SPARSE;
	if (form == FILE_RAW_LAST)
		flags |= SQFS_BLK_DONT_DEDUPLICATE;
	rc = sqfs_block_processor_begin_file(w->proc, &node->inode, NULL, flags);
	return rc != 0 ? write_fail(w, rc, "write file data", err) : 0;
}

int writer_add(struct writer *w, const void *buf, size_t n, struct berth_err *err)
{
	int rc = sqfs_block_processor_append(w->proc, buf, n);

	return rc != 0 ? write_fail(w, rc, "write file data", err) : 0;
}

int writer_add_zeros(struct writer *w, uint64_t n, struct berth_err *err)
{
	int rc = 0;

	for (; n > 0 && rc == 0; n -= n < WRITE_BLOCK ? n : WRITE_BLOCK)
		rc = sqfs_block_processor_append(w->proc, w->zeros, n < WRITE_BLOCK ? (size_t)n : WRITE_BLOCK);
	return rc != 0 ? write_fail(w, rc, "write file data", err) : 0;
}

int writer_end(struct writer *w, struct berth_err *err)
{
	int rc = sqfs_block_processor_end_file(w->proc);

	return rc != 0 ? write_fail(w, rc, "write file data", err) : 0;
}

int writer_pad(struct writer *w, struct berth_err *err)
{
	static const char zeros[WRITE_PAD];
	int rc = sqfs_block_processor_sync(w->proc);

	if (rc == 0 && w->out.size % WRITE_PAD != 0)
		rc = w->out.base.write_at(&w->out.base, w->out.size, zeros,
					  WRITE_PAD - w->out.size % WRITE_PAD);
	return rc != 0 ? write_fail(w, rc, "write file data", err) : 0;
}

int writer_finish(struct writer *w, struct tree *t, struct berth_err *err)
{
	int64_t when = w->opt->epoch >= 0 ? w->opt->epoch : t->newest;
	int rc = sqfs_block_processor_finish(w->proc);

	if (rc != 0)
		return write_fail(w, rc, "write file data", err);
	if (write_tables(w, t, err) < 0)
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
	return rc != 0 ? write_fail(w, rc, "finish the image", err) : writer_pad(w, err);
}
