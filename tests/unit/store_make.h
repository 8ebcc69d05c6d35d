/* SPDX-License-Identifier: BSD-3-Clause */
/* store_make.h - a scratch store, and blobs and images in it, for check_store*.c. */
#ifndef BERTH_TESTS_STORE_MAKE_H
#define BERTH_TESTS_STORE_MAKE_H

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "libimage/base/cleanup.h"
#include "libimage/base/err.h"
#include "libimage/base/fd.h"
#include "libimage/base/output.h"
#include "libimage/ref/hasher.h"
#include "libimage/store/store.h"
#include "tests/unit/unit.h"

static char scratch[256], store_dir[300];
static int scratch_fds;

static void setup(void)
{
	const char *tmp = getenv("TMPDIR");

	(void)snprintf(scratch, sizeof(scratch), "%s/check_store.XXXXXX", tmp && tmp[0] ? tmp : "/tmp");
	ck_assert_ptr_nonnull(mkdtemp(scratch));
	(void)snprintf(store_dir, sizeof(store_dir), "%s/a/cache", scratch);
	(void)umask(022);
	scratch_fds = unit_count_fds();
}

static void teardown(void)
{
	char command[320];

	ck_assert_int_eq(unit_count_fds(), scratch_fds);
	(void)snprintf(command, sizeof(command), "rm -rf '%s'", scratch);
	ck_assert_int_eq(system(command), 0);
}

static struct store *open_with(struct store_options o)
{
	struct berth_err err = BERTH_ERR_INIT;
	struct store *s = NULL;

	if (!o.dir)
		o.dir = store_dir;
	ck_assert_msg(store_open(&o, &s, &err) == 0, "%s", err.text);
	return s;
}

static struct store *open_store(void)
{
	return open_with((struct store_options){ .create = true });
}

/* Why a store is not opened. */
static void refuses(struct store_options o, enum berth_code code, const char *words)
{
	struct berth_err err = BERTH_ERR_INIT;
	struct store *s = NULL;

	if (!o.dir)
		o.dir = store_dir;
	ck_assert_msg(store_open(&o, &s, &err) == -1, "'%s' was opened, but: %s", o.dir, words);
	ck_assert_msg(err.code == code && strstr(err.text, words), "%d %s", err.code, err.text);
	ck_assert_ptr_null(s);
}

static struct digest sum_of(const char *text)
{
	struct digest d = { 0 };

	ck_assert_int_eq(hasher_sum("sha256", text, strlen(text), &d), 0);
	return d;
}

/* "SCRATCH/NAME", in one of a few buffers. */
static const char *below(const char *name)
{
	static char path[8][512];
	static unsigned int i;

	i = (i + 1) % ARRAY_SIZE(path);
	(void)snprintf(path[i], sizeof(path[i]), "%s/%s", scratch, name);
	return path[i];
}

/* Where the blob 'text' lies in the store, or would. */
static const char *blob_path(const char *text)
{
	static char path[512];
	struct digest d = sum_of(text);

	(void)snprintf(path, sizeof(path), "%s/blobs/sha256/%.2s/%s", store_dir, digest_hex(&d), digest_hex(&d));
	return path;
}

static void put_file(const char *path, const char *text, mode_t mode)
{
	cleanup_close int fd = open(path, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, mode);

	ck_assert_msg(fd >= 0, "'%s': %s", path, strerror(errno));
	ck_assert_int_eq(fd_write_full(fd, text, strlen(text)), 0);
	ck_assert_int_eq(fchmod(fd, mode), 0);
}

static bool is_there(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0;
}

/* How many files there are in and below the directory 'name' of the store. */
static int files_in(const char *name)
{
	char command[512];
	int n = -1;
	FILE *f;

	(void)snprintf(command, sizeof(command), "find '%s/%s' -type f 2>/dev/null | wc -l", store_dir, name);
	f = popen(command, "r");
	ck_assert_ptr_nonnull(f);
	ck_assert_int_eq(fscanf(f, "%d", &n), 1);
	(void)pclose(f);
	return n;
}

/* Get the blob 'text', which must not be there yet. */
static void get_blob(struct store *s, const char *text)
{
	struct berth_err err = BERTH_ERR_INIT;
	struct store_blob *b = NULL;
	struct digest d = sum_of(text);

	ck_assert_int_eq(store_blob_begin(s, &d, strlen(text), &b, &err), 0);
	ck_assert_int_eq(store_blob_have(b), 0);
	ck_assert_msg(store_blob_add(b, text, strlen(text), &err) == 0, "%s", err.text);
	ck_assert_msg(store_blob_finish(b, &err) == 0, "%s", err.text);
	ck_assert(store_blob_is_whole(b));
	b = store_blob_drop(b);
	ck_assert_ptr_null(b);
}

#endif
