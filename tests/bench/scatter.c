/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * scatter.c - read 4 KiB at places of a file that are drawn, always the same ones for a SEED.
 *
 *   scatter FILE COUNT SEED
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	static char buffer[4096];
	struct stat st;
	uint64_t state;
	long count;
	int fd;

	if (argc != 4)
		return 2;
	fd = open(argv[1], O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0 || st.st_size < (off_t)sizeof(buffer)) {
		perror(argv[1]);
		return 1;
	}
	count = atol(argv[2]);
	state = strtoull(argv[3], NULL, 10) * 2 + 1;
	for (long i = 0; i < count; i++) {
		uint64_t page;

		state ^= state << 13;
		state ^= state >> 7;
		state ^= state << 17;
		page = state % ((uint64_t)st.st_size / sizeof(buffer));
		if (pread(fd, buffer, sizeof(buffer), (off_t)(page * sizeof(buffer))) != (ssize_t)sizeof(buffer)) {
			perror(argv[1]);
			return 1;
		}
	}
	return 0;
}
