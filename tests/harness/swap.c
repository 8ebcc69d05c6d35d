/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * swap.c - exchange two names, again and again, until killed: the attacker of every
 * check-then-use race. With one argument instead: exec it without any argument (T01).
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	char *none[] = { NULL };

	if (argc == 2) {
		(void)execve(argv[1], none, none);
		return 98;
	}
	while (argc == 3)
		if (renameat2(AT_FDCWD, argv[1], AT_FDCWD, argv[2], RENAME_EXCHANGE) < 0)
			return 97;
	return 96;
}
