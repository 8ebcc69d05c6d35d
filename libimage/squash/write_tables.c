/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * write_tables.c - number the tree's nodes, write their inodes and the directories.
 *
 * An entry needs to know where the inode it names is, a directory's inode where its entries
 * are: so children come before their directory, and the directory table, which follows the
 * inodes on disk, is kept in memory until they are written.
 */
#include "config.h"

#include <errno.h>
#include <sqfs/dir_writer.h>
#include <sqfs/id_table.h>
#include <sqfs/inode.h>
#include <sqfs/meta_writer.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "libimage/base/cleanup.h"
#include "libimage/base/err.h"
#include "libimage/squash/write_priv.h"

struct tables {
	struct writer *w;
	sqfs_meta_writer_t *inodes, *entries;
	sqfs_dir_writer_t *dirs;
	uint32_t count;
};

/* Children of one directory in a row: an entry holds the distance to the first of its run. */
static void number(struct tree_node *dir, uint32_t *count)
{
	for (size_t i = 0; i < dir->nchild; i++)
		if (S_ISDIR(dir->child[i]->st.st_mode))
			number(dir->child[i], count);
	for (size_t i = 0; i < dir->nchild; i++)
		if (!dir->child[i]->same)
			dir->child[i]->number = ++*count;
}

static uint32_t mod_time(const struct writer *w, int64_t t)
{
	if (w->opt->epoch >= 0 && t > w->opt->epoch)
		t = w->opt->epoch;
	return t < 0 ? 0 : t > (int64_t)UINT32_MAX ? UINT32_MAX : (uint32_t)t;
}

/* squashfs keeps device numbers as the kernel's new_encode_dev() makes them. */
static uint32_t encode_dev(dev_t dev)
{
	return (minor(dev) & 0xff) | major(dev) << 8 | (minor(dev) & ~0xffU) << 12;
}

static int fill_base(struct tables *t, struct tree_node *node, sqfs_inode_generic_t *inode,
		     struct berth_err *err)
{
	bool keep = t->w->opt->keep_owner;
	int rc;

	inode->base.mode = (sqfs_u16)(node->st.st_mode & 07777);
	if (!node->parent)
		inode->base.mode |= 0555; /* see write.h */
	inode->base.mod_time = mod_time(t->w, node->st.st_mtim.tv_sec);
	inode->base.inode_number = node->number;
	rc = sqfs_id_table_id_to_index(t->w->ids, keep ? node->st.st_uid : 0, &inode->base.uid_idx);
	if (rc == 0)
		rc = sqfs_id_table_id_to_index(t->w->ids, keep ? node->st.st_gid : 0,
					       &inode->base.gid_idx);
	return rc != 0 ? write_fail(t->w, rc, "write the table of owners", err) : 0;
}

static sqfs_inode_generic_t *make_other(const struct tree_node *node)
{
	size_t n = node->target ? strlen(node->target) : 0;
	sqfs_inode_generic_t *inode = calloc(1, sizeof(*inode) + n);
	mode_t type = node->st.st_mode & S_IFMT;

	if (!inode)
		return NULL;
	if (type == S_IFLNK) {
		inode->base.type = SQFS_INODE_SLINK;
		inode->data.slink.nlink = node->links;
		inode->data.slink.target_size = (sqfs_u32)n;
		memcpy(inode->extra, node->target, n);
		inode->payload_bytes_available = inode->payload_bytes_used = (sqfs_u32)n;
	} else if (type == S_IFIFO || type == S_IFSOCK) {
		inode->base.type = type == S_IFIFO ? SQFS_INODE_FIFO : SQFS_INODE_SOCKET;
		inode->data.ipc.nlink = node->links;
	} else {
		inode->base.type = type == S_IFBLK ? SQFS_INODE_BDEV : SQFS_INODE_CDEV;
		inode->data.dev.nlink = node->links;
		inode->data.dev.devno = encode_dev(node->st.st_rdev);
	}
	return inode;
}

static int finish_file(struct tables *t, const struct tree_node *node, sqfs_inode_generic_t *inode,
		       struct berth_err *err)
{
	int rc = 0;

	if (node->links > 1 || node->xattr != UINT32_MAX) {
		rc = sqfs_inode_make_extended(inode);
		if (rc == 0) {
			inode->data.file_ext.nlink = node->links;
			inode->data.file_ext.xattr_idx = node->xattr;
		}
	} else if (inode->base.type == SQFS_INODE_EXT_FILE) {
		inode->data.file_ext.nlink = 1;
	}
	return rc != 0 ? write_fail(t->w, rc, "write an inode", err) : 0;
}

static int write_inode(struct tables *t, struct tree_node *node, struct berth_err *err)
{
	sqfs_inode_generic_t *inode = node->inode;
	sqfs_u64 block;
	sqfs_u32 off;
	int rc;

	if (!inode)
		inode = node->inode = make_other(node);
	if (!inode)
		return berth_fail(err, BERTH_ESYS, ENOMEM, "cannot write an inode");
	if (S_ISREG(node->st.st_mode) && finish_file(t, node, inode, err) < 0)
		return -1;
	if (fill_base(t, node, inode, err) < 0)
		return -1;
	sqfs_meta_writer_get_position(t->inodes, &block, &off);
	node->ref = block << 16 | off;
	rc = sqfs_meta_writer_write_inode(t->inodes, inode);
	return rc != 0 ? write_fail(t->w, rc, "write an inode", err) : 0;
}

static int write_dir(struct tables *t, struct tree_node *dir, struct berth_err *err)
{
	sqfs_u32 parent = dir->parent ? dir->parent->number : t->count + 1;
	int rc;

	for (size_t i = 0; i < dir->nchild; i++) {
		struct tree_node *n = dir->child[i];

		if (n->same)
			continue;
		if ((S_ISDIR(n->st.st_mode) ? write_dir(t, n, err) : write_inode(t, n, err)) < 0)
			return -1;
	}
	rc = sqfs_dir_writer_begin(t->dirs, 0);
	for (size_t i = 0; i < dir->nchild && rc == 0; i++) {
		const struct tree_node *n = dir->child[i], *at = n->same ? n->same : n;

		rc = sqfs_dir_writer_add_entry(t->dirs, n->name, at->number, at->ref,
					       (sqfs_u16)at->st.st_mode);
	}
	if (rc == 0)
		rc = sqfs_dir_writer_end(t->dirs);
	if (rc != 0)
		return write_fail(t->w, rc, "write a directory", err);
	dir->inode = sqfs_dir_writer_create_inode(t->dirs, dir->links, dir->xattr, parent);
	if (!dir->inode)
		return berth_fail(err, BERTH_ESYS, ENOMEM, "cannot write a directory");
	return write_inode(t, dir, err);
}

static int write_all(struct tables *t, struct tree_node *root, struct berth_err *err)
{
	struct writer *w = t->w;
	int rc;

	w->super.inode_table_start = w->out.size;
	if (write_dir(t, root, err) < 0)
		return -1;
	rc = sqfs_meta_writer_flush(t->inodes);
	if (rc == 0)
		rc = sqfs_meta_writer_flush(t->entries);
	w->super.root_inode_ref = root->ref;
	w->super.directory_table_start = w->out.size;
	if (rc == 0)
		rc = sqfs_meta_write_write_to_file(t->entries);
	return rc != 0 ? write_fail(w, rc, "write the directories", err) : 0;
}

int write_tables(struct writer *w, struct tree *tree, struct berth_err *err)
{
	struct tables t = { .w = w };
	int rc = -1;

	number(tree->root, &t.count);
	tree->root->number = t.count + 1;
	w->super.inode_count = t.count + 1;
	t.inodes = sqfs_meta_writer_create(&w->out.base, w->cmp, 0);
	t.entries = sqfs_meta_writer_create(&w->out.base, w->cmp, SQFS_META_WRITER_KEEP_IN_MEMORY);
	t.dirs = t.entries ? sqfs_dir_writer_create(t.entries, 0) : NULL;
	if (t.inodes && t.entries && t.dirs)
		rc = write_all(&t, tree->root, err);
	else
		berth_fail(err, BERTH_ESYS, ENOMEM, "cannot write the directories");
	if (t.dirs)
		sqfs_destroy(t.dirs);
	if (t.entries)
		sqfs_destroy(t.entries);
	if (t.inodes)
		sqfs_destroy(t.inodes);
	return rc;
}
