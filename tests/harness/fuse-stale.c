/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * fuse-stale.c - a file system that goes wrong when told to, as NFS does to those who read from it.
 *
 *   fuse-stale direct|cached FILE MOUNTPOINT [FUSE OPTION...]
 *
 *   direct: each read of 'image' is asked for; cached: the kernel keeps pages
 *   MOUNTPOINT/image     FILE, read-only
 *   MOUNTPOINT/control   a word written there says what reads of 'image' get from then on:
 *                        "ok"      its bytes
 *                        "estale", "eio"   that error
 *                        "empty"   nothing: the file ends everywhere
 *                        "half"    half of what was asked for, at most
 *                        "hang"    no answer before the next word
 *
 * Ends with its mount, and after LIFE_S seconds whatever happens.
 */
#define FUSE_USE_VERSION 31
#include <errno.h>
#include <fcntl.h>
#include <fuse.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LIFE_S = 60, POLL_US = 5000 };
enum mode { OK, ESTALE_ALL, EIO_ALL, EMPTY, HALF, HANG };

static const char *const words[] = {
	[OK] = "ok", [ESTALE_ALL] = "estale", [EIO_ALL] = "eio", [EMPTY] = "empty", [HALF] = "half", [HANG] = "hang",
};
static _Atomic int mode = OK;
static int image;
static bool direct;

static int stale_getattr(const char *path, struct stat *st, struct fuse_file_info *fi)
{
	struct stat of_image;

	(void)fi;
	*st = (struct stat){ .st_mode = S_IFDIR | 0755, .st_nlink = 2 };
	if (strcmp(path, "/") == 0)
		return 0;
	*st = (struct stat){ .st_mode = S_IFREG | 0644, .st_nlink = 1 };
	if (strcmp(path, "/control") == 0)
		return 0;
	if (strcmp(path, "/image") != 0)
		return -ENOENT;
	if (fstat(image, &of_image) < 0)
		return -errno;
	st->st_size = of_image.st_size;
	return 0;
}

static int stale_open(const char *path, struct fuse_file_info *fi)
{
	/* the control is written once and never read: no page of it is kept */
	fi->direct_io = direct || strcmp(path, "/control") == 0;
	return 0;
}

static int stale_truncate(const char *path, off_t size, struct fuse_file_info *fi)
{
	(void)path;
	(void)size;
	(void)fi;
	return 0;
}

static int stale_write(const char *path, const char *buf, size_t n, off_t off, struct fuse_file_info *fi)
{
	(void)path;
	(void)off;
	(void)fi;
	for (int i = 0; i < (int)(sizeof(words) / sizeof(words[0])); i++) {
		if (n >= strlen(words[i]) && strncmp(buf, words[i], strlen(words[i])) == 0) {
			atomic_store(&mode, i);
			return (int)n;
		}
	}
	return -EINVAL;
}

static int stale_read(const char *path, char *buf, size_t n, off_t off, struct fuse_file_info *fi)
{
	ssize_t got;

	(void)path;
	(void)fi;
	while (atomic_load(&mode) == HANG)
		(void)usleep(POLL_US);
	switch (atomic_load(&mode)) {
	case ESTALE_ALL:
		return -ESTALE;
	case EIO_ALL:
		return -EIO;
	case EMPTY:
		return 0;
	case HALF:
		n = n > 1 ? n / 2 : n;
		break;
	default:
		break;
	}
	got = pread(image, buf, n, off);
	return got < 0 ? -errno : (int)got;
}

int main(int argc, char **argv)
{
	static const struct fuse_operations ops = {
		.getattr = stale_getattr, .open = stale_open, .truncate = stale_truncate, .write = stale_write,
		.read = stale_read,
	};

	if (argc < 4)
		return 2;
	direct = strcmp(argv[1], "direct") == 0;
	image = open(argv[2], O_RDONLY | O_CLOEXEC);
	if (image < 0) {
		perror(argv[2]);
		return 1;
	}
	argv[2] = argv[0];
	(void)alarm(LIFE_S);
	return fuse_main(argc - 2, argv + 2, &ops, NULL);
}
