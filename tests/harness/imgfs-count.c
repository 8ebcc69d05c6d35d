/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * imgfs-count.c - what a program costs a berth-imgfs: the server's statistics before and after.
 *
 *   imgfs-count DIR CMD ARG...     run CMD; print "NAME NUMBER" on standard error for each number
 *                                  that grew; exit as CMD
 *   imgfs-count --walk DIR         go through the tree with readdir, lstat and readlink, and read
 *                                  every file; nothing else is asked of the kernel (find asks
 *                                  for statfs, which is never cached). Prints entries and bytes
 *   imgfs-count --map FILE         map it and look at each page
 *   imgfs-count --ask N FROM FILE  ask the server N times, each time for what the kernel has not: a
 *                                  page of FILE, a name that is not there (the FROMth and those
 *                                  behind it), the file system's size, an attribute
 */
#include "config.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <linux/fuse.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "libimage/base/cleanup.h"
#include "libimage/base/imgfs_wire.h"

static uint64_t entries, bytes;

static _Noreturn void die(const char *what)
{
	(void)fprintf(stderr, "imgfs-count: %s: %s\n", what, strerror(errno));
	exit(99);
}

static void get_stats(int fd, struct imgfs_stats *ret)
{
	if (ioctl(fd, IMGFS_IOC_STATS, ret) < 0)
		die("no statistics");
}

static void tell(const char *name, uint64_t n)
{
	if (n)
		(void)fprintf(stderr, "%s %" PRIu64 "\n", name, n);
}

static void tell_all(const struct imgfs_stats *a, const struct imgfs_stats *b)
{
	char name[16];

	tell("requests", b->requests - a->requests);
	tell("forgets", b->forgets - a->forgets);
	for (unsigned int i = 0; i < ARRAY_SIZE(a->op); i++) {
		(void)snprintf(name, sizeof(name), "op%u", i);
		tell(i == FUSE_STATFS ? "statfs" : name, b->op[i] - a->op[i]);
	}
	tell("read_bytes", b->read_bytes - a->read_bytes);
	tell("raw_bytes", b->raw_bytes - a->raw_bytes);
	tell("image_reads", b->image_reads - a->image_reads);
	tell("unpacked", b->unpacked - a->unpacked);
	tell("damages", b->damages - a->damages);
}

static int count(const char *dir, char **argv)
{
	int fd = open(dir, O_RDONLY | O_CLOEXEC), status;
	struct imgfs_stats before, after;
	pid_t pid;

	if (fd < 0)
		die(dir);
	get_stats(fd, &before);
	pid = fork();
	if (pid == 0) {
		(void)execvp(argv[0], argv);
		die(argv[0]);
	}
	if (pid < 0 || waitpid(pid, &status, 0) < 0)
		die("fork");
	get_stats(fd, &after);
	tell_all(&before, &after);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static void read_all(int dir, const char *name)
{
	static char buf[1 << 20];
	int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	ssize_t n;

	if (fd < 0)
		die(name);
	while ((n = read(fd, buf, sizeof(buf))) > 0)
		bytes += (uint64_t)n;
	if (n < 0)
		die(name);
	(void)close(fd);
}

static void walk(int at, const char *path)
{
	int fd = openat(at, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *e;
	char target[PATH_MAX];
	struct stat st;

	if (!d)
		die(path);
	while ((e = readdir(d))) {
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		if (fstatat(fd, e->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			die(e->d_name);
		entries++;
		if (S_ISDIR(st.st_mode))
			walk(fd, e->d_name);
		else if (S_ISREG(st.st_mode))
			read_all(fd, e->d_name);
		else if (S_ISLNK(st.st_mode) && readlinkat(fd, e->d_name, target, sizeof(target)) < 0)
			die(e->d_name);
	}
	(void)closedir(d);
}

static void map(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	volatile unsigned char sum = 0;
	struct stat st;
	const unsigned char *p;

	if (fd < 0 || fstat(fd, &st) < 0)
		die(path);
	p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (p == MAP_FAILED)
		die(path);
	for (off_t i = 0; i < st.st_size; i += 4096)
		sum = (unsigned char)(sum + p[i]);
	entries++;
	bytes += (uint64_t)st.st_size;
}

static void ask(long n, long from, const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	uint64_t place = (uint64_t)from;
	static char page[4096], name[PATH_MAX];
	struct stat st, absent;
	struct statfs fs;

	if (fd < 0 || fstat(fd, &st) < 0 || posix_fadvise(fd, 0, 0, POSIX_FADV_RANDOM) != 0)
		die(path);
	for (long i = 0; i < n; i++) {
		off_t at;

		switch (i % 8) {
		case 0:
			(void)snprintf(name, sizeof(name), "%s-%ld", path, from + i);
			if (lstat(name, &absent) == 0 || errno != ENOENT)
				die(name);
			break;
		case 1:
			if (statfs(path, &fs) < 0)
				die(path);
			break;
		case 2:
			if (getxattr(path, "user.none", page, sizeof(page)) >= 0 || (errno != ENODATA && errno != EOPNOTSUPP))
				die(path);
			break;
		default:
			place = place * 6364136223846793005u + 1442695040888963407u;
			at = (off_t)((place >> 20) % ((uint64_t)st.st_size / sizeof(page)) * sizeof(page));
			if (pread(fd, page, sizeof(page), at) != (ssize_t)sizeof(page) ||
			    posix_fadvise(fd, at, sizeof(page), POSIX_FADV_DONTNEED) != 0)
				die(path);
			break;
		}
	}
	entries = (uint64_t)n;
}

int main(int argc, char **argv)
{
	if (argc == 3 && strcmp(argv[1], "--walk") == 0)
		walk(AT_FDCWD, argv[2]);
	else if (argc == 3 && strcmp(argv[1], "--map") == 0)
		map(argv[2]);
	else if (argc == 5 && strcmp(argv[1], "--ask") == 0)
		ask(atol(argv[2]), atol(argv[3]), argv[4]);
	else if (argc >= 3 && argv[1][0] != '-')
		return count(argv[1], argv + 2);
	else
		return 2;
	return printf("%" PRIu64 " entries, %" PRIu64 " bytes\n", entries, bytes) < 0;
}
