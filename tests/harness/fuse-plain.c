/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * fuse-plain.c - a directory as a poor file system shows it: no unnamed files (O_TMPFILE), no hard links,
 * no flock(). What some network file systems lack one by one, together.
 *
 *   fuse-plain MOUNTPOINT -o dir=DIR [-f ...]     DIR's tree, as root sees it
 */
#define _GNU_SOURCE
#define FUSE_USE_VERSION 31
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fuse.h>
#include <limits.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

static struct plain {
	char *dir;
} plain;

/* The path in DIR; calls do not nest, and each thread has its own two. */
static const char *real(const char *path)
{
	static _Thread_local char buf[2][PATH_MAX];
	static _Thread_local int i;

	i = !i;
	(void)snprintf(buf[i], sizeof(buf[i]), "%s%s", plain.dir, path);
	return buf[i];
}

#define TRY(call) ((call) < 0 ? -errno : 0)

static int p_getattr(const char *path, struct stat *st, struct fuse_file_info *fi)
{
	return TRY(fi ? fstat((int)fi->fh, st) : lstat(real(path), st));
}

static int p_readdir(const char *path, void *buf, fuse_fill_dir_t fill, off_t off, struct fuse_file_info *fi,
		     enum fuse_readdir_flags flags)
{
	DIR *d = opendir(real(path));
	const struct dirent *e;

	(void)off;
	(void)fi;
	(void)flags;
	if (!d)
		return -errno;
	while ((e = readdir(d)))
		(void)fill(buf, e->d_name, NULL, 0, 0);
	(void)closedir(d);
	return 0;
}

static int p_readlink(const char *path, char *buf, size_t n)
{
	ssize_t got = readlink(real(path), buf, n - 1);

	if (got < 0)
		return -errno;
	buf[got] = '\0';
	return 0;
}

static int p_mknod(const char *path, mode_t mode, dev_t dev)
{
	return TRY(mknod(real(path), mode, dev));
}

static int p_mkdir(const char *path, mode_t mode)
{
	return TRY(mkdir(real(path), mode));
}

static int p_unlink(const char *path)
{
	return TRY(unlink(real(path)));
}

static int p_rmdir(const char *path)
{
	return TRY(rmdir(real(path)));
}

static int p_symlink(const char *to, const char *path)
{
	return TRY(symlink(to, real(path)));
}

static int p_rename(const char *from, const char *to, unsigned int flags)
{
	return TRY(renameat2(AT_FDCWD, real(from), AT_FDCWD, real(to), flags));
}

static int p_chmod(const char *path, mode_t mode, struct fuse_file_info *fi)
{
	(void)fi;
	return TRY(chmod(real(path), mode));
}

static int p_chown(const char *path, uid_t uid, gid_t gid, struct fuse_file_info *fi)
{
	(void)fi;
	return TRY(lchown(real(path), uid, gid));
}

static int p_truncate(const char *path, off_t size, struct fuse_file_info *fi)
{
	return TRY(fi ? ftruncate((int)fi->fh, size) : truncate(real(path), size));
}

static int p_utimens(const char *path, const struct timespec t[2], struct fuse_file_info *fi)
{
	(void)fi;
	return TRY(utimensat(AT_FDCWD, real(path), t, AT_SYMLINK_NOFOLLOW));
}

static int keep(int fd, struct fuse_file_info *fi)
{
	if (fd < 0)
		return -errno;
	fi->fh = (uint64_t)fd;
	return 0;
}

static int p_open(const char *path, struct fuse_file_info *fi)
{
	return keep(open(real(path), (fi->flags & ~O_NOFOLLOW) | O_CLOEXEC), fi);
}

static int p_create(const char *path, mode_t mode, struct fuse_file_info *fi)
{
	return keep(open(real(path), fi->flags | O_CREAT | O_CLOEXEC, mode), fi);
}

static int p_read(const char *path, char *buf, size_t n, off_t off, struct fuse_file_info *fi)
{
	ssize_t got = pread((int)fi->fh, buf, n, off);

	(void)path;
	return got < 0 ? -errno : (int)got;
}

static int p_write(const char *path, const char *buf, size_t n, off_t off, struct fuse_file_info *fi)
{
	ssize_t put = pwrite((int)fi->fh, buf, n, off);

	(void)path;
	return put < 0 ? -errno : (int)put;
}

static int p_release(const char *path, struct fuse_file_info *fi)
{
	(void)path;
	return TRY(close((int)fi->fh));
}

static int p_statfs(const char *path, struct statvfs *v)
{
	return TRY(statvfs(real(path), v));
}

static int p_flock(const char *path, struct fuse_file_info *fi, int op)
{
	(void)path;
	(void)fi;
	(void)op;
	return -EOPNOTSUPP;
}

int main(int argc, char **argv)
{
	static const struct fuse_opt options[] = { { "dir=%s", offsetof(struct plain, dir), 0 }, FUSE_OPT_END };
	static const struct fuse_operations ops = {
		.getattr = p_getattr, .readdir = p_readdir, .readlink = p_readlink, .mknod = p_mknod,
		.mkdir = p_mkdir, .unlink = p_unlink, .rmdir = p_rmdir, .symlink = p_symlink,
		.rename = p_rename, .chmod = p_chmod, .chown = p_chown, .truncate = p_truncate,
		.utimens = p_utimens, .open = p_open, .create = p_create, .read = p_read, .write = p_write,
		.release = p_release, .statfs = p_statfs, .flock = p_flock,
	};
	struct fuse_args args = FUSE_ARGS_INIT(argc, argv);

	(void)umask(0);
	if (fuse_opt_parse(&args, &plain, options, NULL) < 0 || !plain.dir)
		return 2;
	return fuse_main(args.argc, args.argv, &ops, NULL);
}
