/* SPDX-License-Identifier: BSD-3-Clause */
/* list.c - what there is in a store; see store.h. */
#include "config.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>

#include "libimage/base/cleanup.h"
#include "libimage/base/str.h"
#include "libimage/oci/json.h"
#include "libimage/store/store_i.h"

typedef int each_fn(void *arg, const struct entry_at *at, struct berth_err *err);

/* The listing of one store. */
struct lister {
	struct store *s;
	each_fn *each;
	void *arg;
};

static void cleanup_closedir_fn(DIR **d)
{
	if (*d)
		(void)closedir(*d);
}

static bool ends_with(const char *text, const char *end)
{
	size_t n = strlen(text), m = strlen(end);

	return n >= m && strcmp(text + n - m, end) == 0;
}

/* Is somebody using the file 'name', or working at it? */
static bool is_locked(int dir_fd, const char *name)
{
	/* KERNEL: NFS locks for writing only what is open for writing. */
	cleanup_close int fd = openat(dir_fd, name, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);

	if (fd < 0)
		fd = openat(dir_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	return fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK;
}

/* When the file was made, if the file system knows; else when it was used. */
static int64_t born(int dir_fd, const char *name, const struct stat *st)
{
	struct statx x;

	if (statx(dir_fd, name, AT_SYMLINK_NOFOLLOW, STATX_BTIME, &x) == 0 && (x.stx_mask & STATX_BTIME))
		return x.stx_btime.tv_sec;
	return st->st_mtim.tv_sec;
}

typedef int (*one_name)(const struct lister *l, const char *below, int dir_fd, const char *name,
			const struct stat *st, struct berth_err *err);

/* The files of one directory. */
static int each_name(const struct lister *l, const char *below, one_name one, struct berth_err *err)
{
	cleanup_close int dir_fd = -1;
	cleanup(cleanup_closedir_fn) DIR *d = NULL;
	const struct dirent *e;
	int rc = place_dir(&l->s->own, below, 0, &dir_fd, err), fd;

	if (rc <= 0)
		return rc;
	fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	d = fd < 0 ? NULL : fdopendir(fd);
	if (!d) {
		berth_fail(err, BERTH_EDENIED, errno, "cannot list '%s/%s'", l->s->own.path, below);
		cleanup_close_fn(&fd);
		return -1;
	}
	while ((e = readdir(d))) {
		struct stat st;

		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		/* Gone meanwhile: others work here, too. */
		if (fstatat(dir_fd, e->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			continue;
		if (one(l, below, dir_fd, e->d_name, &st, err) < 0)
			return -1;
	}
	return 0;
}

static int tell(const struct lister *l, enum store_kind kind, const char *below, const char *file,
		const char *name, const struct stat *st, bool in_use, struct berth_err *err)
{
	struct entry_at at = {
		.e = { .kind = kind,
		       .name = name,
		       .bytes = (uint64_t)st->st_size,
		       .made = st->st_mtim.tv_sec,
		       .used = st->st_mtim.tv_sec,
		       .in_use = in_use },
		.below = below,
		.file = file,
	};

	return l->each(l->arg, &at, err);
}

static int one_blob(const struct lister *l, const char *below, int dir_fd, const char *name,
		    const struct stat *st, struct berth_err *err)
{
	struct berth_err why = BERTH_ERR_INIT;
	const char *algorithm = below + strlen("blobs/");
	char text[STORE_NAME_SIZE];
	struct entry_at at = {
		.e = { .kind = STORE_BLOB, .bytes = (uint64_t)st->st_size, .used = st->st_mtim.tv_sec },
		.below = below,
		.file = name,
	};
	struct digest d;

	if (!S_ISREG(st->st_mode))
		return 0;
	(void)snprintf(text, sizeof(text), "%.*s:%.200s", (int)strcspn(algorithm, "/"), algorithm, name);
	if (digest_parse(text, &d, &why) < 0)
		return tell(l, STORE_REST, below, name, name, st, is_locked(dir_fd, name), err);
	at.e.name = d.text;
	at.e.made = born(dir_fd, name, st);
	at.e.in_use = is_locked(dir_fd, name);
	return l->each(l->arg, &at, err);
}

/* A directory between the store's and its blobs': what is in it goes to 'each'. */
static int one_dir(const struct lister *l, const char *below, const char *name, const struct stat *st,
		   one_name each, struct berth_err *err)
{
	char dir[STORE_NAME_SIZE];

	if (!S_ISDIR(st->st_mode))
		return 0;
	(void)snprintf(dir, sizeof(dir), "%.100s/%.100s", below, name);
	return each_name(l, dir, each, err);
}

static int one_fan(const struct lister *l, const char *below, int dir_fd, const char *name,
		   const struct stat *st, struct berth_err *err)
{
	(void)dir_fd;
	return one_dir(l, below, name, st, one_blob, err);
}

static int one_algorithm(const struct lister *l, const char *below, int dir_fd, const char *name,
			 const struct stat *st, struct berth_err *err)
{
	(void)dir_fd;
	return one_dir(l, below, name, st, one_fan, err);
}

static int one_image(const struct lister *l, const char *below, int dir_fd, const char *name,
		     const struct stat *st, struct berth_err *err)
{
	cleanup(json_freep) struct json *doc = NULL;
	struct berth_err why = BERTH_ERR_INIT;
	char key[STORE_NAME_SIZE], other[STORE_NAME_SIZE + 8];
	struct entry_at at = { .e = { .kind = STORE_IMAGE, .name = key }, .below = below, .file = name };
	struct stat note;

	if (!S_ISREG(st->st_mode))
		return 0;
	(void)snprintf(key, sizeof(key), "%.*s", (int)strcspn(name, "."), name);
	if (!store_key_is_valid(key, strlen(key)) || !(ends_with(name, ".sif") || ends_with(name, ".json")))
		return tell(l, STORE_REST, below, name, name, st, is_locked(dir_fd, name), err);
	if (ends_with(name, ".json")) {
		(void)snprintf(other, sizeof(other), "%s.sif", key);
		if (faccessat(dir_fd, other, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
			return 0;
		return tell(l, STORE_REST, below, name, name, st, false, err);
	}
	(void)snprintf(other, sizeof(other), "%s.json", key);
	at.e.bytes = (uint64_t)st->st_size;
	at.e.made = at.e.used = st->st_mtim.tv_sec;
	at.e.in_use = is_locked(dir_fd, name);
	if (fstatat(dir_fd, other, &note, AT_SYMLINK_NOFOLLOW) == 0)
		at.e.used = note.st_mtim.tv_sec;
	if (note_read(dir_fd, other, &at.e.meta, &doc, &why) == 0 && at.e.meta.made > 0)
		at.e.made = at.e.meta.made;
	return l->each(l->arg, &at, err);
}

/* Whether a partial file is worked at, its lock says: "sha256-HEX" of "sha256-HEX.HOST". */
static int one_partial(const struct lister *l, const char *below, int dir_fd, const char *name,
		       const struct stat *st, struct berth_err *err)
{
	cleanup_close int locks = -1;
	char lock[STORE_NAME_SIZE];
	struct entry_at at = {
		.e = { .kind = STORE_PARTIAL,
		       .name = name,
		       .bytes = (uint64_t)st->st_size,
		       .made = st->st_mtim.tv_sec,
		       .used = st->st_mtim.tv_sec },
		.below = below,
		.file = name,
		.lock = lock,
	};
	int rc = place_dir(&l->s->own, "locks", 0, &locks, err);

	(void)dir_fd;
	if (rc < 0)
		return -1;
	if (!S_ISREG(st->st_mode))
		return 0;
	(void)snprintf(lock, sizeof(lock), "%.*s", (int)strcspn(name, "."), name);
	at.e.in_use = rc > 0 && is_locked(locks, lock);
	return l->each(l->arg, &at, err);
}

static int one_lock(const struct lister *l, const char *below, int dir_fd, const char *name,
		    const struct stat *st, struct berth_err *err)
{
	struct entry_at at = {
		.e = { .kind = STORE_REST,
		       .name = name,
		       .bytes = (uint64_t)st->st_size,
		       .made = st->st_mtim.tv_sec,
		       .used = st->st_mtim.tv_sec,
		       .in_use = is_locked(dir_fd, name) },
		.below = below,
		.file = name,
		.lock = name,
	};

	return S_ISREG(st->st_mode) ? l->each(l->arg, &at, err) : 0;
}

int store_entries(struct store *s, each_fn *each, void *arg, struct berth_err *err)
{
	struct lister l = { .s = s, .each = each, .arg = arg };

	if (each_name(&l, "blobs", one_algorithm, err) < 0 || each_name(&l, "images", one_image, err) < 0 ||
	    each_name(&l, "partial", one_partial, err) < 0 || each_name(&l, "locks", one_lock, err) < 0)
		return -1;
	return 0;
}

/* For callers outside: the entry alone. */
struct outside {
	int (*each)(void *arg, const struct store_entry *e, struct berth_err *err);
	void *arg;
};

static int pass_on(void *arg, const struct entry_at *at, struct berth_err *err)
{
	const struct outside *o = arg;

	return o->each(o->arg, &at->e, err);
}

int store_list(struct store *s, int (*each)(void *arg, const struct store_entry *e, struct berth_err *err),
	       void *arg, struct berth_err *err)
{
	struct outside o = { .each = each, .arg = arg };

	return store_entries(s, pass_on, &o, err);
}
