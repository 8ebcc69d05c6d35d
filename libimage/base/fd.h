/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * fd.h - descriptors: whole reads and writes, and opening without surprises.
 *
 * These are primitives: they return -1 with errno, not a berth_err. Every descriptor
 * made here is O_CLOEXEC from birth.
 */
#ifndef BERTH_FD_H
#define BERTH_FD_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Read exactly 'n' bytes at 'off'; a short file is -1 with errno ENODATA. */
int fd_pread_full(int fd, void *buf, size_t n, off_t off);

/* Read until 'n' bytes or end of file. Returns the count, or -1. */
ssize_t fd_read_full(int fd, void *buf, size_t n);

/* Write all 'n' bytes. */
int fd_write_full(int fd, const void *buf, size_t n);
int fd_pwrite_full(int fd, const void *buf, size_t n, off_t off);

/*
 * Open 'path' below the root 'root_fd' as if that were "/": absolute links and ".."
 * stay inside, magic links are refused (openat2 with RESOLVE_IN_ROOT|RESOLVE_NO_MAGICLINKS).
 * KERNEL: EAGAIN when a rename races with "..": retried, bounded.
 */
int fd_open_in_root(int root_fd, const char *path, int flags);

/* The same, and nothing that lies on another mount than 'root_fd' does (EXDEV). */
int fd_open_in_mount(int root_fd, const char *path, int flags);

/* Open a host path the user named: links are followed, magic links (/proc/PID/root, fd/N) not. */
int fd_open_user(const char *path, int flags);

/* Open a path of root's own: no link in any component. */
int fd_open_strict(const char *path, int flags);

/*
 * Lock the file 'fd' for reading (flock), as long as anybody has this descriptor: who removes files that
 * are not in use leaves it. Waits for that one's look only where nobody but the caller can hold it up,
 * at a file that is the caller's and closed to others. Where there are no locks, nothing.
 */
void fd_hold(int fd);

/* A sealed anonymous file holding 'n' bytes of 'buf', offset 0. Returns the fd, or -1. */
int fd_memfile(const char *name, const void *buf, size_t n);

#endif
