/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * probe.c - the payload of the security tests: says in one line who it is, what it may do and
 * whose "/" it has.
 *
 * Linked statically, so that it runs in an empty image and asks the kernel for little.
 * Output: "PROBE uid R E S F gid R E S F groups G... caps I P E B A nnp N root HOST|IMAGE"
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char status[16384];

/* What stands behind 'name' in /proc/self/status, blanks made single. */
static void field(const char *label, const char *name)
{
	const char *p = strstr(status, name);
	int blank = 1;

	(void)printf("%s", label);
	if (!p) {
		(void)printf(" ?");
		return;
	}
	for (p += strlen(name); *p && *p != '\n'; p++) {
		if (*p == ' ' || *p == '\t') {
			blank = 1;
			continue;
		}
		(void)printf(blank ? " %c" : "%c", *p);
		blank = 0;
	}
}

int main(void)
{
	int fd = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd >= 0 ? read(fd, status, sizeof(status) - 1) : -1;

	if (n <= 0)
		return 3;
	field("PROBE uid", "\nUid:");
	field(" gid", "\nGid:");
	field(" groups", "\nGroups:");
	field(" caps", "\nCapInh:");
	field("", "\nCapPrm:");
	field("", "\nCapEff:");
	field("", "\nCapBnd:");
	field("", "\nCapAmb:");
	field(" nnp", "\nNoNewPrivs:");
	(void)printf(" root %s\n", access("/berth-image", F_OK) == 0 ? "IMAGE" : "HOST");
	return fflush(stdout) ? 4 : 0;
}
