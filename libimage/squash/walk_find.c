/* SPDX-License-Identifier: BSD-3-Clause */
/* walk_find.c - one path of a squashfs; see walk.h. */
#include "config.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "libimage/base/cleanup.h"
#include "libimage/base/err.h"
#include "libimage/squash/walk.h"

enum {
	LINKS_MAX = 40,		 /* LIMIT: as many as the kernel follows */
	TEXT_MAX = 2 * PATH_MAX, /* LIMIT: a path and a link's target */
	WAY_MAX = 64,		 /* LIMIT: directories that ".." leads back through */
	CACHE_BYTES = 1 << 20,
};

/* Where a search is, and how it came there. */
struct search {
	struct squash_worker *w;
	struct squash *fs;
	struct squash_inode way[WAY_MAX]; /* way[0] is the root */
	size_t at;
	unsigned int links;
	char todo[TEXT_MAX];
};

/* Put a link's target before the rest of the way. Returns 1, or 0 where that is too long. */
static int follow(struct search *s, const struct squash_inode *link, const char *rest, struct berth_err *err)
{
	char target[PATH_MAX];
	ssize_t n = squash_readlink(s->w, link, target, err);
	size_t left = strlen(rest) + 1;

	if (n < 0)
		return -1;
	if (++s->links > LINKS_MAX || (size_t)n + 1 + left > sizeof(s->todo))
		return 0;
	memmove(s->todo + n + 1, rest, left);
	memcpy(s->todo, target, (size_t)n);
	s->todo[n] = '/';
	if (target[0] == '/')
		s->at = 0;
	return 1;
}

/* One component. Returns 1 with *rest where it goes on, 0 nothing there, -1. */
static int step(struct search *s, const char *name, const char **rest, struct berth_err *err)
{
	struct squash_dirent ent;
	struct squash_inode next;
	int rc;

	if (!S_ISDIR(s->way[s->at].mode))
		return 0;
	if (strcmp(name, ".") == 0)
		return 1;
	if (strcmp(name, "..") == 0) {
		s->at -= s->at > 0;
		return 1;
	}
	rc = squash_lookup(s->w, &s->way[s->at], name, &ent, err);
	if (rc <= 0)
		return rc;
	if (squash_inode_get(s->w, s->fs, ent.ref, &next, err) < 0)
		return -1;
	if (S_ISLNK(next.mode)) {
		rc = follow(s, &next, *rest, err);
		*rest = s->todo;
		return rc;
	}
	if (s->at + 1 == WAY_MAX)
		return 0;
	s->way[++s->at] = next;
	return 1;
}

int squash_look_up(struct squash_worker *w, struct squash *fs, const char *path, struct squash_inode *ret,
		   struct berth_err *err)
{
	cleanup_free struct search *s = calloc(1, sizeof(*s));
	char name[SQUASH_NAME_MAX + 1];

	if (!s)
		return berth_fail(err, BERTH_ESYS, 0, "cannot look for a file of the image: no memory");
	if (strlen(path) >= sizeof(s->todo))
		return 0;
	s->w = w;
	s->fs = fs;
	memcpy(s->todo, path, strlen(path) + 1);
	if (squash_inode_get(w, fs, squash_info(fs)->root, &s->way[0], err) < 0)
		return -1;
	for (const char *p = s->todo + strspn(s->todo, "/"); *p != '\0'; p += strspn(p, "/")) {
		size_t n = strcspn(p, "/");
		int rc;

		if (n >= sizeof(name))
			return 0;
		memcpy(name, p, n);
		name[n] = '\0';
		p += n;
		rc = step(s, name, &p, err);
		if (rc <= 0)
			return rc;
	}
	*ret = s->way[s->at];
	return 1;
}

ssize_t squash_file_head(int fd, uint64_t at, uint64_t size, const char *path, void *buf, size_t max,
			 struct berth_err *err)
{
	struct squash_worker *w = NULL;
	struct squash_inode inode;
	struct squash *fs = NULL;
	ssize_t n = -1;
	int rc;

	if (squash_open(fd, at, size, &fs, err) == 0 && squash_share(&fs, 1, CACHE_BYTES, 1, err) == 0 &&
	    squash_worker_new(&fs, 1, &w, err) == 0) {
		rc = squash_look_up(w, fs, path, &inode, err);
		if (rc > 0 && S_ISREG(inode.mode))
			n = squash_read(w, &inode, 0, buf, max, err);
		else
			n = rc < 0 ? -1 : 0;
	}
	(void)squash_worker_free(w);
	(void)squash_close(fs);
	return n;
}
