/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * stamp.c - when is it? The first and the last instruction of a start, on one clock.
 *
 *   stamp           print CLOCK_MONOTONIC in nanoseconds
 *   stamp CMD...    print it and become CMD
 *   stamp -r FILE   read a byte of FILE, then print it
 *
 * Linked statically, so that it runs in any image and its own start is short.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	int first = argc == 3 && strcmp(argv[1], "-r") == 0;
	struct timespec ts;
	char text[32];
	int n;

	if (first && read(open(argv[2], O_RDONLY | O_CLOEXEC), text, 1) != 1)
		return 1;
	if (clock_gettime(CLOCK_MONOTONIC, &ts) < 0)
		return 1;
	n = snprintf(text, sizeof(text), "%lld\n", (long long)ts.tv_sec * 1000000000LL + ts.tv_nsec);
	if (write(STDOUT_FILENO, text, (size_t)n) != n)
		return 1;
	if (first || argc == 1)
		return 0;
	(void)execvp(argv[1], argv + 1);
	return 1;
}
