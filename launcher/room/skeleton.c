/* SPDX-License-Identifier: BSD-3-Clause */
/* skeleton.c - mount points that a directory image lacks; see skeleton.h. */
#include "config.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "launcher/room/skeleton.h"
#include "libimage/base/cleanup.h"
#include "libimage/base/err.h"
#include "libimage/base/fd.h"

/* One parent that gets a skeleton. 'rest' of a target is what is missing below it. */
struct parent {
	char *path;
	dev_t dev;
	ino_t ino;
	int made_fd; /* the skeleton's directory in the tmpfs */
	bool root;   /* it is the image's root itself */
};

struct work {
	const struct arm *arm;
	int image_fd, tmp_fd, root_fd;
	struct parent *parents;
	size_t n;
};

static void work_done(struct work *w)
{
	for (size_t i = 0; i < w->n; i++) {
		free(w->parents[i].path);
		cleanup_close_fn(&w->parents[i].made_fd);
	}
	free(w->parents);
	cleanup_close_fn(&w->root_fd);
}

static void closedir_fn(DIR **d)
{
	if (*d)
		(void)closedir(*d);
}

/*
 * The deepest prefix of 'path' that exists: returns its length (0: the root itself) with its
 * O_PATH descriptor in *ret_fd, or -1. A path that exists whole has its own length.
 */
static ssize_t deepest(int root_fd, const char *path, int *ret_fd, struct berth_err *err)
{
	char part[PATH_MAX];
	size_t len = strlen(path);

	if (len >= sizeof(part))
		return berth_fail(err, BERTH_EUSAGE, ENAMETOOLONG, "mount point '%s'", path);
	for (;;) {
		int fd;

		memcpy(part, path, len);
		part[len] = '\0';
		fd = fd_open_in_root(root_fd, len > 0 ? part : "/", O_PATH);
		if (fd >= 0) {
			*ret_fd = fd;
			return (ssize_t)len;
		}
		/* ENOENT: absent, or a link to nothing. Anything else is not ours to mend. */
		if (errno != ENOENT || len == 0)
			return berth_fail(err, BERTH_EIMAGE, errno, "mount point '%s'", part);
		while (len > 0 && path[len - 1] != '/')
			len--;
		while (len > 0 && path[len - 1] == '/')
			len--;
	}
}

static int put_sibling(int made_fd, int from_fd, const char *name, struct berth_err *err)
{
	char link[PATH_MAX];
	struct stat st;
	ssize_t n;
	int fd;

	if (fstatat(from_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return berth_fail(err, BERTH_ESYS, errno, "cannot look at '%s' in the image", name);
	if (S_ISLNK(st.st_mode)) {
		n = readlinkat(from_fd, name, link, sizeof(link) - 1);
		if (n < 0)
			return berth_fail(err, BERTH_ESYS, errno, "cannot read the link '%s'", name);
		link[n] = '\0';
		if (symlinkat(link, made_fd, name) < 0)
			return berth_fail(err, BERTH_ESYS, errno, "cannot copy the link '%s'", name);
		return 0;
	}
	if (S_ISDIR(st.st_mode)) {
		if (mkdirat(made_fd, name, 0755) < 0)
			return berth_fail(err, BERTH_ESYS, errno, "cannot make '%s'", name);
		return 0;
	}
	fd = openat(made_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
	if (fd < 0)
		return berth_fail(err, BERTH_ESYS, errno, "cannot make '%s'", name);
	cleanup_close_fn(&fd);
	return 0;
}

/* The parent's own entries, as empty names. */
static int copy_names(int made_fd, int from_fd, const char *path, const char *want, struct berth_err *err)
{
	cleanup_close int fd = openat(from_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	cleanup(closedir_fn) DIR *dir = NULL;
	const struct dirent *e;
	unsigned int n = 0;

	if (fd >= 0)
		dir = fdopendir(fd);
	if (!dir)
		return berth_fail(err, BERTH_EDENIED, errno, "cannot list '%s' in the image",
				  path[0] ? path : "/");
	(void)take_fd(&fd);
	while ((e = readdir(dir))) {
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		if (++n > SKELETON_SIBLINGS_MAX) {
			berth_fail(err, BERTH_EIMAGE, 0,
				   "the image has no '%s', and '%s' has over %d entries", want,
				   path[0] ? path : "/", SKELETON_SIBLINGS_MAX);
			return berth_hint(err, "create that directory in the image, or make a SIF of it");
		}
		if (put_sibling(made_fd, from_fd, e->d_name, err) < 0)
			return -1;
	}
	return 0;
}

/* Make "a/b/c" below 'made_fd': directories, the last one a file if not 'dir'. */
static int make_chain(int made_fd, const char *rest, bool dir, struct berth_err *err)
{
	cleanup_close int at = fcntl(made_fd, F_DUPFD_CLOEXEC, 0);
	char name[NAME_MAX + 1];

	for (const char *p = rest; *p;) {
		size_t n = strcspn(p, "/");
		const char *next = p + n + strspn(p + n, "/");
		int fd;

		if (n > NAME_MAX)
			return berth_fail(err, BERTH_EUSAGE, ENAMETOOLONG, "mount point '%s'", rest);
		memcpy(name, p, n);
		name[n] = '\0';
		/* A dangling link of that name was copied with the siblings: the target replaces it. */
		(void)unlinkat(at, name, 0);
		if (*next == '\0' && !dir) {
			fd = openat(at, name, O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0644);
		} else {
			if (mkdirat(at, name, 0755) < 0 && errno != EEXIST)
				return berth_fail(err, BERTH_ESYS, errno, "cannot make '%s'", rest);
			fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		}
		if (fd < 0)
			return berth_fail(err, BERTH_ESYS, errno, "cannot make '%s'", rest);
		cleanup_close_fn(&at);
		at = fd;
		p = next;
	}
	return 0;
}

/* The skeleton for the existing directory 'fd', made at most once. */
static struct parent *parent_get(struct work *w, int fd, const char *path, size_t len, const char *want,
				 struct berth_err *err)
{
	struct parent *grown, *p;
	struct stat st, top;
	char name[32];

	if (fstat(fd, &st) < 0 || fstat(w->image_fd, &top) < 0 || !S_ISDIR(st.st_mode)) {
		berth_fail(err, BERTH_EIMAGE, 0, "mount point '%s' lies below something that is no "
			   "directory", want);
		return NULL;
	}
	for (size_t i = 0; i < w->n; i++)
		if (w->parents[i].dev == st.st_dev && w->parents[i].ino == st.st_ino)
			return &w->parents[i];
	grown = reallocarray(w->parents, w->n + 1, sizeof(*grown));
	if (!grown) {
		berth_fail(err, BERTH_ESYS, ENOMEM, "cannot make mount points");
		return NULL;
	}
	w->parents = grown;
	p = &w->parents[w->n];
	*p = (struct parent){ .path = strndup(path, len), .dev = st.st_dev, .ino = st.st_ino,
			      .made_fd = -1,
			      .root = st.st_dev == top.st_dev && st.st_ino == top.st_ino };
	w->n++;
	(void)snprintf(name, sizeof(name), "skeleton%zu", w->n);
	if (!p->path || mkdirat(w->tmp_fd, name, 0755) < 0 ||
	    (p->made_fd = openat(w->tmp_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)) < 0) {
		berth_fail(err, BERTH_ESYS, errno, "cannot make a skeleton for '%s'", want);
		return NULL;
	}
	if (copy_names(p->made_fd, fd, p->path, want, err) < 0)
		return NULL;
	return p;
}

/* Bind the entries of 'old' onto the same names in 'now'. */
static int show_entries(struct work *w, int old, int now, const char *path, struct berth_err *err)
{
	cleanup_close int list = openat(old, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	cleanup(closedir_fn) DIR *dir = NULL;
	const struct dirent *e;

	if (list < 0 || !(dir = fdopendir(list)))
		return berth_fail(err, BERTH_ESYS, errno, "cannot list '%s' in the image", path);
	(void)take_fd(&list);
	while ((e = readdir(dir))) {
		cleanup_close int src = -1, dst = -1;
		struct stat st;

		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		src = openat(old, e->d_name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
		dst = openat(now, e->d_name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
		if (src < 0 || dst < 0 || fstat(src, &st) < 0)
			return berth_fail(err, BERTH_ESYS, errno, "cannot open '%s' in '%s'", e->d_name, path);
		if (S_ISLNK(st.st_mode))
			continue;
		if (w->arm->bind(w->arm->ctx, src, dst, ARM_READONLY, err) < 0)
			return berth_context(err, "cannot show '%s' of '%s'", e->d_name, path);
	}
	return 0;
}

/*
 * Put the skeleton over its parent, then the parent's entries into it. What lies over a root
 * directory is not seen from there, so the image's own root is not covered but replaced.
 */
static int parent_attach(struct work *w, const struct parent *p, struct berth_err *err)
{
	cleanup_close int old = -1, now = -1;

	if (p->root)
		return show_entries(w, w->image_fd, w->root_fd, "/", err);
	old = fd_open_in_root(w->root_fd, p->path, O_PATH | O_DIRECTORY);
	if (old < 0)
		return berth_fail(err, BERTH_ESYS, errno, "cannot open '%s'", p->path);
	if (w->arm->bind(w->arm->ctx, p->made_fd, old, ARM_READONLY, err) < 0)
		return -1;
	now = fd_open_in_root(w->root_fd, p->path, O_PATH | O_DIRECTORY);
	if (now < 0)
		return berth_fail(err, BERTH_ESYS, errno, "cannot open '%s'", p->path);
	return show_entries(w, old, now, p->path, err);
}

static int attach_root(struct work *w, struct berth_err *err)
{
	int fd = w->image_fd;

	for (size_t i = 0; i < w->n; i++)
		if (w->parents[i].root)
			fd = w->parents[i].made_fd;
	return w->arm->root_dir(w->arm->ctx, fd, &w->root_fd, err);
}

static int by_length(const void *a, const void *b)
{
	size_t x = strlen(((const struct parent *)a)->path), y = strlen(((const struct parent *)b)->path);

	return x < y ? -1 : x > y;
}

int skeleton_root(const struct arm *arm, int image_fd, int tmp_fd, const struct skeleton_target *targets,
		  size_t n, int *ret_root, struct berth_err *err)
{
	cleanup(work_done) struct work w = {
		.arm = arm, .image_fd = image_fd, .tmp_fd = tmp_fd, .root_fd = -1,
	};

	for (size_t i = 0; i < n; i++) {
		cleanup_close int fd = -1;
		const char *want = targets[i].path;
		ssize_t len = deepest(image_fd, want, &fd, err);
		const struct parent *p;

		if (len < 0)
			return -1;
		if ((size_t)len == strlen(want))
			continue;
		p = parent_get(&w, fd, want, (size_t)len, want, err);
		if (!p || make_chain(p->made_fd, want + len + 1, targets[i].dir, err) < 0)
			return -1;
	}
	if (attach_root(&w, err) < 0)
		return -1;
	/* Shallow first: the skeleton of /home is attached inside that of /. */
	if (w.n > 1)
		qsort(w.parents, w.n, sizeof(*w.parents), by_length);
	for (size_t i = 0; i < w.n; i++)
		if (parent_attach(&w, &w.parents[i], err) < 0)
			return -1;
	*ret_root = take_fd(&w.root_fd);
	return 0;
}

/* Where the directory 'fd', which lies in the image 'image_fd', really is in it, without links: "" or "/usr/lib". */
static int place_of(int image_fd, int fd, char out[PATH_MAX], struct berth_err *err)
{
	char top[PATH_MAX], full[PATH_MAX], name[32];
	ssize_t n, m;

	(void)snprintf(name, sizeof(name), "/proc/self/fd/%d", image_fd);
	n = readlink(name, top, sizeof(top) - 1);
	(void)snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
	m = readlink(name, full, sizeof(full) - 1);
	if (n < 0 || m < 0)
		return berth_fail(err, BERTH_ESYS, errno, "cannot find a mount point's directory");
	if (n == 1)
		n = 0; /* the image is the host's "/" */
	full[m] = '\0';
	if (m < n || memcmp(full, top, (size_t)n) != 0 || (full[n] != '/' && full[n] != '\0'))
		return berth_fail(err, BERTH_EIMAGE, 0, "a mount point's directory was moved out of the image");
	memcpy(out, full + n, (size_t)(m - n) + 1);
	return 0;
}

/* The directories of 'place' in the layer 'at', with the modes that they have in the image. */
static int copy_chain(int image_fd, int at, const char *place, int *ret_fd, struct berth_err *err)
{
	cleanup_close int from = fcntl(image_fd, F_DUPFD_CLOEXEC, 0), to = fcntl(at, F_DUPFD_CLOEXEC, 0);

	for (const char *p = place + strspn(place, "/"); *p && from >= 0 && to >= 0; p += strspn(p, "/")) {
		char name[NAME_MAX + 1];
		size_t n = strcspn(p, "/");
		struct stat st;
		int next;

		if (n > NAME_MAX)
			return berth_fail(err, BERTH_EIMAGE, ENAMETOOLONG, "'%s'", place);
		memcpy(name, p, n);
		name[n] = '\0';
		p += n;
		next = openat(from, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		cleanup_close_fn(&from);
		from = next;
		if (from < 0 || fstat(from, &st) < 0 || (mkdirat(to, name, 0755) < 0 && errno != EEXIST))
			return berth_fail(err, BERTH_ESYS, errno, "cannot make mount points in '%s'", place);
		next = openat(to, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		cleanup_close_fn(&to);
		to = next;
		if (to < 0 || fchmod(to, st.st_mode & 0777) < 0)
			return berth_fail(err, BERTH_ESYS, errno, "cannot make mount points in '%s'", place);
	}
	if (from < 0 || to < 0)
		return berth_fail(err, BERTH_ESYS, errno, "cannot make mount points");
	*ret_fd = take_fd(&to);
	return 0;
}

int skeleton_layer(int image_fd, int layer_fd, const struct skeleton_target *targets, size_t n,
		   struct berth_err *err)
{
	for (size_t i = 0; i < n; i++) {
		cleanup_close int fd = -1, to = -1;
		const char *want = targets[i].path;
		ssize_t len = deepest(image_fd, want, &fd, err);
		char place[PATH_MAX];

		if (len < 0)
			return -1;
		if ((size_t)len == strlen(want))
			continue;
		if (place_of(image_fd, fd, place, err) < 0 || copy_chain(image_fd, layer_fd, place, &to, err) < 0 ||
		    make_chain(to, want + len + 1, targets[i].dir, err) < 0)
			return -1;
	}
	return 0;
}
