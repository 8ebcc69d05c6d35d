/* SPDX-License-Identifier: BSD-3-Clause */
/* sandbox_file.c - what is in a directory that is made of a squashfs; see sandbox.h. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "libimage/base/cleanup.h"
#include "libimage/base/err.h"
#include "libimage/base/fd.h"
#include "libimage/base/str.h"
#include "libimage/build/sandbox_file.h"
#include "libimage/squash/walk.h"

enum {
	HOLE = 4096,	  /* so many zeros in a row are not written */
	LOOK_EVERY = 256, /* visits between two looks at the wish to end */
};

/* A directory that its owner may not enter gets its mode last, for links may be to what is in it. */
struct late {
	char *path;
	mode_t mode;
};

struct fill {
	const struct sandbox_options *opt;
	struct sandbox_result *res;
	int level[SQUASH_WALK_DEPTH + 2]; /* the directories that are open, level[0] the root */
	size_t nlevel;
	struct late *late;
	size_t nlate;
	uint64_t seen;
	/* the file that is written */
	int file;
	off_t file_at;
};

static void fill_done(struct fill *f)
{
	/* level[0] is the caller's */
	while (f->nlevel > 1)
		cleanup_close_fn(&f->level[--f->nlevel]);
	for (size_t i = 0; i < f->nlate; i++)
		free(f->late[i].path);
	free(f->late);
}

static int fail(const char *path, struct berth_err *err)
{
	int sys = errno;
	char shown[200];

	str_escape(path[0] ? path : "/", shown, sizeof(shown));
	return berth_fail(err, BERTH_ESYS, sys, "cannot make '%s' of the image", shown);
}

static int look_for_end(struct fill *f, struct berth_err *err)
{
	struct pollfd p = { .fd = f->opt->cancel_fd, .events = POLLIN };

	if (f->opt->cancel_fd >= 0 && f->seen++ % LOOK_EVERY == 0 && poll(&p, 1, 0) > 0)
		return berth_fail(err, BERTH_ESYS, EINTR, "the conversion was ended");
	return 0;
}

/* What of the image's mode a file here gets. */
static mode_t mode_of(const struct fill *f, const struct squash_inode *i)
{
	mode_t mode = i->mode & 07777;

	/*
	 * Owned by the caller a program with these bits would let everybody be the caller. Of a directory
	 * setgid only says whose group new files are of.
	 */
	if (!f->opt->keep_owner)
		mode &= S_ISDIR(i->mode) ? 03777 : 01777;
	if (f->opt->fix_modes)
		mode |= S_ISDIR(i->mode) || (mode & 0111) ? 0700 : 0600;
	return mode;
}

static void times_of(const struct squash_inode *i, struct timespec ts[2])
{
	ts[0] = ts[1] = (struct timespec){ .tv_sec = i->mtime };
}

static int put_attrs(struct fill *f, const struct squash_visit *v, int fd, struct berth_err *err)
{
	struct squash_attrs a = { 0 };
	int rc = squash_visit_attrs(v, &a, err);

	for (size_t i = 0; rc == 0 && i < a.n; i++) {
		if (fsetxattr(fd, a.v[i].name, a.v[i].value, a.v[i].n, 0) == 0)
			continue;
		if (errno == EOPNOTSUPP)
			f->res->attributes_left_out++;
		else
			rc = fail(v->path, err);
	}
	squash_attrs_done(&a);
	return rc;
}

/* Owner, mode and time, in this order: a change of owner takes setuid bits away. */
static int finish(struct fill *f, const struct squash_visit *v, int fd, mode_t mode, struct berth_err *err)
{
	struct timespec ts[2];

	times_of(v->inode, ts);
	if ((f->opt->keep_owner && fchown(fd, v->inode->uid, v->inode->gid) < 0) || fchmod(fd, mode) < 0 ||
	    futimens(fd, ts) < 0)
		return fail(v->path, err);
	return 0;
}

/* ---- files ------------------------------------------------------------------------------------- */

static bool is_zero(const char *p, size_t n)
{
	return p[0] == 0 && memcmp(p, p + 1, n - 1) == 0;
}

/* Pages of zeros are left out: files had holes there, most likely. */
static int put_bytes(void *arg, const void *bytes, size_t n, struct berth_err *err)
{
	struct fill *f = arg;
	const char *p = bytes;

	if (look_for_end(f, err) < 0)
		return -1;
	while (n > 0) {
		size_t run = 0, piece;

		while (run < n && (piece = n - run < HOLE ? n - run : HOLE) && !is_zero(p + run, piece))
			run += piece;
		if (run > 0 && fd_pwrite_full(f->file, p, run, f->file_at) < 0)
			return berth_fail(err, BERTH_ESYS, errno, "cannot write a file");
		if (run == 0)
			run = n < HOLE ? n : HOLE;
		p += run;
		n -= run;
		f->file_at += (off_t)run;
	}
	return 0;
}

static int make_file(struct fill *f, const struct squash_visit *v, int dir, struct berth_err *err)
{
	cleanup_close int fd = openat(dir, v->name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);

	if (fd < 0)
		return fail(v->path, err);
	f->file = fd;
	f->file_at = 0;
	if (squash_visit_bytes(v, put_bytes, f, err) < 0)
		return -1;
	if (ftruncate(fd, (off_t)v->inode->size) < 0)
		return fail(v->path, err);
	if (put_attrs(f, v, fd, err) < 0)
		return -1;
	return finish(f, v, fd, mode_of(f, v->inode), err);
}

/* Another name of a file that is there: its directories are ours, and none of them a link. */
static int make_hard_link(const struct fill *f, const struct squash_visit *v, int dir, struct berth_err *err)
{
	const char *slash = strrchr(v->same, '/');
	cleanup_free char *parent = slash ? strndup(v->same, (size_t)(slash - v->same)) : strdup(".");
	cleanup_close int from = parent ? fd_open_in_root(f->level[0], parent, O_PATH | O_DIRECTORY) : -1;

	if (from < 0 || linkat(from, slash ? slash + 1 : v->same, dir, v->name, 0) < 0)
		return fail(v->path, err);
	return 0;
}

static int make_symlink(const struct fill *f, const struct squash_visit *v, int dir, struct berth_err *err)
{
	struct timespec ts[2];

	times_of(v->inode, ts);
	if (symlinkat(v->target, dir, v->name) < 0 ||
	    (f->opt->keep_owner &&
	     fchownat(dir, v->name, v->inode->uid, v->inode->gid, AT_SYMLINK_NOFOLLOW) < 0) ||
	    utimensat(dir, v->name, ts, AT_SYMLINK_NOFOLLOW) < 0)
		return fail(v->path, err);
	return 0;
}

/* A fifo, or, for root who asked for it, a device. Sockets are made by who listens. */
static int make_node(struct fill *f, const struct squash_visit *v, int dir, struct berth_err *err)
{
	const struct squash_inode *i = v->inode;
	struct timespec ts[2];

	times_of(i, ts);
	if (S_ISSOCK(i->mode) || (!S_ISFIFO(i->mode) && !f->opt->keep_devices)) {
		f->res->left_out++;
		f->res->entries--;
		return 0;
	}
	if (mknodat(dir, v->name, i->mode & (S_IFMT | 0600), i->rdev) < 0 ||
	    (f->opt->keep_owner && fchownat(dir, v->name, i->uid, i->gid, AT_SYMLINK_NOFOLLOW) < 0) ||
	    fchmodat(dir, v->name, mode_of(f, i), 0) < 0 || utimensat(dir, v->name, ts, AT_SYMLINK_NOFOLLOW) < 0)
		return fail(v->path, err);
	return 0;
}

/* ---- directories ------------------------------------------------------------------------------- */

static int enter_dir(struct fill *f, const struct squash_visit *v, struct berth_err *err)
{
	cleanup_close int fd = -1;
	int dir;

	if (v->path[0] == '\0') {
		f->nlevel = 1;
		return put_attrs(f, v, f->level[0], err);
	}
	if (f->nlevel == sizeof(f->level) / sizeof(f->level[0]))
		return berth_fail(err, BERTH_EIMAGE, 0, "the image has too many levels of directories");
	dir = f->level[f->nlevel - 1];
	if (mkdirat(dir, v->name, 0700) < 0)
		return fail(v->path, err);
	fd = openat(dir, v->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return fail(v->path, err);
	if (put_attrs(f, v, fd, err) < 0)
		return -1;
	f->level[f->nlevel++] = take_fd(&fd);
	return 0;
}

static int keep_late(struct fill *f, const char *path, mode_t mode, struct berth_err *err)
{
	struct late *late = reallocarray(f->late, f->nlate + 1, sizeof(*late));

	if (late) {
		f->late = late;
		late[f->nlate] = (struct late){ .path = strdup(path[0] ? path : "."), .mode = mode };
	}
	if (!late || !late[f->nlate].path)
		return berth_fail(err, BERTH_ESYS, ENOMEM, "cannot keep a directory's mode");
	f->nlate++;
	return 0;
}

static int leave_dir(void *arg, const struct squash_visit *v, struct berth_err *err)
{
	struct fill *f = arg;
	int fd = f->level[f->nlevel - 1];
	mode_t mode = mode_of(f, v->inode);

	if (!(mode & 0100) && keep_late(f, v->path, mode, err) < 0)
		return -1;
	if (finish(f, v, fd, mode | 0100, err) < 0)
		return -1;
	if (f->nlevel > 1)
		cleanup_close_fn(&f->level[--f->nlevel]);
	return 0;
}

/* What is deeper comes first, as the walk left it first. */
static int set_late(struct fill *f, struct berth_err *err)
{
	for (size_t i = 0; i < f->nlate; i++) {
		cleanup_close int fd = fd_open_in_root(f->level[0], f->late[i].path, O_PATH | O_DIRECTORY);
		char self[64];

		/* KERNEL: fchmod() refuses such a descriptor; its name below /proc leads to the same file. */
		(void)snprintf(self, sizeof(self), "/proc/self/fd/%d", fd);
		if (fd < 0 || chmod(self, f->late[i].mode) < 0)
			return fail(f->late[i].path, err);
	}
	return 0;
}

static int visit(void *arg, const struct squash_visit *v, struct berth_err *err)
{
	struct fill *f = arg;
	int dir = f->nlevel > 0 ? f->level[f->nlevel - 1] : -1;

	if (look_for_end(f, err) < 0)
		return -1;
	f->res->entries++;
	if (S_ISDIR(v->inode->mode))
		return enter_dir(f, v, err);
	if (v->same && (S_ISREG(v->inode->mode) || S_ISLNK(v->inode->mode) || S_ISFIFO(v->inode->mode)))
		return make_hard_link(f, v, dir, err);
	if (S_ISREG(v->inode->mode))
		return make_file(f, v, dir, err);
	if (S_ISLNK(v->inode->mode))
		return make_symlink(f, v, dir, err);
	return make_node(f, v, dir, err);
}

int sandbox_fill(int fd, uint64_t at, uint64_t size, int root, const struct sandbox_options *opt,
		 struct sandbox_result *ret, struct berth_err *err)
{
	cleanup(fill_done) struct fill f = { .opt = opt, .res = ret, .level = { root } };
	const struct squash_walk_ops ops = { .arg = &f, .visit = visit, .leave = leave_dir };

	*ret = (struct sandbox_result){ 0 };
	if (squash_walk(fd, at, size, &ops, err) < 0)
		return -1;
	return set_late(&f, err);
}
