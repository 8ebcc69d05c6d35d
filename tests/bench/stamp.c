/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * stamp.c - when is it? The first and the last instruction of a start, on one clock.
 *
 *   stamp           print CLOCK_MONOTONIC in nanoseconds
 *   stamp CMD...    print it and become CMD
 *
 * Linked statically, so that it runs in any image and its own start is short.
 */
#include <stdio.h>
#include <time.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	struct timespec ts;
	char text[32];
	int n;

	if (clock_gettime(CLOCK_MONOTONIC, &ts) < 0)
		return 1;
	n = snprintf(text, sizeof(text), "%lld\n", (long long)ts.tv_sec * 1000000000LL + ts.tv_nsec);
	if (write(STDOUT_FILENO, text, (size_t)n) != n)
		return 1;
	if (argc > 1)
		(void)execvp(argv[1], argv + 1);
	return argc > 1;
}
