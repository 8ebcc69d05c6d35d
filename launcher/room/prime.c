/* SPDX-License-Identifier: BSD-3-Clause */
/* prime.c - ask the image server early for what every program needs; see prime.h. */
#include "config.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "launcher/room/drop.h"
#include "launcher/room/prime.h"
#include "libimage/base/cleanup.h"
#include "libimage/base/fd.h"

enum {
	STACK_BYTES = 128 * 1024, /* LIMIT: a few paths */
	LIST_BYTES = 32 * 1024, /* LIMIT: a root directory's entries, and the rest is asked for by name */
	FILE_MAX = 4 * 1024 * 1024, /* LIMIT: bytes of a file; a libc has two million */
	/* KERNEL: so much at most is read ahead by one call, the bdi's read_ahead_kb. */
	PIECE = 128 * 1024,
};

#define LIBC "libc.so.6"

/*
 * Where the kernel finds the interpreter of this machine's programs, and where the C library is
 * that does not lie beside it; NULL: they are one.
 */
static const struct {
	const char *interpreter, *libs;
} machine[] = {
#if defined(__x86_64__)
	{ "/lib64/ld-linux-x86-64.so.2", "/lib/x86_64-linux-gnu" },
	{ "/lib/ld-musl-x86_64.so.1", NULL },
#elif defined(__aarch64__)
	{ "/lib/ld-linux-aarch64.so.1", "/lib/aarch64-linux-gnu" },
	{ "/lib/ld-musl-aarch64.so.1", NULL },
#elif defined(__powerpc64__)
	{ "/lib64/ld64.so.2", "/lib/powerpc64le-linux-gnu" },
	{ "/lib/ld-musl-powerpc64le.so.1", NULL },
#elif defined(__s390x__)
	{ "/lib/ld64.so.1", "/lib/s390x-linux-gnu" },
	{ "/lib/ld-musl-s390x.so.1", NULL },
#elif defined(__riscv)
	{ "/lib/ld-linux-riscv64-lp64d.so.1", "/lib/riscv64-linux-gnu" },
	{ "/lib/ld-musl-riscv64.so.1", NULL },
#else
#error "add this machine's ELF interpreter"
#endif
};

void prime_names(int root_fd)
{
	cleanup_close int fd = fd_open_in_root(root_fd, "/", O_RDONLY | O_DIRECTORY);
	char buf[LIST_BYTES];

	/* KERNEL: a directory that is read from its start is asked for with all attributes
	 * (READDIRPLUS), and no entry that was seen needs a LOOKUP any more. */
	if (fd >= 0)
		(void)getdents64(fd, buf, sizeof(buf));
}

/* An image's own file: nothing that is bound there, and nothing whose opening does anything. */
static int open_file(int root_fd, const char *path)
{
	cleanup_close int found = fd_open_in_mount(root_fd, path, O_PATH);
	struct statx st;

	if (found < 0 || statx(found, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_TYPE, &st) < 0 ||
	    !S_ISREG(st.stx_mode))
		return -1;
	return fd_open_in_mount(root_fd, path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
}

static void read_ahead(int fd)
{
	struct stat st;
	off_t end;

	if (fd < 0 || fstat(fd, &st) < 0)
		return;
	end = st.st_size < FILE_MAX ? st.st_size : FILE_MAX;
	for (off_t at = 0; at < end; at += PIECE)
		(void)posix_fadvise(fd, at, PIECE, POSIX_FADV_WILLNEED);
}

/* The library lies beside the interpreter, where links to that lead, or in 'dir'. */
static int open_libc(int root_fd, int interpreter, const char *dir)
{
	char link[32], path[PATH_MAX];
	const char *slash;
	ssize_t n;
	int fd = -1;

	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", interpreter);
	n = readlink(link, path, sizeof(path) - 1);
	path[n > 0 ? n : 0] = '\0';
	slash = strrchr(path, '/');
	if (slash && (size_t)(slash - path) + sizeof("/" LIBC) <= sizeof(path)) {
		memcpy(path + (slash - path), "/" LIBC, sizeof("/" LIBC));
		fd = open_file(root_fd, path);
	}
	if (fd < 0 && dir) {
		(void)snprintf(path, sizeof(path), "%s/" LIBC, dir);
		fd = open_file(root_fd, path);
	}
	return fd;
}

/* A mount of the kernel's own decompresses what is to be read ahead before it returns. */
static bool is_served(int root_fd)
{
	struct statx st;

	/* KERNEL: such a mount has a block device, a server's a number without one. */
	return statx(root_fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_TYPE, &st) == 0 &&
	       st.stx_dev_major == 0;
}

/* The start of it: of a large program nobody knows which pages it needs. */
static void read_program(int root_fd, const struct prime_program *program)
{
	cleanup_close int fd = strchr(program->name, '/') ? open_file(root_fd, program->name) : -1;

	for (const char *dir = program->path; fd < 0 && dir && !strchr(program->name, '/');) {
		size_t n = strcspn(dir, ":");
		char file[PATH_MAX];
		int len = snprintf(file, sizeof(file), "%.*s/%s", (int)n, dir, program->name);

		if (dir[0] == '/' && len > 0 && (size_t)len < sizeof(file))
			fd = open_file(root_fd, file);
		dir = dir[n] ? dir + n + 1 : NULL;
	}
	if (fd >= 0)
		(void)posix_fadvise(fd, 0, PIECE, POSIX_FADV_WILLNEED);
}

void prime_pages(int root_fd, const struct prime_program *program)
{
	if (!is_served(root_fd))
		return;
	if (program)
		read_program(root_fd, program);
	for (size_t i = 0; i < ARRAY_SIZE(machine); i++) {
		cleanup_close int libc = -1, fd = open_file(root_fd, machine[i].interpreter);

		if (fd < 0)
			continue;
		read_ahead(fd);
		/* musl's interpreter is its C library. */
		if (machine[i].libs)
			libc = open_libc(root_fd, fd, machine[i].libs);
		read_ahead(libc);
		return;
	}
}

struct job {
	int root_fd;
	struct prime_program program; /* into 'text' */
	char text[];
};

/* The thread may outlast the caller's strings, where the start fails. */
static struct job *job_new(int root_fd, const struct prime_program *program)
{
	size_t name = strlen(program->name) + 1, path = program->path ? strlen(program->path) + 1 : 0;
	struct job *job = malloc(sizeof(*job) + name + path);

	if (!job)
		return NULL;
	job->root_fd = fcntl(root_fd, F_DUPFD_CLOEXEC, 0);
	job->program = (struct prime_program){ memcpy(job->text, program->name, name), NULL };
	if (path)
		job->program.path = memcpy(job->text + name, program->path, path);
	return job;
}

static void job_free(struct job *job)
{
	cleanup_close_fn(&job->root_fd);
	free(job);
}

/*
 * PRIV: KERNEL: capabilities are a thread's. These go first: the caller has those of a room's
 * builder, and here an image's links are followed and its pages asked for.
 */
static void *job_run(void *arg)
{
	struct job *job = arg;

	if (drop_thread() == 0)
		prime_pages(job->root_fd, &job->program);
	job_free(job);
	return NULL;
}

bool prime_start(int root_fd, const struct prime_program *program)
{
	struct job *job = job_new(root_fd, program);
	pthread_attr_t attr;
	pthread_t id;
	bool started;

	if (!job)
		return false;
	(void)pthread_attr_init(&attr);
	(void)pthread_attr_setstacksize(&attr, STACK_BYTES);
	(void)pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	started = job->root_fd >= 0 && pthread_create(&id, &attr, job_run, job) == 0;
	(void)pthread_attr_destroy(&attr);
	if (!started)
		job_free(job);
	return started;
}
