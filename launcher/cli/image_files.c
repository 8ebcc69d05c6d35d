/* SPDX-License-Identifier: BSD-3-Clause */
/* image_files.c - files of an image that is not entered; see image_files.h. */
#include "config.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "launcher/cli/image_files.h"
#include "libimage/base/cleanup.h"
#include "libimage/base/err.h"
#include "libimage/base/fd.h"
#include "libimage/base/pin.h"
#include "libimage/sif/sif.h"
#include "libimage/squash/info.h"
#include "libimage/squash/squash.h"

enum {
	DEPTH_MAX = 64, /* LIMIT: directories in one another; what is asked for lies in the fifth */
	LINKS_MAX = 16, /* LIMIT: links on one path, before it is taken for a loop */
	NAMES_MAX = 4096, /* LIMIT: entries that are listed: apps, and scripts of one directory */
	CACHE_BYTES = 4 * 1024 * 1024,
};

static int no_memory(struct berth_err *err)
{
	return berth_fail(err, BERTH_ESYS, ENOMEM, "cannot read the image");
}

void image_files_done(struct image_files *f)
{
	f->worker = squash_worker_free(f->worker);
	f->fs = squash_close(f->fs);
	sif_metadata_done(&f->metadata);
	cleanup_close_fn(&f->fd);
}

/* Where the squashfs lies in the file. */
static int find_squash(int fd, enum image_kind kind, uint64_t *at, uint64_t *size, struct berth_err *err)
{
	struct sif_object root;
	struct stat st;
	struct sif sif;
	char first;

	if (kind == IMAGE_SIF) {
		if (sif_open(fd, &sif, err) < 0 || sif_find_root(&sif, &root, err) < 0)
			return -1;
		*at = root.offset;
		*size = root.size;
		return 0;
	}
	if (fstat(fd, &st) < 0 || fd_pread_full(fd, &first, 1, 0) < 0)
		return berth_fail(err, BERTH_ESYS, errno, "cannot read the image");
	*at = first == '#' ? SQUASH_LAUNCH_BYTES : 0;
	if ((uint64_t)st.st_size <= *at)
		return berth_fail(err, BERTH_EIMAGE, 0, "the image is cut short");
	*size = (uint64_t)st.st_size - *at;
	return 0;
}

static int open_image(const char *path, struct image_files *f, struct berth_err *err)
{
	struct image_pin pin;
	uint64_t at, size;

	f->fd = fd_open_user(path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
	if (f->fd < 0) {
		enum berth_code code = errno == ENOENT || errno == ENOTDIR ? BERTH_ENOTFOUND : BERTH_EDENIED;

		berth_fail(err, code, errno, "cannot open '%s'", path);
		return berth_hint(err, code == BERTH_ENOTFOUND ? "check the path" : "you must be able to read it");
	}
	if (image_pin_read(f->fd, &pin, err) < 0)
		return berth_context(err, "'%s'", path);
	if (pin.kind == IMAGE_DIR)
		return 0;
	if (pin.kind == IMAGE_SIF && sif_metadata_read(f->fd, &f->metadata, err) < 0)
		return berth_context(err, "'%s'", path);
	if (f->metadata.complete)
		return 0;
	if (find_squash(f->fd, pin.kind, &at, &size, err) < 0 || squash_open(f->fd, at, size, &f->fs, err) < 0 ||
	    squash_share(&f->fs, 1, CACHE_BYTES, 1, err) < 0 || squash_worker_new(&f->fs, 1, &f->worker, err) < 0)
		return berth_context(err, "'%s'", path);
	return 0;
}

int image_files_open(const char *path, struct image_files *ret, struct berth_err *err)
{
	struct image_files f = IMAGE_FILES_INIT;

	if (open_image(path, &f, err) < 0) {
		image_files_done(&f);
		return -1;
	}
	*ret = f;
	return 0;
}

/* The way to a file: the directories down to it, and what is left to walk. */
struct walk {
	uint64_t ref[DEPTH_MAX];
	size_t depth;
	unsigned int links;
	char rest[PATH_MAX];
};

/* A link on the way: its target takes its place. Returns 1, 0: a loop, or too long. */
static int follow(const struct image_files *f, const struct squash_inode *link, const char *after,
		  struct walk *w, struct berth_err *err)
{
	char target[PATH_MAX], joined[PATH_MAX];
	int n;

	if (++w->links > LINKS_MAX)
		return 0;
	if (squash_readlink(f->worker, link, target, err) < 0)
		return -1;
	n = snprintf(joined, sizeof(joined), "%s/%s", target, after);
	if (n < 0 || (size_t)n >= sizeof(joined))
		return 0;
	if (target[0] == '/')
		w->depth = 1;
	memcpy(w->rest, joined, (size_t)n + 1);
	return 1;
}

/* One component, 'name'; 'after' is what follows it. Returns 1, 0: nothing is there, or -1. */
static int step(const struct image_files *f, const char *name, const char *after, struct walk *w,
		struct squash_inode *inode, struct berth_err *err)
{
	struct squash_dirent ent;
	int rc;

	if (strcmp(name, "..") == 0) {
		w->depth -= w->depth > 1;
		memmove(w->rest, after, strlen(after) + 1);
		return squash_inode_get(f->worker, f->fs, w->ref[w->depth - 1], inode, err) < 0 ? -1 : 1;
	}
	if (!S_ISDIR(inode->mode) || strlen(name) > SQUASH_NAME_MAX)
		return 0;
	rc = squash_lookup(f->worker, inode, name, &ent, err);
	if (rc <= 0)
		return rc;
	if (squash_inode_get(f->worker, f->fs, ent.ref, inode, err) < 0)
		return -1;
	if (S_ISLNK(inode->mode)) {
		rc = follow(f, inode, after, w, err);
		if (rc <= 0)
			return rc;
		return squash_inode_get(f->worker, f->fs, w->ref[w->depth - 1], inode, err) < 0 ? -1 : 1;
	}
	if (w->depth == DEPTH_MAX)
		return 0;
	w->ref[w->depth++] = ent.ref;
	memmove(w->rest, after, strlen(after) + 1);
	return 1;
}

/* What 'path' leads to in a squashfs, links followed. Returns 1, 0, or -1. */
static int resolve(const struct image_files *f, const char *path, struct squash_inode *ret, struct berth_err *err)
{
	struct walk w = { .ref = { squash_info(f->fs)->root }, .depth = 1 };

	if (strlen(path) >= sizeof(w.rest))
		return 0;
	(void)snprintf(w.rest, sizeof(w.rest), "%s", path);
	if (squash_inode_get(f->worker, f->fs, w.ref[0], ret, err) < 0)
		return -1;
	for (;;) {
		char name[PATH_MAX];
		size_t skip = strspn(w.rest, "/"), n = strcspn(w.rest + skip, "/");
		int rc;

		if (n == 0)
			return 1;
		memcpy(name, w.rest + skip, n);
		name[n] = '\0';
		if (strcmp(name, ".") == 0) {
			memmove(w.rest, w.rest + skip + n, strlen(w.rest + skip + n) + 1);
			continue;
		}
		rc = step(f, name, w.rest + skip + n, &w, ret, err);
		if (rc <= 0)
			return rc;
	}
}

static int open_in_dir(const struct image_files *f, const char *path, int flags, struct berth_err *err)
{
	int fd = fd_open_in_root(f->fd, path, flags | O_RDONLY | O_NONBLOCK | O_NOCTTY);

	/* ENXIO: a socket. */
	if (fd < 0 && errno != ENOENT && errno != ENOTDIR && errno != ELOOP && errno != ENXIO)
		berth_fail(err, BERTH_EDENIED, errno, "cannot read '%s' of the image", path);
	return fd;
}

static int too_large(const char *path, struct berth_err *err)
{
	return berth_fail(err, BERTH_EIMAGE, 0, "'%s' of the image is larger than 1 MiB", path);
}

static int read_in_dir(const struct image_files *f, const char *path, char *buf, size_t *n, struct berth_err *err)
{
	cleanup_close int fd = open_in_dir(f, path, 0, err);
	struct stat st;
	ssize_t got;

	if (fd < 0)
		return err->code == BERTH_OK ? 0 : -1;
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return 0;
	got = fd_read_full(fd, buf, IMAGE_FILE_MAX + 1);
	if (got < 0)
		return berth_fail(err, BERTH_ESYS, errno, "cannot read '%s' of the image", path);
	*n = (size_t)got;
	return 1;
}

static int read_in_squash(const struct image_files *f, const char *path, char *buf, size_t *n,
			  struct berth_err *err)
{
	struct squash_inode inode;
	int rc = resolve(f, path, &inode, err);
	ssize_t got;

	if (rc <= 0)
		return rc;
	if (!S_ISREG(inode.mode))
		return 0;
	if (inode.size > IMAGE_FILE_MAX)
		return too_large(path, err);
	got = squash_read(f->worker, &inode, 0, buf, (size_t)inode.size, err);
	if (got < 0)
		return -1;
	*n = (size_t)got;
	return 1;
}

int image_files_read(const struct image_files *f, const char *path, struct strbuf *ret, struct berth_err *err)
{
	const struct strbuf *known = sif_metadata_find(&f->metadata, path);
	cleanup_free char *buf = NULL;
	size_t n = 0;
	int rc;

	if (known) {
		strbuf_add(ret, known->text ? known->text : "", known->len);
		return strbuf_ok(ret) ? 1 : no_memory(err);
	}
	if (f->metadata.complete)
		return 0;
	buf = malloc(IMAGE_FILE_MAX + 1);
	if (!buf)
		return no_memory(err);
	rc = f->fs ? read_in_squash(f, path, buf, &n, err) : read_in_dir(f, path, buf, &n, err);
	if (rc <= 0)
		return rc;
	if (n > IMAGE_FILE_MAX)
		return too_large(path, err);
	strbuf_add(ret, buf, n);
	return strbuf_ok(ret) ? 1 : no_memory(err);
}

static int take_name(void *arg, const struct squash_dirent *ent)
{
	struct strlist *names = arg;

	strlist_add(names, ent->name);
	return names->n >= NAMES_MAX || names->failed;
}

static int list_dir(const struct image_files *f, const char *path, struct strlist *ret, struct berth_err *err)
{
	int fd = open_in_dir(f, path, O_DIRECTORY, err);
	struct dirent *de;
	DIR *d;

	if (fd < 0)
		return err->code == BERTH_OK ? 0 : -1;
	d = fdopendir(fd);
	if (!d) {
		(void)close(fd);
		return no_memory(err);
	}
	while (ret->n < NAMES_MAX && (de = readdir(d)))
		if (strcmp(de->d_name, ".") != 0 && strcmp(de->d_name, "..") != 0)
			strlist_add(ret, de->d_name);
	(void)closedir(d);
	return 1;
}

static int list_squash(const struct image_files *f, const char *path, struct strlist *ret, struct berth_err *err)
{
	struct squash_inode inode;
	int rc = resolve(f, path, &inode, err);

	if (rc <= 0)
		return rc;
	if (!S_ISDIR(inode.mode))
		return 0;
	return squash_list(f->worker, &inode, 0, take_name, ret, err) < 0 ? -1 : 1;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

int image_files_list(const struct image_files *f, const char *path, struct strlist *ret, struct berth_err *err)
{
	int rc;

	if (f->metadata.complete)
		rc = sif_metadata_list(&f->metadata, path, ret);
	else
		rc = f->fs ? list_squash(f, path, ret, err) : list_dir(f, path, ret, err);
	if (rc < 0)
		return -1;
	if (!strlist_ok(ret))
		return no_memory(err);
	if (ret->n > 1)
		qsort(ret->v, ret->n, sizeof(*ret->v), by_name);
	return rc;
}
