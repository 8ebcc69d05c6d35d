/* SPDX-License-Identifier: BSD-3-Clause */
/* image.c - images that were converted; see store.h. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>

#include "libimage/base/cleanup.h"
#include "libimage/base/fd.h"
#include "libimage/base/str.h"
#include "libimage/ref/hasher.h"
#include "libimage/store/store_i.h"

struct store_image {
	struct store *s;
	char key[STORE_KEY_SIZE], file[STORE_KEY_SIZE + 4], note[STORE_KEY_SIZE + 5];
	char *path; /* NULL: anonymous */
	struct store_lock lock;
	struct output out;
	int dir_fd, fd; /* fd: of what is there, once it is */
};

bool store_key_is_valid(const char *key, size_t n)
{
	return n == STORE_KEY_SIZE - 1 && strspn(key, "0123456789abcdef") >= n;
}

int store_image_key(const struct digest *manifest, const char *platform, const char *how,
		    char ret[STORE_KEY_SIZE], struct berth_err *err)
{
	cleanup(strbuf_done) struct strbuf b = STRBUF_INIT;
	struct digest d;

	if (!digest_is_set(manifest))
		return berth_fail(err, BERTH_EBUG, 0, "an image of no manifest has no key");
	/* Lines, so that no two of them make one that is another's. */
	strbuf_printf(&b, "berth image\n%s\n%s\n%s\n", manifest->text, platform, how);
	if (!strbuf_ok(&b) || hasher_sum("sha256", b.text, b.len, &d) < 0)
		return berth_fail(err, BERTH_ESYS, ENOMEM, "cannot name an image");
	(void)snprintf(ret, STORE_KEY_SIZE, "%s", digest_hex(&d));
	return 0;
}

static int check_key(const char *key, struct berth_err *err)
{
	if (store_key_is_valid(key, strlen(key)))
		return 0;
	return berth_fail(err, BERTH_EBUG, 0, "'%.80s' is no image's key", key);
}

static char *path_in(const struct place *p, const char *file)
{
	cleanup(strbuf_done) struct strbuf b = STRBUF_INIT;

	strbuf_printf(&b, "%s/images/%s", p->path, file);
	return take_ptr(&b.text);
}

/* In one place. Returns 1, 0, or -1. */
static int find_in(const struct place *p, const char *key, int *ret_fd, char **ret_path,
		   struct berth_err *err)
{
	static const struct timespec now[2] = { { .tv_nsec = UTIME_OMIT }, { .tv_nsec = UTIME_NOW } };
	cleanup_close int dir_fd = -1, fd = -1;
	char file[STORE_NAME_SIZE];
	struct stat st;
	int rc = place_dir(p, "images", 0, &dir_fd, err);

	(void)snprintf(file, sizeof(file), "%s.sif", key);
	if (rc > 0)
		rc = place_file(p, dir_fd, file, &fd, &st, err);
	if (rc <= 0)
		return rc;
	*ret_path = path_in(p, file);
	if (!*ret_path)
		return berth_fail(err, BERTH_ESYS, ENOMEM, "cannot name an image");
	/*
	 * The time of use is the description's, not the image's: ranks that join one room compare the times
	 * of the image's file (launcher/view/key.h). Read-only: then not.
	 */
	(void)snprintf(file, sizeof(file), "%s.json", key);
	if (!p->site)
		(void)utimensat(dir_fd, file, now, AT_SYMLINK_NOFOLLOW);
	*ret_fd = take_fd(&fd);
	return 1;
}

int store_image_find(struct store *s, const char *key, int *ret_fd, char **ret_path, struct berth_err *err)
{
	int rc = 0;

	if (check_key(key, err) < 0)
		return -1;
	for (size_t i = 0; rc == 0 && i < s->nsite; i++)
		rc = find_in(&s->site[i], key, ret_fd, ret_path, err);
	return rc != 0 ? rc : find_in(&s->own, key, ret_fd, ret_path, err);
}

struct store_image *store_image_drop(struct store_image *i)
{
	if (!i)
		return NULL;
	output_close(&i->out);
	cleanup_close_fn(&i->fd);
	cleanup_close_fn(&i->dir_fd);
	lock_release(&i->lock);
	free(i->path);
	free(i);
	return NULL;
}

static void image_freep(struct store_image **i)
{
	*i = store_image_drop(*i);
}

static int open_anonymous(struct store_image *i, struct berth_err *err)
{
	i->out.path = i->out.name = i->s->tmp;
	i->out.fd = open(i->s->tmp, O_TMPFILE | O_RDWR | O_EXCL | O_CLOEXEC, 0600);
	return i->out.fd < 0 ? store_fail_write(i->s->tmp, errno, err) : 0;
}

static int begin(struct store_image *i, struct berth_err *err)
{
	int rc = store_image_find(i->s, i->key, &i->fd, &i->path, err);
	struct store *s = i->s;

	if (rc != 0)
		return rc;
	if (s->anonymous)
		return open_anonymous(i, err);
	if (lock_take(s, i->key, &i->lock, err) < 0)
		return -1;
	rc = store_image_find(s, i->key, &i->fd, &i->path, err);
	if (rc != 0) {
		lock_release(&i->lock);
		return rc;
	}
	i->path = path_in(&s->own, i->file);
	if (!i->path)
		return berth_fail(err, BERTH_ESYS, ENOMEM, "cannot name an image");
	if (place_dir(&s->own, "images", s->dir_mode, &i->dir_fd, err) < 0 ||
	    output_open_at(&i->out, i->dir_fd, i->file, i->path, s->file_mode, false, err) < 0)
		return -1;
	return 0;
}

int store_image_begin(struct store *s, const char *key, struct store_image **ret, struct berth_err *err)
{
	cleanup(image_freep) struct store_image *i = NULL;
	int rc;

	if (check_key(key, err) < 0)
		return -1;
	i = calloc(1, sizeof(*i));
	if (!i)
		return berth_fail(err, BERTH_ESYS, ENOMEM, "cannot make an image");
	i->s = s;
	i->lock = (struct store_lock)STORE_LOCK_NONE;
	i->out = (struct output)OUTPUT_INIT;
	i->dir_fd = i->fd = -1;
	memcpy(i->key, key, STORE_KEY_SIZE);
	(void)snprintf(i->file, sizeof(i->file), "%s.sif", i->key);
	(void)snprintf(i->note, sizeof(i->note), "%s.json", i->key);
	rc = begin(i, err);
	if (rc >= 0)
		*ret = take_ptr(&i);
	return rc;
}

struct output *store_image_output(struct store_image *i)
{
	return &i->out;
}

static bool is_there(const struct store_image *i, const char *name)
{
	return faccessat(i->dir_fd, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

/*
 * Put the description there; one without an image is removed by housekeeping. What there is of one now was
 * left by a kill, or is another's who makes the same where there are no locks.
 */
static int write_note(struct store_image *i, const struct store_meta *m, struct berth_err *err)
{
	cleanup(output_close) struct output note = OUTPUT_INIT;
	cleanup(strbuf_done) struct strbuf text = STRBUF_INIT;

	note_format(m, &text);
	if (!strbuf_ok(&text))
		return berth_fail(err, BERTH_ESYS, ENOMEM, "cannot describe '%s'", i->path);
	(void)unlinkat(i->dir_fd, i->note, 0);
	if (output_open_at(&note, i->dir_fd, i->note, i->path, i->s->file_mode, false, err) < 0)
		return is_there(i, i->note) ? 0 : -1;
	if (fd_write_full(note.fd, text.text, text.len) < 0)
		return store_fail_write(i->path, errno, err);
	return output_publish(&note, false, err) == 0 || is_there(i, i->note) ? 0 : -1;
}

static int publish(struct store_image *i, const struct store_meta *m, struct berth_err *err)
{
	struct store_meta v = *m;
	struct stat st;

	if (fstat(i->out.fd, &st) < 0)
		return store_fail_write(i->path, errno, err);
	/* The disk and the processor both have something to do: the file is hashed while it is written. */
	(void)sync_file_range(i->out.fd, 0, 0, SYNC_FILE_RANGE_WRITE);
	if (store_hash_whole(i->out.fd, "sha256", &v.sum, err) < 0)
		return -1;
	v.bytes = (uint64_t)st.st_size;
	v.made = (int64_t)time(NULL);
	if (write_note(i, &v, err) < 0)
		return -1;
	(void)flock(i->out.fd, LOCK_SH | LOCK_NB);
	if (output_publish(&i->out, false, err) == 0)
		return 0;
	/* No locks here, and somebody was quicker? */
	return is_there(i, i->file) ? 0 : -1;
}

int store_image_publish(struct store_image *i, const struct store_meta *m, struct berth_err *err)
{
	struct berth_err why = BERTH_ERR_INIT;

	if (i->fd >= 0 || i->out.fd < 0)
		return berth_fail(err, BERTH_EBUG, 0, "an image is published once");
	if (!i->s->anonymous && publish(i, m, err) < 0)
		return -1;
	i->fd = take_fd(&i->out.fd);
	lock_release(&i->lock);
	/* The image is there whatever comes of housekeeping. */
	if (i->s->limit > 0)
		(void)store_trim(i->s, &why);
	return 0;
}

int store_image_fd(const struct store_image *i)
{
	return i->fd;
}

const char *store_image_path(const struct store_image *i)
{
	return i->path;
}
