/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * fuse-hang.c - a user's file system that takes one request and never answers it.
 *
 *   fuse-hang MOUNTPOINT     a directory; whoever looks up 'hang' in it waits for ever, and
 *                            cannot be killed before this program ends; 'slow' is a
 *                            directory that takes SLOW_S seconds to find; 'file' looks like an
 *                            image, and who is root waits for ever for its attributes
 */
#define FUSE_USE_VERSION 31
#include <errno.h>
#include <fuse.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SLOW_S = 32 };

static int hang_getattr(const char *path, struct stat *st, struct fuse_file_info *fi)
{
	(void)fi;
	while (strcmp(path, "/hang") == 0)
		(void)pause();
	if (strcmp(path, "/slow") == 0)
		(void)sleep(SLOW_S);
	while (strcmp(path, "/file") == 0 && fuse_get_context()->uid == 0)
		(void)pause();
	*st = (struct stat){ .st_mode = S_IFREG | 0644, .st_nlink = 1, .st_size = 8192 };
	if (strcmp(path, "/file") == 0)
		return 0;
	if (strcmp(path, "/slow") != 0 && strcmp(path, "/") != 0)
		return -ENOENT;
	*st = (struct stat){ .st_mode = S_IFDIR | 0755, .st_nlink = 2 };
	return 0;
}

static int hang_read(const char *path, char *buf, size_t n, off_t off, struct fuse_file_info *fi)
{
	(void)path;
	(void)fi;
	memset(buf, 0, n);
	if (off == 0 && n >= 4)
		memcpy(buf, "hsqs", 4);
	return (int)n;
}

int main(int argc, char **argv)
{
	static const struct fuse_operations ops = { .getattr = hang_getattr, .read = hang_read };

	return fuse_main(argc, argv, &ops, NULL);
}
