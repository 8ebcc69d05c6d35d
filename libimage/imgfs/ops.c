/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * ops.c - what berth-imgfs answers the kernel.
 *
 * Node numbers are computed, so there is no table of nodes, forgetting costs nothing and any
 * thread answers any request: 1 the root, 2 + reference an inode of the image, TREE_VIRTUAL |
 * index a virtual entry. Nothing ever changes, so every answer is valid for ever, and open and
 * opendir are ENOSYS: the kernel asks once and then never again.
 */
#include "config.h"

#define FUSE_USE_VERSION 31
#include <fuse_lowlevel.h>

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "libimage/base/cleanup.h"
#include "libimage/base/log.h"
#include "libimage/imgfs/imgfs.h"

static const double FOREVER_S = 1e9;

enum {
	LOG_MAX = 20,	/* LIMIT: lines about damage; a damaged image can cause any number */
	PREFETCH_WORKERS = 3, /* one decompresses for the reader, one ahead, one for all others */
	SEQ_SLOTS = 256, /* LIMIT: files watched for sequential reading; a clash costs a prefetch */
	READ_MAX = 1 << 20, /* LIMIT: the largest read the kernel sends (256 pages) */
};
/* Directory positions: 1 and 2 are behind "." and "..", then the image's, then the virtual ones. */
static const off_t POS_IMAGE = 3, POS_VIRTUAL = (off_t)1 << 40;
/* Inode numbers of virtual entries; the image's have 32 bits. */
static const uint64_t VIRTUAL_INO = 1ull << 32;

static _Thread_local struct squash_worker *worker;
static _Thread_local uint8_t *scratch; /* READ_MAX bytes, made when first needed */
static _Atomic uint64_t sequence[SEQ_SLOTS];

void ops_thread(struct squash_worker *w)
{
	worker = w;
}

void log_damage(const struct berth_err *err)
{
	static atomic_int lines;
	int n = atomic_fetch_add_explicit(&lines, 1, memory_order_relaxed);

	if (n < LOG_MAX)
		log_line(LOG_ERROR, "%s", err->text);
	else if (n == LOG_MAX)
		log_line(LOG_ERROR, "further damage is not reported");
	else
		atomic_store_explicit(&lines, LOG_MAX + 1, memory_order_relaxed);
}

static void reply_damage(fuse_req_t req, const struct berth_err *err)
{
	log_damage(err);
	(void)fuse_reply_err(req, err->sys == ENOMEM ? ENOMEM : EIO);
}

static const struct imgfs *fs_of(fuse_req_t req)
{
	return fuse_req_userdata(req);
}

static fuse_ino_t node_of(const struct imgfs *fs, uint64_t ref)
{
	return ref == fs->root.ref ? FUSE_ROOT_ID : ref + 2;
}

static uint64_t ref_of(const struct imgfs *fs, fuse_ino_t node)
{
	return node == FUSE_ROOT_ID ? fs->root.ref : node - 2;
}

/* A node as the tree names it: directories of the image may have virtual entries too. */
static uint64_t tree_id(const struct imgfs *fs, fuse_ino_t node)
{
	return node & TREE_VIRTUAL ? node : ref_of(fs, node);
}

static void stat_inode(const struct imgfs *fs, const struct squash_inode *o, struct stat *st)
{
	*st = (struct stat){
		.st_ino = o->ino, .st_mode = o->mode, .st_nlink = o->nlink, .st_uid = o->uid,
		.st_gid = o->gid, .st_rdev = o->rdev, .st_size = (off_t)o->size,
		.st_blocks = (blkcnt_t)o->blocks,
		.st_blksize = (blksize_t)squash_info(fs->squash)->block_size,
		.st_mtim.tv_sec = o->mtime, .st_atim.tv_sec = o->mtime, .st_ctim.tv_sec = o->mtime,
	};
	if (S_ISDIR(o->mode))
		st->st_nlink += tree_dirs(fs->tree, o->ref);
}

/* Virtual entries look as if they had been made with the image's root directory. */
static void stat_virtual(const struct imgfs *fs, const struct tree_entry *e, struct stat *st)
{
	*st = (struct stat){
		.st_ino = VIRTUAL_INO + (e->id & ~TREE_VIRTUAL),
		.st_mode = e->is_dir ? S_IFDIR | 0755 : S_IFREG | 0644,
		.st_nlink = e->is_dir ? 2 + tree_dirs(fs->tree, e->id) : 1,
		.st_uid = fs->root.uid, .st_gid = fs->root.gid, .st_blksize = 4096,
		.st_mtim.tv_sec = fs->root.mtime, .st_atim.tv_sec = fs->root.mtime,
		.st_ctim.tv_sec = fs->root.mtime,
	};
}

static void entry_virtual(const struct imgfs *fs, const struct tree_entry *e, struct fuse_entry_param *p)
{
	*p = (struct fuse_entry_param){ .ino = e->id, .attr_timeout = FOREVER_S,
					.entry_timeout = FOREVER_S };
	stat_virtual(fs, e, &p->attr);
}

/* -1 and *err if the inode is damaged or is not of the kind that its name says. */
static int entry_image(const struct imgfs *fs, const struct squash_dirent *ent,
		       struct fuse_entry_param *p, struct berth_err *err)
{
	struct squash_inode o;

	if (squash_inode_get(worker, fs->squash, ent->ref, &o, err) < 0)
		return -1;
	if ((o.mode & S_IFMT) != ent->type)
		return berth_fail(err, BERTH_EIMAGE, 0,
				  "the image is damaged: '%s' is not what its directory says", ent->name);
	*p = (struct fuse_entry_param){ .ino = node_of(fs, ent->ref), .attr_timeout = FOREVER_S,
					.entry_timeout = FOREVER_S };
	stat_inode(fs, &o, &p->attr);
	return 0;
}

static void op_init(void *userdata, struct fuse_conn_info *conn)
{
	static const unsigned int yes = FUSE_CAP_ASYNC_READ | FUSE_CAP_PARALLEL_DIROPS |
					FUSE_CAP_READDIRPLUS | FUSE_CAP_READDIRPLUS_AUTO |
					FUSE_CAP_CACHE_SYMLINKS;

	(void)userdata;
	/* Exactly these: no AUTO_INVAL_DATA, no splice (blocks come from the cache), no locks. */
	conn->want = conn->capable & yes;
	workers_release();
}

static void op_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	const struct imgfs *fs = fs_of(req);
	const struct tree_entry *e = tree_find(fs->tree, tree_id(fs, parent), name);
	struct fuse_entry_param p = { .entry_timeout = FOREVER_S }; /* ino 0: remember the absence */
	struct berth_err err = BERTH_ERR_INIT;
	struct squash_inode dir;
	struct squash_dirent ent;
	int rc = 0;

	if (e) {
		entry_virtual(fs, e, &p);
	} else if (!(parent & TREE_VIRTUAL)) {
		if (squash_inode_get(worker, fs->squash, ref_of(fs, parent), &dir, &err) < 0 ||
		    (rc = squash_lookup(worker, &dir, name, &ent, &err)) < 0 ||
		    (rc > 0 && entry_image(fs, &ent, &p, &err) < 0)) {
			reply_damage(req, &err);
			return;
		}
	}
	(void)fuse_reply_entry(req, &p);
}

static void op_getattr(fuse_req_t req, fuse_ino_t node, struct fuse_file_info *fi)
{
	const struct imgfs *fs = fs_of(req);
	const struct tree_entry *e = tree_get(fs->tree, node);
	struct berth_err err = BERTH_ERR_INIT;
	struct squash_inode o;
	struct stat st;

	(void)fi;
	if (e) {
		stat_virtual(fs, e, &st);
	} else {
		if (squash_inode_get(worker, fs->squash, ref_of(fs, node), &o, &err) < 0) {
			reply_damage(req, &err);
			return;
		}
		stat_inode(fs, &o, &st);
	}
	(void)fuse_reply_attr(req, &st, FOREVER_S);
}

static void op_readlink(fuse_req_t req, fuse_ino_t node)
{
	struct berth_err err = BERTH_ERR_INIT;
	struct squash_inode o;
	char target[PATH_MAX];

	if (node & TREE_VIRTUAL) {
		(void)fuse_reply_err(req, EINVAL);
		return;
	}
	if (squash_inode_get(worker, fs_of(req)->squash, ref_of(fs_of(req), node), &o, &err) < 0) {
		reply_damage(req, &err);
	} else if (!S_ISLNK(o.mode)) {
		(void)fuse_reply_err(req, EINVAL);
	} else if (squash_readlink(worker, &o, target, &err) < 0) {
		reply_damage(req, &err);
	} else {
		(void)fuse_reply_readlink(req, target);
	}
}

/*
 * A file read from front to back: get the next block ready before it is asked for. The kernel
 * gives a server of a user 128 KiB of readahead, which is one block, so it alone would let
 * reader and decompressor take turns.
 */
static void prefetch(const struct imgfs *fs, const struct squash_inode *o, uint64_t off, size_t len)
{
	uint32_t bs = squash_info(fs->squash)->block_size;
	uint64_t key = o->ref * 0x9E3779B97F4A7C15u, end = off + len, before;
	struct berth_err err = BERTH_ERR_INIT;
	struct squash_span span;

	before = atomic_exchange_explicit(&sequence[key >> 56], key + end, memory_order_relaxed);
	if (fs->workers < PREFETCH_WORKERS || before != key + off || end >= o->size || end % bs != 0)
		return;
	if (squash_pin(worker, o, end, bs, &span, &err) == 0) /* damage is told to who reads it */
		squash_unpin(worker, &span);
}

static void read_file(fuse_req_t req, const struct squash_inode *o, uint64_t off, size_t size)
{
	struct berth_err err = BERTH_ERR_INIT;
	struct squash_span span;
	ssize_t got;

	if (squash_pin(worker, o, off, size, &span, &err) < 0) {
		reply_damage(req, &err);
		return;
	}
	if (span.len == size || off + span.len >= o->size) { /* straight from the cache */
		(void)fuse_reply_buf(req, (const char *)span.data, span.len);
		squash_unpin(worker, &span);
		return;
	}
	squash_unpin(worker, &span);
	if (!scratch)
		scratch = malloc(READ_MAX);
	if (!scratch) {
		(void)fuse_reply_err(req, ENOMEM);
		return;
	}
	got = squash_read(worker, o, off, scratch, size, &err);
	if (got < 0)
		reply_damage(req, &err);
	else
		(void)fuse_reply_buf(req, (const char *)scratch, (size_t)got);
}

static void op_read(fuse_req_t req, fuse_ino_t node, size_t size, off_t off, struct fuse_file_info *fi)
{
	const struct imgfs *fs = fs_of(req);
	struct berth_err err = BERTH_ERR_INIT;
	struct squash_inode o;

	(void)fi;
	if (node & TREE_VIRTUAL) {
		(void)fuse_reply_buf(req, NULL, 0);
		return;
	}
	if (squash_inode_get(worker, fs->squash, ref_of(fs, node), &o, &err) < 0) {
		reply_damage(req, &err);
		return;
	}
	if (!S_ISREG(o.mode) || off < 0 || size > READ_MAX) {
		(void)fuse_reply_err(req, EINVAL);
		return;
	}
	read_file(req, &o, (uint64_t)off, size);
	prefetch(fs, &o, (uint64_t)off, size);
}

/* A reply to readdir as it fills. */
struct listing {
	fuse_req_t req;
	const struct imgfs *fs;
	uint64_t dir; /* tree_id() */
	char *buf;
	size_t size, used;
	bool plus;
	struct berth_err *err;
};

/* Returns 1 when it is full. */
static int list_put(struct listing *l, const char *name, const struct fuse_entry_param *p, off_t next)
{
	char *at = l->buf + l->used;
	size_t room = l->size - l->used, n;

	n = l->plus ? fuse_add_direntry_plus(l->req, at, room, name, p, next) :
		      fuse_add_direntry(l->req, at, room, name, &p->attr, next);
	if (n > room)
		return 1;
	l->used += n;
	return 0;
}

static int list_image(void *arg, const struct squash_dirent *ent)
{
	struct listing *l = arg;
	struct fuse_entry_param p = { .attr.st_ino = ent->ino, .attr.st_mode = ent->type };

	if (tree_find(l->fs->tree, l->dir, ent->name)) /* hidden */
		return 0;
	if (l->plus && entry_image(l->fs, ent, &p, l->err) < 0)
		return l->used > 0 ? 1 : -1; /* what is good first; the next call meets it again */
	return list_put(l, ent->name, &p, POS_IMAGE + (off_t)ent->next);
}

static int list_virtual(struct listing *l, off_t from)
{
	const struct tree_entry *e =
		from > POS_VIRTUAL ? tree_get(l->fs->tree, TREE_VIRTUAL | (uint64_t)(from - POS_VIRTUAL - 1)) :
				     NULL;
	struct fuse_entry_param p;

	for (e = tree_next(l->fs->tree, l->dir, e); e; e = tree_next(l->fs->tree, l->dir, e)) {
		entry_virtual(l->fs, e, &p);
		if (list_put(l, e->name, &p, POS_VIRTUAL + 1 + (off_t)(e->id & ~TREE_VIRTUAL)))
			return 1;
	}
	return 0;
}

/* "." and ".."; their ino 0 in a readdirplus says that no node is handed out. */
static int list_dots(struct listing *l, uint64_t self, uint64_t parent, off_t from)
{
	struct fuse_entry_param p = { .attr.st_mode = S_IFDIR, .attr.st_ino = self };

	if (from < 1 && list_put(l, ".", &p, 1))
		return 1;
	p.attr.st_ino = parent;
	return from < 2 ? list_put(l, "..", &p, 2) : 0;
}

static int list_all(struct listing *l, fuse_ino_t node, off_t from)
{
	const struct tree_entry *e = tree_get(l->fs->tree, node), *up;
	struct squash_inode dir;
	int rc;

	if (e) {
		uint64_t parent = VIRTUAL_INO + (e->parent & ~TREE_VIRTUAL);

		up = tree_get(l->fs->tree, e->parent);
		if (!up) {
			if (squash_inode_get(worker, l->fs->squash, e->parent, &dir, l->err) < 0)
				return -1;
			parent = dir.ino;
		}
		return list_dots(l, VIRTUAL_INO + (e->id & ~TREE_VIRTUAL), parent, from) ||
		       list_virtual(l, from);
	}
	if (squash_inode_get(worker, l->fs->squash, ref_of(l->fs, node), &dir, l->err) < 0)
		return -1;
	if (!S_ISDIR(dir.mode))
		return berth_fail(l->err, BERTH_EIMAGE, 0, "the image is damaged: a directory is none");
	if (from < POS_VIRTUAL) {
		if (list_dots(l, dir.ino, node == FUSE_ROOT_ID ? dir.ino : dir.parent, from))
			return 1;
		rc = squash_list(worker, &dir, from > POS_IMAGE ? (uint64_t)(from - POS_IMAGE) : 0,
				 list_image, l, l->err);
		if (rc != 0)
			return rc;
	}
	return list_virtual(l, from);
}

static void list_dir(fuse_req_t req, fuse_ino_t node, size_t size, off_t from, bool plus)
{
	struct berth_err err = BERTH_ERR_INIT;
	cleanup_free char *buf = size <= READ_MAX ? malloc(size) : NULL;
	struct listing l = {
		.req = req, .fs = fs_of(req), .dir = tree_id(fs_of(req), node), .buf = buf,
		.size = size, .plus = plus, .err = &err,
	};

	if (!buf)
		(void)fuse_reply_err(req, ENOMEM);
	else if (list_all(&l, node, from) < 0 && l.used == 0)
		reply_damage(req, &err);
	else
		(void)fuse_reply_buf(req, buf, l.used);
}

static void op_readdir(fuse_req_t req, fuse_ino_t node, size_t size, off_t off, struct fuse_file_info *fi)
{
	(void)fi;
	list_dir(req, node, size, off, false);
}

static void op_readdirplus(fuse_req_t req, fuse_ino_t node, size_t size, off_t off,
			   struct fuse_file_info *fi)
{
	(void)fi;
	list_dir(req, node, size, off, true);
}

static void op_statfs(fuse_req_t req, fuse_ino_t node)
{
	const struct squash_info *info = squash_info(fs_of(req)->squash);
	struct statvfs st = {
		.f_bsize = info->block_size, .f_frsize = info->block_size,
		.f_blocks = (info->bytes_used + info->block_size - 1) / info->block_size,
		.f_files = info->inodes + tree_count(fs_of(req)->tree), .f_namemax = SQUASH_NAME_MAX,
	};

	(void)node;
	(void)fuse_reply_statfs(req, &st);
}

/* KERNEL: ENOSYS to open and opendir (FUSE_NO_OPEN_SUPPORT 3.16, FUSE_NO_OPENDIR_SUPPORT 5.1)
 * means "no need to ask", for the whole connection, and that caches are kept. libfuse would
 * answer success for operations that are left out, so these two must be here. */
static void op_open(fuse_req_t req, fuse_ino_t node, struct fuse_file_info *fi)
{
	(void)node;
	(void)fi;
	(void)fuse_reply_err(req, ENOSYS);
}

/* Left out, thus ENOSYS and never sent again: flush, lseek, getxattr, listxattr, access. */
const struct fuse_lowlevel_ops imgfs_ops = {
	.init = op_init,
	.lookup = op_lookup,
	.getattr = op_getattr,
	.readlink = op_readlink,
	.open = op_open,
	.opendir = op_open,
	.read = op_read,
	.readdir = op_readdir,
	.readdirplus = op_readdirplus,
	.statfs = op_statfs,
};
