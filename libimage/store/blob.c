/* SPDX-License-Identifier: BSD-3-Clause */
/* blob.c - find a blob, or begin it and end it; see store.h. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>

#include "libimage/base/cleanup.h"
#include "libimage/base/str.h"
#include "libimage/ref/hasher.h"
#include "libimage/store/blob_i.h"

void blob_dir(const struct digest *d, char ret[STORE_NAME_SIZE])
{
	const char *hex = digest_hex(d);

	(void)snprintf(ret, STORE_NAME_SIZE, "blobs/%.*s/%.2s", (int)(hex - d->text - 1), d->text, hex);
}

void blob_lock_name(const struct digest *d, char ret[STORE_NAME_SIZE])
{
	const char *hex = digest_hex(d);

	(void)snprintf(ret, STORE_NAME_SIZE, "%.*s-%s", (int)(hex - d->text - 1), d->text, hex);
}

/* In one place. Returns 1, 0, or -1. */
static int find_in(const struct place *p, const struct digest *d, uint64_t size, int *ret_fd,
		   struct berth_err *err)
{
	static const struct timespec now[2] = { { .tv_nsec = UTIME_OMIT }, { .tv_nsec = UTIME_NOW } };
	cleanup_close int dir_fd = -1, fd = -1;
	char dir[STORE_NAME_SIZE];
	struct stat st;
	int rc;

	blob_dir(d, dir);
	rc = place_dir(p, dir, 0, &dir_fd, err);
	if (rc > 0)
		rc = place_file(p, dir_fd, digest_hex(d), &fd, &st, err);
	if (rc <= 0)
		return rc;
	if (size != STORE_SIZE_UNKNOWN && (uint64_t)st.st_size != size)
		return 0;
	/* Its content never changes, so its time is free to say when it was used. Read-only: then not. */
	if (!p->site)
		(void)futimens(fd, now);
	*ret_fd = take_fd(&fd);
	return 1;
}

int store_blob_find(struct store *s, const struct digest *d, uint64_t size, int *ret_fd,
		    struct berth_err *err)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < s->nsite; i++)
		rc = find_in(&s->site[i], d, size, ret_fd, err);
	return rc != 0 ? rc : find_in(&s->own, d, size, ret_fd, err);
}

static struct store_blob *blob_free(struct store_blob *b)
{
	if (!b)
		return NULL;
	hasher_free(b->hasher);
	growth_free(b->growth);
	output_close(&b->out);
	cleanup_close_fn(&b->fd);
	cleanup_close_fn(&b->reader_fd);
	cleanup_close_fn(&b->partial_fd);
	lock_release(&b->lock);
	free(b->path);
	free(b);
	return NULL;
}

static void blob_freep(struct store_blob **b)
{
	*b = blob_free(*b);
}

static struct store_blob *blob_new(struct store *s, const struct digest *d, uint64_t size)
{
	cleanup(blob_freep) struct store_blob *b = calloc(1, sizeof(*b));
	cleanup(strbuf_done) struct strbuf path = STRBUF_INIT;

	if (!b)
		return NULL;
	b->s = s;
	b->users = 1;
	b->digest = *d;
	b->size = size;
	b->fd = b->reader_fd = b->partial_fd = -1;
	b->lock = (struct store_lock)STORE_LOCK_NONE;
	b->out = (struct output)OUTPUT_INIT;
	b->growth = growth_new();
	b->hasher = hasher_new(d->text);
	strbuf_printf(&path, "%s (%.19s)", s->own.path ? s->own.path : s->tmp, d->text);
	b->path = take_ptr(&path.text);
	return b->growth && b->hasher && b->path ? take_ptr(&b) : NULL;
}

static void set_whole(struct store_blob *b, uint64_t bytes)
{
	b->whole = true;
	b->have = b->at = bytes;
	growth_set(b->growth, bytes);
	growth_end(b->growth, GROWTH_DONE);
}

static int find_whole(struct store_blob *b, struct berth_err *err)
{
	int rc = store_blob_find(b->s, &b->digest, b->size, &b->fd, err);
	struct stat st;

	if (rc <= 0)
		return rc;
	if (fstat(b->fd, &st) < 0)
		return berth_fail(err, BERTH_ESYS, errno, "cannot read '%s'", b->path);
	set_whole(b, (uint64_t)st.st_size);
	return 1;
}

/* A file that nobody else has, and that nothing can be resumed from. */
static int open_own(struct store_blob *b, struct berth_err *err)
{
	cleanup_close int dir_fd = -1;
	char dir[STORE_NAME_SIZE];

	blob_dir(&b->digest, dir);
	if (place_dir(&b->s->own, dir, b->s->dir_mode, &dir_fd, err) < 0 ||
	    output_open_at(&b->out, dir_fd, digest_hex(&b->digest), b->path, b->s->file_mode, true, err) < 0)
		return -1;
	b->fd = fcntl(b->out.fd, F_DUPFD_CLOEXEC, 0);
	return b->fd < 0 ? store_fail_write(b->path, errno, err) : 0;
}

/* We have the lock: what did an earlier try get? All of it is a blob. */
static int open_partial(struct store_blob *b, struct berth_err *err)
{
	char name[STORE_NAME_SIZE];
	struct stat st;

	blob_lock_name(&b->digest, name);
	(void)snprintf(b->partial, sizeof(b->partial), "%.140s.%.*s", name, HOST_NAME_MAX, b->s->host);
	if (place_dir(&b->s->own, "partial", b->s->dir_mode, &b->partial_fd, err) < 0)
		return -1;
	b->fd = openat(b->partial_fd, b->partial, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, b->s->file_mode);
	if (b->fd < 0 || fstat(b->fd, &st) < 0 || !S_ISREG(st.st_mode))
		return store_fail_write(b->path, errno, err);
	if ((uint64_t)st.st_size > b->size) {
		if (ftruncate(b->fd, 0) < 0)
			return store_fail_write(b->path, errno, err);
		st.st_size = 0;
	}
	if (st.st_size > 0 && store_hash(b->fd, (uint64_t)st.st_size, b->hasher, err) < 0)
		return -1;
	b->at = b->have = b->pushed = (uint64_t)st.st_size;
	b->resumed = b->have > 0;
	growth_set(b->growth, b->have);
	return 0;
}

/* An earlier try had all bytes and was killed before they got their name. Right or wrong, no byte is missing. */
static int take_complete(struct store_blob *b, struct berth_err *err)
{
	struct berth_err why = BERTH_ERR_INIT;

	if (b->size == STORE_SIZE_UNKNOWN || b->have != b->size || b->size == 0)
		return 0;
	if (store_blob_finish(b, &why) == 0)
		return 1;
	if (why.code != BERTH_EIMAGE) {
		*err = why;
		return -1;
	}
	return 2;
}

static int open_anonymous(struct store_blob *b, struct berth_err *err)
{
	b->fd = open(b->s->tmp, O_TMPFILE | O_RDWR | O_EXCL | O_CLOEXEC, 0600);
	if (b->fd < 0) {
		char name[PATH_MAX];

		(void)snprintf(name, sizeof(name), "%s/berth-XXXXXX", b->s->tmp);
		b->fd = mkostemp(name, O_CLOEXEC);
		if (b->fd >= 0)
			(void)unlink(name);
	}
	return b->fd < 0 ? store_fail_write(b->s->tmp, errno, err) : 0;
}

/* Who reads along parses what a stranger wrote: it gets a descriptor that nothing can be written to. */
static int open_reader(struct store_blob *b, struct berth_err *err)
{
	char self[64];

	(void)snprintf(self, sizeof(self), "/proc/self/fd/%d", b->fd);
	b->reader_fd = open(self, O_RDONLY | O_CLOEXEC);
	return b->reader_fd < 0 ? berth_fail(err, BERTH_ESYS, errno, "cannot read '%s'", b->path) : 0;
}

/* Begin 'b'. Returns 1 it is there, 0 it is to be got, 2 what there was is wrong and gone, or -1. */
static int begin(struct store_blob *b, struct berth_err *err)
{
	char name[STORE_NAME_SIZE];
	int rc = find_whole(b, err);

	if (rc != 0)
		return rc;
	if (b->s->anonymous)
		return open_anonymous(b, err);
	blob_lock_name(&b->digest, name);
	rc = lock_take(b->s, name, &b->lock, err);
	if (rc < 0)
		return -1;
	if (rc == 0)
		return open_own(b, err);
	/* While we waited another process may have got it. */
	rc = find_whole(b, err);
	if (rc != 0) {
		lock_release(&b->lock);
		return rc;
	}
	return open_partial(b, err) < 0 ? -1 : take_complete(b, err);
}

int store_blob_begin(struct store *s, const struct digest *d, uint64_t size, struct store_blob **ret,
		     struct berth_err *err)
{
	for (struct store_blob *b = s->blobs; b; b = b->next) {
		if (!digest_equal(&b->digest, d))
			continue;
		b->users++;
		*ret = b;
		return b->whole;
	}
	for (;;) {
		cleanup(blob_freep) struct store_blob *b = blob_new(s, d, size);
		int rc;

		if (!b)
			return berth_fail(err, BERTH_ESYS, ENOMEM, "cannot get '%s'", d->text);
		rc = begin(b, err);
		if (rc == 2)
			continue;
		if (rc < 0 || (rc == 0 && open_reader(b, err) < 0))
			return -1;
		b->next = s->blobs;
		s->blobs = b;
		*ret = take_ptr(&b);
		return rc;
	}
}

static int by_digest(const void *a, const void *b)
{
	const struct store_want *const *x = a, *const *y = b;

	return strcmp((*x)->digest.text, (*y)->digest.text);
}

int store_blobs_begin(struct store *s, const struct store_want *want, size_t n, struct store_blob **ret,
		      struct berth_err *err)
{
	cleanup_free const struct store_want **order = calloc(n + 1, sizeof(*order));

	if (!order)
		return berth_fail(err, BERTH_ESYS, ENOMEM, "cannot get %zu blobs", n);
	for (size_t i = 0; i < n; i++)
		order[i] = &want[i];
	if (n > 1)
		qsort(order, n, sizeof(*order), by_digest);
	for (size_t i = 0; i < n; i++) {
		if (store_blob_begin(s, &order[i]->digest, order[i]->size, &ret[order[i] - want], err) >= 0)
			continue;
		while (i-- > 0)
			ret[order[i] - want] = store_blob_drop(ret[order[i] - want]);
		return -1;
	}
	return 0;
}

bool store_blob_is_whole(const struct store_blob *b)
{
	return b->whole;
}

uint64_t store_blob_have(const struct store_blob *b)
{
	return b->at;
}

int store_blob_fd(const struct store_blob *b)
{
	return b->fd;
}

struct source store_blob_source(struct store_blob *b, struct growth_reader *r)
{
	*r = (struct growth_reader){ .g = b->growth, .fd = b->reader_fd >= 0 ? b->reader_fd : b->fd };
	return growth_source(r);
}

struct store_blob *store_blob_drop(struct store_blob *b)
{
	if (!b || --b->users > 0)
		return NULL;
	for (struct store_blob **p = &b->s->blobs; *p; p = &(*p)->next) {
		if (*p != b)
			continue;
		*p = b->next;
		break;
	}
	if (!b->whole)
		growth_end(b->growth, GROWTH_FAILED);
	/* Nothing is nothing to resume from. */
	if (!b->whole && b->have == 0 && b->partial_fd >= 0)
		(void)unlinkat(b->partial_fd, b->partial, 0);
	return blob_free(b);
}
