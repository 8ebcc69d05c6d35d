/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * store-driver.c - what `berth pull` does with a store, without a registry (libimage/store).
 *
 *   store-driver DIR blob FILE [COUNTS]   FILE, by its sha256, becomes a blob; a line for each byte that was
 *                                         "downloaded" is added to COUNTS. Says "got N of M" or "there"
 *   store-driver DIR image FILE           FILE becomes an image of the source "test://FILE"; says its path
 *   store-driver DIR pull FILE            both, the image first
 *
 * Status 0 or, after a message, 1.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "libimage/base/cleanup.h"
#include "libimage/base/err.h"
#include "libimage/base/fd.h"
#include "libimage/base/output.h"
#include "libimage/ref/hasher.h"
#include "libimage/store/store.h"

enum { CHUNK = 65536 };

/* The whole of a file, and what it is called. */
struct input {
	const char *name;
	char *bytes;
	size_t n;
	struct digest digest;
};

static int fail(const struct berth_err *err)
{
	(void)fprintf(stderr, "store-driver: %s\n", err->text);
	if (err->hint[0])
		(void)fprintf(stderr, "hint: %s\n", err->hint);
	return 1;
}

static int read_input(const char *name, struct input *in)
{
	cleanup_close int fd = open(name, O_RDONLY | O_CLOEXEC);
	struct stat st;

	in->name = name;
	if (fd < 0 || fstat(fd, &st) < 0)
		return -1;
	in->n = (size_t)st.st_size;
	in->bytes = malloc(in->n + 1);
	if (!in->bytes || fd_pread_full(fd, in->bytes, in->n, 0) < 0)
		return -1;
	return hasher_sum("sha256", in->bytes, in->n, &in->digest);
}

static void waiting(void *arg, const char *who)
{
	(void)arg;
	(void)fprintf(stderr, "waiting for %s\n", who);
}

static int get_blob(struct store *s, const struct input *in, const char *counts, struct berth_err *err)
{
	struct store_blob *b = NULL;
	int rc = store_blob_begin(s, &in->digest, in->n, &b, err);
	uint64_t have;

	if (rc < 0)
		return -1;
	have = store_blob_have(b);
	if (rc == 0 && counts) {
		cleanup_close int fd = open(counts, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666);

		if (fd < 0 || dprintf(fd, "downloaded from %" PRIu64 "\n", have) < 0)
			return berth_fail(err, BERTH_ESYS, 0, "cannot count");
	}
	for (uint64_t at = have; rc == 0 && at < in->n; at += CHUNK)
		rc = store_blob_add(b, in->bytes + at, in->n - at < CHUNK ? in->n - at : CHUNK, err);
	if (rc == 0 && store_blob_finish(b, err) == 0)
		(void)printf("got %zu of %zu\n", in->n - (size_t)have, in->n);
	else if (rc == 1)
		(void)printf("there\n");
	else
		rc = -1;
	b = store_blob_drop(b);
	return rc < 0 ? -1 : 0;
}

static int get_image(struct store *s, const struct input *in, bool blob, struct berth_err *err)
{
	struct store_meta m = { .platform = "linux/amd64", .manifest = in->digest };
	struct store_image *i = NULL;
	char key[STORE_KEY_SIZE], source[512];
	int rc;

	(void)snprintf(source, sizeof(source), "test://%s", in->name);
	m.source = source;
	if (store_image_key(&in->digest, m.platform, "test", key, err) < 0 ||
	    (rc = store_image_begin(s, key, &i, err)) < 0)
		return -1;
	if (rc == 0 && blob)
		rc = get_blob(s, in, NULL, err);
	if (rc == 0 && fd_write_full(store_image_output(i)->fd, in->bytes, in->n) < 0)
		rc = berth_fail(err, BERTH_ESYS, errno, "cannot write the image");
	if (rc == 0)
		rc = store_image_publish(i, &m, err);
	if (rc >= 0)
		(void)printf("%s\n", store_image_path(i));
	i = store_image_drop(i);
	return rc < 0 ? -1 : 0;
}

int main(int argc, char **argv)
{
	struct store_options o = { .create = true, .waiting = waiting };
	struct berth_err err = BERTH_ERR_INIT;
	cleanup(store_closep) struct store *s = NULL;
	struct input in = { 0 };
	int rc;

	if (argc < 4 || read_input(argv[3], &in) < 0) {
		(void)fprintf(stderr, "usage: store-driver DIR blob|image|pull FILE [COUNTS]\n");
		return 2;
	}
	o.dir = argv[1];
	if (store_open(&o, &s, &err) < 0)
		return fail(&err);
	rc = strcmp(argv[2], "blob") == 0 ? get_blob(s, &in, argv[4], &err)
					  : get_image(s, &in, strcmp(argv[2], "pull") == 0, &err);
	free(in.bytes);
	return rc < 0 ? fail(&err) : 0;
}
