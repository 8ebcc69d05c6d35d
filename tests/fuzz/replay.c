/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * replay.c - give files to a fuzz target without a fuzzer: 'make check' runs the corpus so.
 *
 * Arguments are files and directories of files; without any, the directory FUZZ_CORPUS.
 */
#include "config.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "libimage/base/cleanup.h"
#include "libimage/base/fd.h"
#include "libimage/base/path.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int replay_file(const char *path)
{
	cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC);
	cleanup_free uint8_t *data = NULL;
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return -1;
	/* Not a byte more: a sanitizer is to see what reads beyond. */
	data = malloc(st.st_size > 0 ? (size_t)st.st_size : 1);
	if (!data || fd_pread_full(fd, data, (size_t)st.st_size, 0) < 0)
		return -1;
	(void)LLVMFuzzerTestOneInput(data, (size_t)st.st_size);
	return 1;
}

/* How many files were run, or -1. */
static int replay(const char *path)
{
	DIR *d = opendir(path);
	int n = 0;

	if (!d)
		return replay_file(path);
	for (struct dirent *de = readdir(d); de; de = readdir(d)) {
		cleanup_free char *child = path_join(path, de->d_name);

		if (de->d_name[0] == '.')
			continue;
		if (!child || replay_file(child) < 0) {
			n = -1;
			break;
		}
		n++;
	}
	(void)closedir(d);
	return n;
}

int main(int argc, char **argv)
{
	static char corpus[] = FUZZ_CORPUS, *defaults[] = { NULL, corpus };
	int total = 0;

	if (argc < 2) {
		argc = 2;
		argv = defaults;
	}
	for (int i = 1; i < argc; i++) {
		int n = replay(argv[i]);

		if (n < 0) {
			perror(argv[i]);
			return 1;
		}
		total += n;
	}
	(void)printf("%d inputs\n", total);
	return total == 0; /* a corpus that is not found must not pass */
}
