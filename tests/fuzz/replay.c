/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * replay.c - run a fuzz target over files, for compilers without libFuzzer and for make check:
 * every file named, and every file of every directory named. Prints how many there were;
 * none at all is a failure, because such a test could not fail.
 */
#include "config.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "libimage/base/cleanup.h"
#include "libimage/base/fd.h"
#include "libimage/base/path.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { INPUT_MAX = 4 * 1024 * 1024 }; /* LIMIT: corpora are kept small */

static int replay(const char *path, unsigned int *count)
{
	cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC);
	cleanup_free uint8_t *bytes = NULL;
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return -1;
	if (S_ISDIR(st.st_mode)) {
		DIR *d = opendir(path);
		int rc = d ? 0 : -1;

		for (struct dirent *e; rc == 0 && (e = readdir(d)) != NULL;) {
			cleanup_free char *name = path_join(path, e->d_name);

			if (e->d_name[0] != '.')
				rc = name ? replay(name, count) : -1;
		}
		if (d)
			(void)closedir(d);
		return rc;
	}
	if (st.st_size > INPUT_MAX)
		return -1;
	/* Exactly as long as the input, so that a sanitizer sees a read behind it. */
	bytes = malloc(st.st_size > 0 ? (size_t)st.st_size : 1);
	if (!bytes || fd_read_full(fd, bytes, (size_t)st.st_size) != st.st_size)
		return -1;
	(void)LLVMFuzzerTestOneInput(bytes, (size_t)st.st_size);
	++*count;
	return 0;
}

int main(int argc, char **argv)
{
	unsigned int count = 0;

	for (int i = 1; i < argc; i++) {
		if (replay(argv[i], &count) < 0) {
			(void)fprintf(stderr, "replay: cannot read '%s'\n", argv[i]);
			return 1;
		}
	}
	(void)printf("replayed %u inputs\n", count);
	return count > 0 ? 0 : 1;
}
