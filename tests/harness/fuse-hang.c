/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * fuse-hang.c - a user's file system that takes one request and never answers it.
 *
 *   fuse-hang MOUNTPOINT     a directory; whoever looks up 'hang' in it waits for ever, and
 *                            cannot be killed before this program ends
 */
#define FUSE_USE_VERSION 31
#include <errno.h>
#include <fuse.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int hang_getattr(const char *path, struct stat *st, struct fuse_file_info *fi)
{
	(void)fi;
	while (strcmp(path, "/hang") == 0)
		(void)pause();
	if (strcmp(path, "/") != 0)
		return -ENOENT;
	*st = (struct stat){ .st_mode = S_IFDIR | 0755, .st_nlink = 2 };
	return 0;
}

int main(int argc, char **argv)
{
	static const struct fuse_operations ops = { .getattr = hang_getattr };

	return fuse_main(argc, argv, &ops, NULL);
}
