/* SPDX-License-Identifier: BSD-3-Clause */
/* scan.c - walk a directory tree; see scan.h. */
#include "config.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <search.h>
#include <string.h>
#include <sys/vfs.h>

#include "libimage/base/cleanup.h"
#include "libimage/base/err.h"
#include "libimage/squash/scan.h"

struct scan {
	const struct tree_ops *ops;
	struct tree *tree;
	void *links; /* tsearch: nodes that may have more names, by device and inode */
};

void tree_path(const struct tree_node *node, char *out, size_t size)
{
	size_t at = size;

	out[--at] = '\0';
	for (; node->parent; node = node->parent) {
		size_t n = strlen(node->name);

		if (n + 1 + 4 > at) {
			memcpy(out + at - 3, "...", 3);
			at -= 3;
			memmove(out, out + at, size - at);
			return;
		}
		at -= n;
		memcpy(out + at, node->name, n);
		out[--at] = '/';
	}
	out[--at] = '.';
	memmove(out, out + at, size - at);
}

/* What 'errno' means for 'node' when 'what' was tried on it. */
static int fail_node(const struct tree_node *node, const char *what, struct berth_err *err)
{
	char path[240];
	int sys = errno;

	tree_path(node, path, sizeof(path));
	if (sys == ENOENT || sys == ESTALE || sys == ELOOP || sys == ENOTDIR || sys == ENXIO) {
		berth_fail(err, BERTH_EIMAGE, 0, "'%s' vanished or changed while it was read", path);
		return berth_hint(err, "build from a directory that nobody is writing to");
	}
	if (sys == EACCES || sys == EPERM) {
		berth_fail(err, BERTH_EDENIED, sys, "cannot %s '%s'", what, path);
		return berth_hint(err, "an image holds every file of its directory: make this one "
				       "readable, or remove it");
	}
	return berth_fail(err, BERTH_ESYS, sys, "cannot %s '%s'", what, path);
}

static int fail_changed(const struct tree_node *node, struct berth_err *err)
{
	errno = ESTALE;
	return fail_node(node, "read", err);
}

static int by_name(const void *a, const void *b)
{
	return strcmp((*(struct tree_node *const *)a)->name, (*(struct tree_node *const *)b)->name);
}

static int by_inode(const void *a, const void *b)
{
	const struct stat *x = &((const struct tree_node *)a)->st;
	const struct stat *y = &((const struct tree_node *)b)->st;

	if (x->st_dev != y->st_dev)
		return x->st_dev < y->st_dev ? -1 : 1;
	return x->st_ino < y->st_ino ? -1 : x->st_ino > y->st_ino;
}

static struct tree_node *node_new(struct tree_node *parent, const char *name)
{
	size_t n = strlen(name) + 1;
	struct tree_node *node = calloc(1, sizeof(*node) + n);

	if (!node)
		return NULL;
	memcpy(node->name, name, n);
	node->parent = parent;
	node->links = 1;
	node->xattr = UINT32_MAX;
	return node;
}

static void cleanup_closedir(DIR **d)
{
	if (*d)
		(void)closedir(*d);
}

/* The names in 'fd', sorted, as children of 'dir' that were not looked at yet. */
static int list(int fd, struct tree_node *dir, struct berth_err *err)
{
	cleanup_close int own = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	cleanup(cleanup_closedir) DIR *d = own < 0 ? NULL : fdopendir(own);
	const struct dirent *e;
	size_t size = 0;

	if (!d)
		return fail_node(dir, "list", err);
	own = -1;
	while (errno = 0, (e = readdir(d))) {
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		if (dir->nchild == size) {
			struct tree_node **more;

			size = size ? size * 2 : 16;
			more = reallocarray(dir->child, size, sizeof(struct tree_node *));
			if (!more)
				return berth_fail(err, BERTH_ESYS, ENOMEM, "cannot list a directory");
			dir->child = more;
		}
		dir->child[dir->nchild] = node_new(dir, e->d_name);
		if (!dir->child[dir->nchild])
			return berth_fail(err, BERTH_ESYS, ENOMEM, "cannot list a directory");
		dir->nchild++;
	}
	if (errno != 0)
		return fail_node(dir, "list", err);
	if (dir->nchild > 1)
		qsort(dir->child, dir->nchild, sizeof(struct tree_node *), by_name);
	return 0;
}

/* proc, sys or dev at the top with the kernel's own file system on it? */
static bool is_pseudo(const struct tree_node *node, int fd, const struct stat *top)
{
	struct statfs fs;

	if (!node->parent || node->parent->parent || node->st.st_dev == top->st_dev ||
	    fstatfs(fd, &fs) < 0)
		return false;
	if (strcmp(node->name, "proc") == 0)
		return fs.f_type == PROC_SUPER_MAGIC;
	if (strcmp(node->name, "sys") == 0)
		return fs.f_type == SYSFS_MAGIC;
	return strcmp(node->name, "dev") == 0 && fs.f_type == TMPFS_MAGIC;
}

/* Open what fstatat() saw and nothing else; *now is what fstat() says of it. */
static int open_node(int dir_fd, const struct tree_node *node, struct stat *now, struct berth_err *err)
{
	int flags = S_ISDIR(node->st.st_mode) ? O_DIRECTORY : 0;
	cleanup_close int fd = openat(dir_fd, node->name,
				      flags | O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);

	if (fd < 0)
		return fail_node(node, "read", err);
	if (fstat(fd, now) < 0)
		return fail_node(node, "stat", err);
	if (now->st_dev != node->st.st_dev || now->st_ino != node->st.st_ino ||
	    (now->st_mode & S_IFMT) != (node->st.st_mode & S_IFMT))
		return fail_changed(node, err);
	return take_fd(&fd);
}

static void note_time(struct tree *t, const struct tree_node *node)
{
	if (node->st.st_mtim.tv_sec > t->newest)
		t->newest = node->st.st_mtim.tv_sec;
}

static int walk(struct scan *s, int fd, struct tree_node *dir, unsigned int depth,
		struct berth_err *err);

static int look_dir(struct scan *s, int dir_fd, struct tree_node *node, unsigned int depth,
		    struct berth_err *err)
{
	struct stat now;
	cleanup_close int fd = open_node(dir_fd, node, &now, err);

	if (fd < 0)
		return -1;
	node->st = now;
	node->links = 2;
	node->parent->links++;
	if (s->ops->dir(s->ops->arg, node, fd, err) < 0)
		return -1;
	if (is_pseudo(node, fd, &s->tree->root->st))
		return 0;
	return walk(s, fd, node, depth + 1, err);
}

static int look_link(int dir_fd, struct tree_node *node, struct berth_err *err)
{
	char target[PATH_MAX];
	ssize_t n = readlinkat(dir_fd, node->name, target, sizeof(target));

	if (n < 0 && errno == EINVAL)
		return fail_changed(node, err);
	if (n < 0)
		return fail_node(node, "read the link", err);
	if (n == 0 || (size_t)n == sizeof(target)) {
		errno = ENAMETOOLONG;
		return fail_node(node, "read the link", err);
	}
	node->target = strndup(target, (size_t)n);
	return node->target ? 0 : berth_fail(err, BERTH_ESYS, ENOMEM, "cannot read a link");
}

/* Is 'node' another name of something seen? Sets node->same. */
static int find_same(struct scan *s, struct tree_node *node, struct berth_err *err)
{
	struct tree_node **slot;

	if (S_ISDIR(node->st.st_mode) || node->st.st_nlink < 2)
		return 0;
	slot = tsearch(node, &s->links, by_inode);
	if (!slot)
		return berth_fail(err, BERTH_ESYS, ENOMEM, "cannot walk the directory");
	if (*slot != node) {
		node->same = *slot;
		node->same->links++;
	}
	return 0;
}

/* Look at one entry. Returns 1, 0 if it is left out, or -1. */
static int look(struct scan *s, int dir_fd, struct tree_node *node, unsigned int depth,
		struct berth_err *err)
{
	mode_t type;

	if (fstatat(dir_fd, node->name, &node->st, AT_SYMLINK_NOFOLLOW) < 0)
		return fail_node(node, "stat", err);
	if (node->st.st_ino == s->ops->skip_ino && node->st.st_dev == s->ops->skip_dev)
		return 0;
	type = node->st.st_mode & S_IFMT;
	if ((type == S_IFBLK || type == S_IFCHR) && !s->ops->keep_devices) {
		s->tree->devices_left_out++;
		return 0;
	}
	note_time(s->tree, node);
	if (find_same(s, node, err) < 0)
		return -1;
	if (node->same)
		return 1;
	if (type == S_IFDIR)
		return look_dir(s, dir_fd, node, depth, err) < 0 ? -1 : 1;
	if (type == S_IFREG)
		s->tree->bytes += (uint64_t)node->st.st_size;
	if (type == S_IFLNK)
		return look_link(dir_fd, node, err) < 0 ? -1 : 1;
	return 1;
}

static void node_free(struct tree_node *node, void (*inode_free)(void *inode))
{
	if (!node)
		return;
	for (size_t i = 0; i < node->nchild; i++)
		node_free(node->child[i], inode_free);
	if (inode_free && node->inode)
		inode_free(node->inode);
	free(node->child);
	free(node->target);
	free(node);
}

static int walk(struct scan *s, int fd, struct tree_node *dir, unsigned int depth,
		struct berth_err *err)
{
	size_t kept = 0;

	if (depth > TREE_DEPTH_MAX) {
		errno = ENAMETOOLONG;
		return fail_node(dir, "go deeper than 400 levels into", err);
	}
	if (list(fd, dir, err) < 0)
		return -1;
	for (size_t i = 0; i < dir->nchild; i++) {
		struct tree_node *node = dir->child[i];
		int rc = look(s, fd, node, depth, err);

		if (rc < 0)
			return -1;
		/* What is left out changes places with the next that stays. */
		dir->child[i] = dir->child[kept];
		dir->child[kept] = node;
		kept += rc == 1;
	}
	for (size_t i = kept; i < dir->nchild; i++)
		node_free(dir->child[i], NULL);
	dir->nchild = kept;
	return 0;
}

static void forget(void *node)
{
	(void)node; /* the tree frees it */
}

int tree_scan(int fd, const struct tree_ops *ops, struct tree *ret, struct berth_err *err)
{
	struct scan s = { .ops = ops, .tree = ret };
	int rc;

	memset(ret, 0, sizeof(*ret));
	ret->root = node_new(NULL, "");
	if (!ret->root)
		return berth_fail(err, BERTH_ESYS, ENOMEM, "cannot walk the directory");
	if (fstat(fd, &ret->root->st) < 0)
		return berth_fail(err, BERTH_ESYS, errno, "cannot stat the directory");
	if (!S_ISDIR(ret->root->st.st_mode))
		return berth_fail(err, BERTH_EUSAGE, ENOTDIR, "cannot walk it");
	ret->root->links = 2;
	if (ret->root->st.st_mtim.tv_sec > 0)
		ret->newest = ret->root->st.st_mtim.tv_sec;
	rc = ops->dir(ops->arg, ret->root, fd, err);
	if (rc == 0)
		rc = walk(&s, fd, ret->root, 0, err);
	tdestroy(s.links, forget);
	return rc;
}

static int read_file(struct tree *t, int dir_fd, const struct tree_ops *ops, struct tree_node *node,
		     struct berth_err *err)
{
	struct stat now, after;
	cleanup_close int fd = open_node(dir_fd, node, &now, err);

	if (fd < 0)
		return -1;
	node->st = now;
	node->taken = true;
	note_time(t, node);
	if (ops->file(ops->arg, node, fd, err) < 0)
		return -1;
	if (fstat(fd, &after) < 0)
		return fail_node(node, "stat", err);
	if (after.st_size != now.st_size || after.st_mtim.tv_sec != now.st_mtim.tv_sec ||
	    after.st_mtim.tv_nsec != now.st_mtim.tv_nsec)
		return fail_changed(node, err);
	return 0;
}

static int read_dir(struct tree *t, int dir_fd, const struct tree_ops *ops, struct tree_node *dir,
		    struct berth_err *err)
{
	for (size_t i = 0; i < dir->nchild; i++) {
		struct tree_node *node = dir->child[i];

		if (S_ISREG(node->st.st_mode) && !node->same && !node->taken &&
		    read_file(t, dir_fd, ops, node, err) < 0)
			return -1;
		if (S_ISDIR(node->st.st_mode) && node->nchild > 0) {
			struct stat now;
			cleanup_close int fd = open_node(dir_fd, node, &now, err);

			if (fd < 0 || read_dir(t, fd, ops, node, err) < 0)
				return -1;
		}
	}
	return 0;
}

int tree_read(int fd, const struct tree_ops *ops, struct tree *t, struct berth_err *err)
{
	return read_dir(t, fd, ops, t->root, err);
}

/* The directory that 'node' is in; as deep as the tree, two descriptors at a time. */
static int open_parent(int fd, const struct tree_node *node, struct berth_err *err)
{
	const struct tree_node *dir = node->parent;
	cleanup_close int up = -1;
	struct stat now;

	if (!dir->parent) {
		up = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		return up < 0 ? fail_node(dir, "read", err) : take_fd(&up);
	}
	up = open_parent(fd, dir, err);
	return up < 0 ? -1 : open_node(up, dir, &now, err);
}

int tree_open(int fd, const struct tree_node *node, struct berth_err *err)
{
	cleanup_close int dir_fd = open_parent(fd, node, err);
	struct stat now;

	return dir_fd < 0 ? -1 : open_node(dir_fd, node, &now, err);
}

int tree_read_file(int fd, const struct tree_ops *ops, struct tree *t, struct tree_node *node,
		   struct berth_err *err)
{
	cleanup_close int dir_fd = open_parent(fd, node, err);

	return dir_fd < 0 ? -1 : read_file(t, dir_fd, ops, node, err);
}

void tree_done(struct tree *t, void (*inode_free)(void *inode))
{
	node_free(t->root, inode_free);
	t->root = NULL;
}
