/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * trace.c SECONDS - a payload that tries to trace every process called "berth" that it can see. Prints
 * "traced CAPS" for each, with the capabilities that it had; and "tried N" at last. Linked statically.
 */
#include <ctype.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <time.h>

static unsigned long tried;

static void try_one(const char *pid)
{
	char path[64], line[256], caps[64] = "?";
	int berth = 0;
	FILE *f;

	(void)snprintf(path, sizeof(path), "/proc/%.20s/status", pid);
	f = fopen(path, "r");
	if (!f)
		return;
	while (fgets(line, sizeof(line), f)) {
		berth |= strcmp(line, "Name:\tberth\n") == 0;
		(void)sscanf(line, "CapPrm: %63s", caps);
	}
	(void)fclose(f);
	if (!berth)
		return;
	tried++;
	if (ptrace(PTRACE_SEIZE, atoi(pid), NULL, NULL) == 0)
		(void)printf("traced %s\n", caps);
}

int main(int argc, char **argv)
{
	time_t end = time(NULL) + (argc > 1 ? atoi(argv[1]) : 1);

	while (time(NULL) <= end) {
		const struct dirent *e;
		DIR *d = opendir("/proc");

		while (d && (e = readdir(d)))
			if (isdigit((unsigned char)e->d_name[0]))
				try_one(e->d_name);
		if (d)
			(void)closedir(d);
	}
	(void)printf("tried %lu\n", tried);
	return 0;
}
