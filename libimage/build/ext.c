/* SPDX-License-Identifier: BSD-3-Clause */
/* ext.c - an ext2, ext3 or ext4 file system is read; see ext.h. */
#include "config.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "libimage/base/cleanup.h"
#include "libimage/base/err.h"
#include "libimage/base/fd.h"
#include "libimage/base/num.h"
#include "libimage/base/str.h"
#include "libimage/build/ext.h"
#include "libimage/build/ext_io.h"
#include "libimage/layer/flat.h"

enum {
	PIECE = 1 << 20,
	DEPTH_MAX = 400,	  /* LIMIT: as flat.h */
	MAGIC_AT = 1024 + 56, MAGIC = 0xef53, /* FORMAT: linux/fs/ext4/ext4.h, s_magic */
	SMALLEST_INODE = 128,
};
/* LIMIT: of all files, holes too: a thousand times the image, as flat.h has it of layers, and 1 TiB. */
#define BYTES_MAX ((uint64_t)1 << 40)
#define BYTES_RATIO ((uint64_t)1000)
#define BYTES_LEAST ((uint64_t)1 << 30)

struct walk {
	ext2_filsys fs;
	struct flat *flat;
	struct strbuf path;
	char **first;	 /* of each inode: where it was; only of what may come again */
	uint32_t inodes;
	unsigned int depth;
	uint64_t bytes_left;
	char *buf;	 /* of PIECE bytes */
};

static void walk_done(struct walk *w)
{
	for (uint64_t i = 0; w->first && i <= w->inodes; i++)
		free(w->first[i]);
	free(w->first);
	free(w->buf);
	strbuf_done(&w->path);
	if (w->fs)
		(void)ext2fs_close_free(&w->fs);
}

bool ext_is(int fd, uint64_t at)
{
	uint8_t magic[2];

	return fd_pread_full(fd, magic, sizeof(magic), (off_t)at + MAGIC_AT) == 0 && num_le16(magic) == MAGIC;
}

static const char *here(const struct walk *w)
{
	return w->path.len > 0 ? w->path.text : "";
}

static int no_memory(struct berth_err *err)
{
	return berth_fail(err, BERTH_ESYS, ENOMEM, "cannot read an ext3 image");
}

static int damaged(const struct walk *w, const char *what, struct berth_err *err)
{
	char shown[128];

	str_escape(w->path.len > 0 ? w->path.text : "/", shown, sizeof(shown));
	berth_fail(err, BERTH_EIMAGE, 0, "the ext3 image is damaged: %s at '%s'", what, shown);
	return berth_hint(err, "fsck.ext3 -f repairs what it can, of a copy");
}

static int failed(const struct walk *w, errcode_t rc, const char *what, struct berth_err *err)
{
	return rc == EXT2_ET_NO_MEMORY || rc == ENOMEM ? no_memory(err) : damaged(w, what, err);
}

/* ---- directories ------------------------------------------------------------------------------- */

struct entry {
	ext2_ino_t ino;
	char *name;
};

struct list {
	struct entry *v;
	size_t n, size;
	bool failed, odd;
};

static void list_done(struct list *l)
{
	for (size_t i = 0; i < l->n; i++)
		free(l->v[i].name);
	free(l->v);
}

static int take_entry(struct ext2_dir_entry *d, int offset, int block_size, char *block, void *arg)
{
	size_t n = (size_t)ext2fs_dirent_name_len(d);
	struct list *l = arg;

	(void)offset;
	(void)block_size;
	(void)block;
	if ((n == 1 && d->name[0] == '.') || (n == 2 && memcmp(d->name, "..", 2) == 0))
		return 0;
	l->odd = n == 0 || memchr(d->name, '/', n) || memchr(d->name, '\0', n);
	if (l->odd)
		return DIRENT_ABORT;
	if (l->n == l->size) {
		size_t size = l->size ? 2 * l->size : 16;
		struct entry *v = reallocarray(l->v, size, sizeof(*v));

		l->failed = !v;
		if (!v)
			return DIRENT_ABORT;
		l->v = v;
		l->size = size;
	}
	l->v[l->n] = (struct entry){ .ino = d->inode, .name = strndup(d->name, n) };
	l->failed = !l->v[l->n].name;
	if (l->failed)
		return DIRENT_ABORT;
	l->n++;
	return 0;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct entry *)a)->name, ((const struct entry *)b)->name);
}

static int list_dir(struct walk *w, ext2_ino_t ino, struct list *l, struct berth_err *err)
{
	errcode_t rc = ext2fs_dir_iterate(w->fs, ino, 0, NULL, take_entry, l);

	if (l->failed)
		return no_memory(err);
	if (rc != 0 || l->odd)
		return failed(w, rc, "a directory that cannot be read", err);
	if (l->n > 1)
		qsort(l->v, l->n, sizeof(*l->v), by_name);
	for (size_t i = 1; i < l->n; i++)
		if (strcmp(l->v[i - 1].name, l->v[i].name) == 0)
			return damaged(w, "a name that is there twice", err);
	return 0;
}

/* ---- attributes -------------------------------------------------------------------------------- */

struct attrs {
	struct flat_xattr *v;
	size_t n;
	bool failed;
};

static void attrs_done(struct attrs *a)
{
	for (size_t i = 0; i < a->n; i++) {
		free((void *)(uintptr_t)a->v[i].name);
		free((void *)(uintptr_t)a->v[i].value);
	}
	free(a->v);
}

static int take_attr(char *name, char *value, size_t n, void *arg)
{
	struct flat_xattr *v;
	struct attrs *a = arg;
	char *own = NULL;

	if (!str_after(name, "user."))
		return 0;
	v = reallocarray(a->v, a->n + 1, sizeof(*v));
	own = malloc(n + 1);
	if (v)
		a->v = v;
	a->failed = !v || !own;
	if (a->failed) {
		free(own);
		return XATTR_ABORT;
	}
	memcpy(own, value, n);
	v[a->n] = (struct flat_xattr){ .name = strdup(name), .value = own, .n = n };
	a->n++;
	a->failed = !v[a->n - 1].name;
	return a->failed ? XATTR_ABORT : 0;
}

static int by_attr(const void *a, const void *b)
{
	return strcmp(((const struct flat_xattr *)a)->name, ((const struct flat_xattr *)b)->name);
}

static int get_attrs(struct walk *w, ext2_ino_t ino, const struct ext2_inode *inode, struct attrs *ret,
		     struct berth_err *err)
{
	struct ext2_xattr_handle *h = NULL;
	errcode_t rc;

	if (inode->i_file_acl == 0 && EXT2_INODE_SIZE(w->fs->super) == EXT2_GOOD_OLD_INODE_SIZE)
		return 0;
	rc = ext2fs_xattrs_open(w->fs, ino, &h);
	if (rc == 0)
		rc = ext2fs_xattrs_read(h);
	if (rc == 0)
		rc = ext2fs_xattrs_iterate(h, take_attr, ret);
	if (h)
		(void)ext2fs_xattrs_close(&h);
	if (ret->failed)
		return no_memory(err);
	if (rc != 0)
		return failed(w, rc, "attributes that cannot be read", err);
	if (ret->n > 1)
		qsort(ret->v, ret->n, sizeof(*ret->v), by_attr);
	return 0;
}

/* ---- files and links --------------------------------------------------------------------------- */

static bool is_zero(const char *p, size_t n)
{
	return p[0] == 0 && memcmp(p, p + 1, n - 1) == 0;
}

/* The next bytes of an open file into w->buf. The count, never 0, or -1. */
static ssize_t read_piece(struct walk *w, ext2_file_t file, uint64_t left, struct berth_err *err)
{
	unsigned int want = left < PIECE ? (unsigned int)left : PIECE, got = 0;
	errcode_t rc = ext2fs_file_read(file, w->buf, want, &got);

	if (rc != 0 || got == 0)
		return failed(w, rc, "a file that cannot be read", err);
	return (ssize_t)got;
}

static int feed_bytes(struct walk *w, ext2_file_t file, uint64_t size, struct berth_err *err)
{
	while (size > 0) {
		ssize_t n = read_piece(w, file, size, err);

		if (n < 0 || (is_zero(w->buf, (size_t)n) ? flat_zeros(w->flat, (uint64_t)n, err)
							 : flat_data(w->flat, w->buf, (size_t)n, err)) < 0)
			return -1;
		size -= (uint64_t)n;
	}
	return flat_end(w->flat, err);
}

static int feed_file(struct walk *w, ext2_ino_t ino, uint64_t size, struct berth_err *err)
{
	ext2_file_t file;
	errcode_t rc;
	int ret;

	if (size > w->bytes_left)
		return damaged(w, "files of more bytes than such an image may have", err);
	w->bytes_left -= size;
	rc = ext2fs_file_open(w->fs, ino, 0, &file);
	if (rc != 0)
		return failed(w, rc, "a file that cannot be read", err);
	ret = feed_bytes(w, file, size, err);
	(void)ext2fs_file_close(file);
	return ret;
}

/* The target of a link, as a text in 'target'. */
static int read_link(struct walk *w, ext2_ino_t ino, struct ext2_inode *inode, char target[PATH_MAX],
		     struct berth_err *err)
{
	uint64_t size = EXT2_I_SIZE(inode);
	unsigned int got = 0;
	ext2_file_t file;
	errcode_t rc;

	if (size == 0 || size >= PATH_MAX)
		return damaged(w, "a link without a target", err);
	if (ext2fs_is_fast_symlink(inode) && size < sizeof(inode->i_block)) {
		memcpy(target, inode->i_block, (size_t)size);
	} else {
		rc = ext2fs_file_open(w->fs, ino, 0, &file);
		if (rc == 0) {
			rc = ext2fs_file_read(file, target, (unsigned int)size, &got);
			(void)ext2fs_file_close(file);
		}
		if (rc != 0 || got != size)
			return failed(w, rc, "a link that cannot be read", err);
	}
	target[size] = '\0';
	return strlen(target) == size ? 0 : damaged(w, "a link's target with a NUL in it", err);
}

static dev_t device_of(const struct ext2_inode *inode)
{
	uint32_t old = inode->i_block[0], new = inode->i_block[1];

	if (old != 0)
		return makedev(old >> 8 & 0xff, old & 0xff);
	return makedev((new & 0xfff00) >> 8, (new & 0xff) | (new >> 12 & 0xfff00));
}

static struct stat stat_of(const struct ext2_inode *inode)
{
	return (struct stat){
		.st_mode = inode->i_mode,
		.st_uid = inode_uid(*inode),
		.st_gid = inode_gid(*inode),
		.st_size = S_ISREG(inode->i_mode) ? (off_t)EXT2_I_SIZE(inode) : 0,
		.st_rdev = S_ISCHR(inode->i_mode) || S_ISBLK(inode->i_mode) ? device_of(inode) : 0,
		.st_mtim.tv_sec = (int32_t)inode->i_mtime, /* ext3 has no more bits */
	};
}

/* ---- the tree ---------------------------------------------------------------------------------- */

static int walk_dir(struct walk *w, ext2_ino_t ino, struct berth_err *err);

/* Was this inode here before? */
static int know(struct walk *w, ext2_ino_t ino, const struct ext2_inode *inode, const char **same,
		struct berth_err *err)
{
	char **slot = &w->first[ino];

	*same = NULL;
	if (*slot && S_ISDIR(inode->i_mode))
		return damaged(w, "a directory that is in two places", err);
	if (*slot) {
		*same = *slot;
		return 0;
	}
	if (!S_ISDIR(inode->i_mode) && inode->i_links_count < 2)
		return 0;
	*slot = strdup(here(w));
	return *slot ? 0 : no_memory(err);
}

static bool is_known_type(mode_t mode)
{
	return S_ISREG(mode) || S_ISDIR(mode) || S_ISLNK(mode) || S_ISCHR(mode) || S_ISBLK(mode) || S_ISFIFO(mode) ||
	       S_ISSOCK(mode);
}

/* An entry whose inode was read; what it holds follows. */
static int feed_inode(struct walk *w, ext2_ino_t ino, struct ext2_inode *inode, struct berth_err *err)
{
	cleanup(attrs_done) struct attrs attrs = { 0 };
	struct flat_entry e = { .path = w->path.len > 0 ? w->path.text : ".", .st = stat_of(inode) };
	char target[PATH_MAX];
	int rc;

	if (know(w, ino, inode, &e.link, err) < 0)
		return -1;
	if (!e.link) {
		if (S_ISLNK(inode->i_mode) && read_link(w, ino, inode, target, err) < 0)
			return -1;
		e.target = S_ISLNK(inode->i_mode) ? target : NULL;
		if (get_attrs(w, ino, inode, &attrs, err) < 0)
			return -1;
		e.xattrs = attrs.v;
		e.nxattrs = attrs.n;
	}
	rc = flat_add(w->flat, &e, err);
	if (rc > 0)
		return feed_file(w, ino, EXT2_I_SIZE(inode), err);
	if (rc < 0 || !S_ISDIR(inode->i_mode))
		return rc;
	return walk_dir(w, ino, err);
}

static int feed_entry(struct walk *w, const struct entry *e, struct berth_err *err)
{
	struct ext2_inode inode;
	errcode_t rc;

	if (e->ino == 0 || e->ino > w->inodes)
		return damaged(w, "an inode's number is beyond their count", err);
	rc = ext2fs_read_inode(w->fs, e->ino, &inode);
	if (rc != 0)
		return failed(w, rc, "an inode that cannot be read", err);
	if (inode.i_links_count == 0 || !is_known_type(inode.i_mode))
		return damaged(w, "a name without a file", err);
	/* fsck's own directory */
	if (w->depth == 1 && strcmp(e->name, "lost+found") == 0 && S_ISDIR(inode.i_mode))
		return 0;
	return feed_inode(w, e->ino, &inode, err);
}

static int walk_dir(struct walk *w, ext2_ino_t ino, struct berth_err *err)
{
	cleanup(list_done) struct list l = { 0 };
	size_t len = w->path.len;

	if (++w->depth > DEPTH_MAX)
		return damaged(w, "too many levels of directories", err);
	if (list_dir(w, ino, &l, err) < 0)
		return -1;
	for (size_t i = 0; i < l.n; i++) {
		if (len > 0)
			strbuf_puts(&w->path, "/");
		strbuf_puts(&w->path, l.v[i].name);
		if (!strbuf_ok(&w->path))
			return no_memory(err);
		if (feed_entry(w, &l.v[i], err) < 0)
			return -1;
		w->path.len = len;
		w->path.text[len] = '\0';
	}
	w->depth--;
	return 0;
}

/* What does not agree with the file's size was made up, and what is in the journal is not in the files. */
static int check_super(const struct walk *w, uint64_t size, struct berth_err *err)
{
	struct ext2_super_block *s = w->fs->super;

	if (s->s_inodes_count == 0 || s->s_inodes_count > size / SMALLEST_INODE)
		return damaged(w, "more inodes than there is room for", err);
	if (!ext2fs_has_feature_journal_needs_recovery(s))
		return 0;
	berth_fail(err, BERTH_EIMAGE, 0, "the ext3 image was in use when it was last written: its journal is not empty");
	return berth_hint(err, "let fsck.ext3 -p bring it up to date, or use it once with what made it");
}

int ext_feed(int fd, uint64_t at, uint64_t size, struct flat *f, struct berth_err *err)
{
	cleanup(walk_done) struct walk w = { .flat = f };
	struct ext2_inode root;
	errcode_t rc = ext_io_open(fd, at, size, &w.fs);

	if (rc != 0)
		return failed(&w, rc, "nothing that can be opened", err);
	if (check_super(&w, size, err) < 0)
		return -1;
	w.inodes = w.fs->super->s_inodes_count;
	w.bytes_left = size > BYTES_MAX / BYTES_RATIO ? BYTES_MAX : size * BYTES_RATIO;
	if (w.bytes_left < BYTES_LEAST)
		w.bytes_left = BYTES_LEAST;
	w.first = calloc((size_t)w.inodes + 1, sizeof(*w.first));
	w.buf = malloc(PIECE);
	if (!w.first || !w.buf)
		return no_memory(err);
	rc = ext2fs_read_inode(w.fs, EXT2_ROOT_INO, &root);
	if (rc != 0 || !S_ISDIR(root.i_mode))
		return failed(&w, rc, "no directory", err);
	return feed_inode(&w, EXT2_ROOT_INO, &root, err);
}
