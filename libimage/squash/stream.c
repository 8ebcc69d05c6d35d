/* SPDX-License-Identifier: BSD-3-Clause */
/* stream.c - a squashfs of files that stream by; see stream.h. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <sqfs/inode.h>
#include <sqfs/predef.h>
#include <sqfs/xattr_writer.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "libimage/base/cleanup.h"
#include "libimage/base/err.h"
#include "libimage/base/fd.h"
#include "libimage/squash/startset.h"
#include "libimage/squash/stream.h"
#include "libimage/squash/write_priv.h"

/* A file whose bytes wait in memory. */
struct held {
	struct tree_node *node; /* NULL: dropped, written, or settled and not found again */
	int fd;
	void *mark;		/* what stands in the node's 'inode' meanwhile, by which it is found again */
};

struct squash_stream {
	struct writer w;
	struct held held[STREAM_HELD_FILES];
	size_t nheld;
	uint64_t held_bytes;
	struct held *into; /* the file that comes in is kept; NULL: it is written */
	uint64_t come;	   /* bytes of it so far */
	struct tree_node *file; /* that is open, or NULL */
	struct tree_node *attrs; /* whose attributes come in, or NULL */
	uint64_t bytes;	   /* of all files */
};

int squash_stream_new(int out_fd, uint64_t at, const struct squash_write_options *opt,
		      struct squash_stream **ret, struct berth_err *err)
{
	struct squash_stream *s = calloc(1, sizeof(*s));

	if (!s)
		return berth_fail(err, BERTH_ESYS, ENOMEM, "cannot start the image");
	s->w.opt = opt;
	out_file_init(&s->w.out, out_fd, at);
	if (writer_open(&s->w, err) < 0) {
		(void)squash_stream_free(s);
		return -1;
	}
	*ret = s;
	return 0;
}

void squash_stream_stop(struct squash_stream *s)
{
	if (s)
		writer_close(&s->w);
}

struct squash_stream *squash_stream_free(struct squash_stream *s)
{
	if (!s)
		return NULL;
	squash_stream_stop(s);
	for (size_t i = 0; i < s->nheld; i++)
		cleanup_close_fn(&s->held[i].fd);
	free(s);
	return NULL;
}

void squash_stream_inode_free(void *inode)
{
	sqfs_free(inode);
}

/* ---- attributes -------------------------------------------------------------------------------- */

static int end_attrs(struct squash_stream *s, struct berth_err *err)
{
	struct tree_node *node = take_ptr(&s->attrs);
	sqfs_u32 index;
	int rc;

	if (!node)
		return 0;
	rc = sqfs_xattr_writer_end(s->w.xattrs, &index);
	if (rc != 0)
		return write_fail(&s->w, rc, "write attributes", err);
	node->xattr = index;
	return 0;
}

int squash_stream_xattr(struct squash_stream *s, struct tree_node *node, const char *name, const void *value,
			size_t n, struct berth_err *err)
{
	int rc;

	if (s->attrs != node) {
		if (end_attrs(s, err) < 0)
			return -1;
		rc = sqfs_xattr_writer_begin(s->w.xattrs, 0);
		if (rc != 0)
			return write_fail(&s->w, rc, "write attributes", err);
		s->attrs = node;
	}
	rc = sqfs_xattr_writer_add(s->w.xattrs, name, value, n);
	return rc != 0 ? write_fail(&s->w, rc, "write attributes", err) : 0;
}

/* ---- files ------------------------------------------------------------------------------------- */

/*
 * Take a place in memory for the file 'node', if it may be wanted later and there is room; else 'into' is
 * NULL. Want of a descriptor is an error: the same files would be other bytes with it than without.
 */
static int hold(struct squash_stream *s, struct tree_node *node, struct berth_err *err)
{
	uint64_t size = (uint64_t)node->st.st_size;
	struct held *h;

	s->into = NULL;
	if (size == 0 || s->nheld == STREAM_HELD_FILES || size > STREAM_HELD_MAX - s->held_bytes ||
	    !startset_may_want(node))
		return 0;
	h = &s->held[s->nheld];
	h->fd = memfd_create("berth-start", MFD_CLOEXEC);
	if (h->fd < 0)
		return berth_fail(err, BERTH_ESYS, errno, "cannot keep a file in memory");
	h->node = node;
	s->nheld++;
	s->held_bytes += size;
	s->into = h;
	return 0;
}

int squash_stream_begin(struct squash_stream *s, struct tree_node *node, struct berth_err *err)
{
	if (s->file)
		return berth_fail(err, BERTH_EBUG, 0, "two files of an image are written at once");
	if (hold(s, node, err) < 0)
		return -1;
	s->file = node;
	s->come = 0;
	return s->into ? 0 : writer_begin(&s->w, node, FILE_PACKED, err);
}

/* No byte more than was said, neither in memory nor in an image whose sizes were chosen by it. */
static int check_size(struct squash_stream *s, uint64_t n, struct berth_err *err)
{
	if (!s->file || n > (uint64_t)s->file->st.st_size - s->come)
		return berth_fail(err, BERTH_EBUG, 0, "a file of an image has more bytes than it said");
	s->come += n;
	return 0;
}

int squash_stream_data(struct squash_stream *s, const void *buf, size_t n, struct berth_err *err)
{
	if (check_size(s, n, err) < 0)
		return -1;
	if (!s->into)
		return writer_add(&s->w, buf, n, err);
	if (fd_write_full(s->into->fd, buf, n) < 0)
		return berth_fail(err, BERTH_ESYS, errno, "cannot keep a file in memory");
	return 0;
}

int squash_stream_zeros(struct squash_stream *s, uint64_t n, struct berth_err *err)
{
	if (check_size(s, n, err) < 0)
		return -1;
	if (!s->into)
		return writer_add_zeros(&s->w, n, err);
	if (ftruncate(s->into->fd, (off_t)s->come) < 0 || lseek(s->into->fd, 0, SEEK_END) < 0)
		return berth_fail(err, BERTH_ESYS, errno, "cannot keep a file in memory");
	return 0;
}

int squash_stream_end(struct squash_stream *s, struct berth_err *err)
{
	struct tree_node *node = take_ptr(&s->file);

	if (!node || s->come != (uint64_t)node->st.st_size)
		return berth_fail(err, BERTH_EBUG, 0, "a file of an image has fewer bytes than it said");
	s->bytes += s->come;
	return s->into ? 0 : writer_end(&s->w, err);
}

void squash_stream_drop(struct squash_stream *s, struct tree_node *node)
{
	s->bytes -= (uint64_t)node->st.st_size;
	for (size_t i = 0; i < s->nheld; i++) {
		struct held *h = &s->held[i];

		if (h->node != node && (!h->mark || h->mark != node->inode))
			continue;
		h->node = NULL;
		h->mark = NULL;
		s->held_bytes -= (uint64_t)node->st.st_size;
		cleanup_close_fn(&h->fd);
	}
}

/* ---- the end ----------------------------------------------------------------------------------- */

int squash_stream_settle(struct squash_stream *s, struct berth_err *err)
{
	int rc;

	if (s->file)
		return berth_fail(err, BERTH_EBUG, 0, "an image ends within a file");
	if (end_attrs(s, err) < 0)
		return -1;
	/* Of a file that ends in a fragment block the workers set the place when they come to it. */
	rc = sqfs_block_processor_sync(s->w.proc);
	if (rc != 0)
		return write_fail(&s->w, rc, "write file data", err);
	for (size_t i = 0; i < s->nheld; i++) {
		struct tree_node *node = take_ptr(&s->held[i].node);

		if (!node)
			continue;
		node->inode = calloc(1, sizeof(*node->inode));
		if (!node->inode)
			return berth_fail(err, BERTH_ESYS, ENOMEM, "cannot write an inode");
		s->held[i].mark = node->inode;
	}
	return 0;
}

/* Which nodes are the files that were kept? */
static void find_marks(struct squash_stream *s, const struct tree_node *dir)
{
	for (size_t k = 0; k < dir->nchild; k++) {
		struct tree_node *node = dir->child[k];

		if (S_ISDIR(node->st.st_mode))
			find_marks(s, node);
		for (size_t i = 0; node->inode && i < s->nheld; i++)
			if (s->held[i].mark == node->inode) {
				s->held[i].mark = NULL;
				s->held[i].node = node;
				sqfs_free(take_ptr(&node->inode));
			}
	}
}

static struct held *find_held(struct squash_stream *s, const struct tree_node *node)
{
	for (size_t i = 0; i < s->nheld; i++)
		if (s->held[i].node == node)
			return &s->held[i];
	return NULL;
}

static int open_held(void *arg, const struct tree_node *node)
{
	const struct held *h = find_held(arg, node);

	return h ? fcntl(h->fd, F_DUPFD_CLOEXEC, 0) : -1;
}

/* Write what was kept, and keep it no longer. */
static int write_held(struct squash_stream *s, struct held *h, enum file_form form, struct berth_err *err)
{
	struct tree_node *node = take_ptr(&h->node);
	size_t n = (size_t)node->st.st_size;
	void *p = mmap(NULL, n, PROT_READ, MAP_PRIVATE, h->fd, 0);
	int rc;

	if (p == MAP_FAILED)
		return berth_fail(err, BERTH_ESYS, errno, "cannot read a file that was kept in memory");
	rc = writer_begin(&s->w, node, form, err);
	if (rc == 0)
		rc = writer_add(&s->w, p, n, err);
	if (rc == 0)
		rc = writer_end(&s->w, err);
	(void)munmap(p, n);
	cleanup_close_fn(&h->fd);
	return rc;
}

static bool is_start(const struct startset *set, const struct tree_node *node)
{
	for (size_t i = 0; i < set->n; i++)
		if (set->v[i] == node)
			return true;
	return false;
}

/* Of what was kept: first what is a file like others, then the start-up set, each on pages of its own. */
static int write_kept(struct squash_stream *s, struct startset *set, struct berth_err *err)
{
	for (size_t i = 0; i < s->nheld; i++)
		if (s->held[i].node && !is_start(set, s->held[i].node) &&
		    write_held(s, &s->held[i], FILE_PACKED, err) < 0)
			return -1;
	set->bytes = 0;
	for (size_t i = 0; i < set->n; i++) {
		struct held *h = find_held(s, set->v[i]);

		/* What was not kept is written already. */
		if (!h)
			continue;
		set->bytes += (uint64_t)h->node->st.st_size;
		if (writer_pad(&s->w, err) < 0 || write_held(s, h, FILE_RAW_LAST, err) < 0)
			return -1;
	}
	return 0;
}

int squash_stream_finish(struct squash_stream *s, struct tree *t, struct squash_write_result *ret,
			 struct berth_err *err)
{
	const struct startset_reader r = { .arg = s, .open = open_held };
	struct startset set;

	find_marks(s, t->root);
	t->bytes = s->bytes;
	startset_choose_by(t, &r, &set);
	if (write_kept(s, &set, err) < 0 || writer_finish(&s->w, t, err) < 0)
		return -1;
	if (ret)
		*ret = (struct squash_write_result){
			.bytes = s->w.out.size,
			.inodes = s->w.super.inode_count,
			.start_bytes = set.bytes,
			.devices_left_out = t->devices_left_out,
		};
	return 0;
}
