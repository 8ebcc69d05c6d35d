/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * walk.c - open, read and close every file of a tree.
 *
 *   walk DIR FILES BYTES           all below DIR; fails if they are not so many
 *   walk -l LIST PART PARTS DIR    of the paths in LIST, relative to DIR, one of PARTS equal parts
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char buffer[128 * 1024];
static unsigned long long files, bytes;

static _Noreturn void die(const char *what)
{
	perror(what);
	exit(1);
}

static void read_file(int dir, const char *name)
{
	int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	ssize_t n;

	if (fd < 0)
		die(name);
	while ((n = read(fd, buffer, sizeof(buffer))) > 0)
		bytes += (unsigned long long)n;
	if (n < 0)
		die(name);
	(void)close(fd);
	files++;
}

/* Consumes fd. */
static void walk(int fd, const char *where)
{
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;

	if (!dir)
		die(where);
	while ((entry = readdir(dir))) {
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		if (entry->d_type == DT_REG)
			read_file(dirfd(dir), entry->d_name);
		else if (entry->d_type == DT_DIR)
			walk(openat(dirfd(dir), entry->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC), entry->d_name);
	}
	(void)closedir(dir);
}

static void read_listed(const char *list, unsigned long part, unsigned long parts, const char *where)
{
	int dir = open(where, O_PATH | O_DIRECTORY | O_CLOEXEC);
	unsigned long lines = 0, i = 0;
	FILE *f = fopen(list, "re");
	char *line = NULL;
	size_t room = 0;
	int c;

	if (dir < 0 || !f)
		die(dir < 0 ? where : list);
	while ((c = getc_unlocked(f)) != EOF)
		lines += c == '\n';
	rewind(f);
	for (; getline(&line, &room, f) > 0; i++) {
		line[strcspn(line, "\n")] = '\0';
		if (i >= lines * part / parts && i < lines * (part + 1) / parts)
			read_file(dir, line);
	}
}

int main(int argc, char **argv)
{
	if (argc == 6 && strcmp(argv[1], "-l") == 0) {
		read_listed(argv[2], strtoul(argv[3], NULL, 10), strtoul(argv[4], NULL, 10), argv[5]);
		return 0;
	}
	if (argc != 4)
		return 2;
	walk(open(argv[1], O_RDONLY | O_DIRECTORY | O_CLOEXEC), argv[1]);
	if (files == strtoull(argv[2], NULL, 10) && bytes == strtoull(argv[3], NULL, 10))
		return 0;
	(void)fprintf(stderr, "walk: %s: %llu files, %llu bytes\n", argv[1], files, bytes);
	return 1;
}
