/* SPDX-License-Identifier: BSD-3-Clause */
/* inode.c - inodes by reference, their owners, and the targets of links; see squash.h. */
#include "config.h"

#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "libimage/base/num.h"
#include "libimage/squash/squash_i.h"

enum {
	TYPE_DIR = 1, TYPE_FILE, TYPE_LINK, TYPE_BLOCK, TYPE_CHAR, TYPE_FIFO, TYPE_SOCKET,
	TYPE_EXT, /* added to the seven above, less one */
	TYPE_LAST = 14,
	COMMON_BYTES = 16,
	FIXED_MAX = 40, /* LIMIT: of 'types' */
};

/* What follows the common part: how many bytes, and where in them is the number of the attributes. */
static const struct {
	mode_t type;
	uint8_t bytes, xattr_at; /* 0: it has none, or behind the target (links) */
} types[TYPE_LAST + 1] = {
	[1] = { S_IFDIR, 16, 0 },   [2] = { S_IFREG, 16, 0 },	[3] = { S_IFLNK, 8, 0 },
	[4] = { S_IFBLK, 8, 0 },    [5] = { S_IFCHR, 8, 0 },	[6] = { S_IFIFO, 4, 0 },
	[7] = { S_IFSOCK, 4, 0 },   [8] = { S_IFDIR, 24, 20 },	[9] = { S_IFREG, 40, 36 },
	[10] = { S_IFLNK, 8, 0 },   [11] = { S_IFBLK, 12, 8 },	[12] = { S_IFCHR, 12, 8 },
	[13] = { S_IFIFO, 8, 4 },   [14] = { S_IFSOCK, 8, 4 },
};

static int get_id(struct squash_worker *w, const struct squash *fs, uint16_t i, uint32_t *ret,
		  struct berth_err *err)
{
	struct id_kept *kept = &w->ids[i % IDS_KEPT];
	uint8_t raw[ID_BYTES];

	if (kept->fs != fs || kept->i != i) {
		if (meta_table(w, &fs->ids, i, raw, err) < 0)
			return -1;
		kept->fs = fs;
		kept->i = i;
		kept->id = num_le32(raw);
	}
	*ret = kept->id;
	return 0;
}

static void parse_dir(struct squash_inode *o, const uint8_t *p, bool ext)
{
	if (ext) {
		o->nlink = num_le32(p);
		o->size = num_le32(p + 4);
		o->data_start = num_le32(p + 8);
		o->parent = num_le32(p + 12);
		o->index_count = num_le16(p + 16);
		o->data_offset = num_le16(p + 18);
	} else {
		o->data_start = num_le32(p);
		o->nlink = num_le32(p + 4);
		o->size = num_le16(p + 8);
		o->data_offset = num_le16(p + 10);
		o->parent = num_le32(p + 12);
	}
}

static int parse_file(const struct squash *s, struct squash_inode *o, const uint8_t *p, bool ext,
		      struct berth_err *err)
{
	uint64_t sparse = 0;

	if (ext) {
		o->data_start = num_le64(p);
		o->size = num_le64(p + 8);
		sparse = num_le64(p + 16);
		o->nlink = num_le32(p + 24);
		o->fragment = num_le32(p + 28);
		o->fragment_offset = num_le32(p + 32);
	} else {
		o->data_start = num_le32(p);
		o->fragment = num_le32(p + 4);
		o->fragment_offset = num_le32(p + 8);
		o->size = num_le32(p + 12);
		o->nlink = 1;
	}
	if (o->size >> s->block_log >= FILE_BLOCKS_MAX)
		return squash_damaged(err, "a file of %" PRIu64 " bytes", o->size);
	if (o->fragment != NO_FRAGMENT && o->fragment >= s->fragments.n)
		return squash_damaged(err, "fragment %" PRIu32 " of %" PRIu32, o->fragment, s->fragments.n);
	if (sparse > o->size)
		sparse = o->size;
	o->blocks = (o->size - sparse + 511) / 512;
	return 0;
}

/* The device number as Linux packs it in 32 bits: 12 bits major, 20 bits minor. */
static dev_t parse_dev(uint32_t v)
{
	return makedev((v & 0xfff00) >> 8, (v & 0xff) | ((v >> 12) & 0xfff00));
}

static int parse(const struct squash *s, struct squash_inode *o, unsigned int type, const uint8_t *p,
		 struct berth_err *err)
{
	bool ext = type >= TYPE_EXT;

	switch (ext ? type - TYPE_EXT + 1 : type) {
	case TYPE_DIR:
		parse_dir(o, p, ext);
		break;
	case TYPE_FILE:
		return parse_file(s, o, p, ext, err);
	case TYPE_LINK:
		o->nlink = num_le32(p);
		o->size = num_le32(p + 4);
		if (o->size == 0 || o->size >= PATH_MAX)
			return squash_damaged(err, "a link of %" PRIu64 " bytes", o->size);
		break;
	case TYPE_BLOCK:
	case TYPE_CHAR:
		o->nlink = num_le32(p);
		o->rdev = parse_dev(num_le32(p + 4));
		break;
	default:
		o->nlink = num_le32(p);
		break;
	}
	return 0;
}

/* The number of the attributes; 'm' is behind the fixed part 'p'. */
static int parse_xattr(struct squash_inode *o, unsigned int type, const uint8_t *p, struct meta_cur *m,
		       struct berth_err *err)
{
	uint8_t raw[4];

	if (type == TYPE_LINK + TYPE_EXT - 1) {
		if (meta_read(m, NULL, o->size, err) < 0 || meta_read(m, raw, sizeof(raw), err) < 0)
			return -1;
		o->xattr = num_le32(raw);
	} else if (types[type].xattr_at > 0) {
		o->xattr = num_le32(p + types[type].xattr_at);
	}
	if (o->xattr == SQUASH_XATTR_NONE || o->xattr < o->fs->xattrs.n)
		return 0;
	if (o->fs->info.has_xattrs)
		return squash_damaged(err, "attributes %" PRIu32 " of %" PRIu32, o->xattr, o->fs->xattrs.n);
	o->xattr = SQUASH_XATTR_NONE; /* they were left out of the image */
	return 0;
}

/* All but the owners, whose numbers in the table go to 'owner'. */
static int read_inode(struct meta_cur *m, struct squash_inode *o, uint16_t owner[2], struct berth_err *err)
{
	uint8_t head[COMMON_BYTES], rest[FIXED_MAX];
	unsigned int type;

	if (meta_seek(m, o->fs->inode_table + (o->ref >> 16), o->ref & 0xffff, err) < 0 ||
	    meta_read(m, head, sizeof(head), err) < 0)
		return -1;
	type = num_le16(head);
	if (type < 1 || type > TYPE_LAST)
		return squash_damaged(err, "inode type %u", type);
	if (meta_read(m, rest, types[type].bytes, err) < 0)
		return -1;
	o->tail_block = m->block;
	o->tail_offset = m->off;
	o->mode = types[type].type | (num_le16(head + 2) & 07777);
	o->mtime = num_le32(head + 8);
	o->ino = num_le32(head + 12);
	owner[0] = num_le16(head + 4);
	owner[1] = num_le16(head + 6);
	return parse(o->fs, o, type, rest, err) < 0 ? -1 : parse_xattr(o, type, rest, m, err);
}

int squash_inode_get(struct squash_worker *w, struct squash *fs, uint64_t ref,
		     struct squash_inode *ret, struct berth_err *err)
{
	struct squash_inode o = {
		.fs = fs, .ref = ref, .fragment = NO_FRAGMENT, .xattr = SQUASH_XATTR_NONE,
	};
	uint16_t owner[2] = { 0 };
	struct meta_cur m;
	int rc;

	if (ref >> SQUASH_REF_BITS)
		return squash_damaged(err, "an inode lies outside");
	meta_init(&m, w, fs, fs->inode_table, fs->dir_table);
	rc = read_inode(&m, &o, owner, err);
	meta_done(&m);
	if (rc < 0 || get_id(w, fs, owner[0], &o.uid, err) < 0 || get_id(w, fs, owner[1], &o.gid, err) < 0)
		return -1;
	*ret = o;
	return 0;
}

ssize_t squash_readlink(struct squash_worker *w, const struct squash_inode *inode, char out[PATH_MAX],
			struct berth_err *err)
{
	struct meta_cur m;
	int rc;

	if (!S_ISLNK(inode->mode))
		return berth_fail(err, BERTH_EBUG, 0, "not a symbolic link");
	meta_init(&m, w, inode->fs, inode->fs->inode_table, inode->fs->dir_table);
	rc = meta_seek(&m, inode->tail_block, inode->tail_offset, err);
	if (rc == 0)
		rc = meta_read(&m, out, inode->size, err);
	meta_done(&m);
	if (rc < 0)
		return -1;
	out[inode->size] = '\0';
	if (strlen(out) != inode->size)
		return squash_damaged(err, "a link's target has a NUL");
	return (ssize_t)inode->size;
}
