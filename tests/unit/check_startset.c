/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * check_startset.c - which files the writer puts first (libimage/squash/startset.h), how they lie
 * in the image, and that the image is none the worse for it.
 */
#include "config.h"

#include <sched.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/mount.h>

#include "libimage/base/cleanup.h"
#include "libimage/base/err.h"
#include "libimage/base/fd.h"
#include "libimage/squash/elf_needs.h"
#include "libimage/squash/squash.h"
#include "libimage/squash/startset.h"
#include "libimage/squash/write.h"
#include "tests/unit/elf_make.h"
#include "tests/unit/tree_make.h"

enum { PAGE = 4096 };

static char top[] = "/tmp/check_startset.XXXXXX";
static int top_fd = -1, d = -1;
static const struct made_elf amd64 = { .wide = true, .machine = EM_X86_64 };
static const char loader[] = "/lib64/ld-linux-x86-64.so.2";

static void setup(void)
{
	ck_assert_ptr_nonnull(mkdtemp(top));
	top_fd = open(top, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ck_assert_int_eq(mkdirat(top_fd, "d", 0755), 0);
	d = openat(top_fd, "d", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static void teardown(void)
{
	cleanup_close_fn(&d);
	cleanup_close_fn(&top_fd);
	ck_assert_int_eq(sh("rm -rf %s", top), 0);
}

/* The ELF file 'path' of at least 'size' bytes, which do not compress. Directories are made. */
static void elf(const char *path, const struct made_elf *m, size_t size)
{
	uint8_t *p;

	if (size < MADE_BYTES)
		size = MADE_BYTES;
	p = malloc(size);
	ck_assert_ptr_nonnull(p);
	noise(p, size);
	for (size_t i = 0; path[i] != '\0'; i++) /* no two alike */
		p[MADE_BYTES - 1 - i] ^= (uint8_t)path[i];
	made_elf(m, p);
	(void)snprintf((char *)p + MADE_INTERP + 256, 200, "this is %s", path);
	ck_assert_int_eq(sh("mkdir -p $(dirname %s/d/%s)", top, path), 0);
	put(d, path, p, size, 0755);
	free(p);
}

static void library(const char *path, const char *const *needed, size_t size)
{
	struct made_elf m = amd64;

	m.needed = needed;
	elf(path, &m, size);
}

static void program(const char *path, const char *const *needed, size_t size)
{
	struct made_elf m = amd64;

	m.interp = loader;
	m.needed = needed;
	elf(path, &m, size);
}

static const char *const libc_only[] = { "libc.so.6", NULL };

static int nothing(void *arg, struct tree_node *node, int fd, struct berth_err *err)
{
	(void)arg;
	(void)node;
	(void)fd;
	(void)err;
	return 0;
}

static void scan(struct tree *t)
{
	struct tree_ops ops = { .dir = nothing, .file = nothing };
	struct berth_err err = BERTH_ERR_INIT;

	ck_assert_msg(tree_scan(d, &ops, t, &err) == 0, "%s", err.text);
}

/* The files chosen of d/, by their paths without the leading "./". */
static const char *chosen(void)
{
	static char text[4096];
	int before = unit_count_fds();
	struct startset set;
	uint64_t bytes = 0;
	struct tree t;

	scan(&t);
	startset_choose(&t, d, &set);
	text[0] = '\0';
	for (size_t i = 0; i < set.n; i++) {
		char path[256];

		tree_path(set.v[i], path, sizeof(path));
		bytes += (uint64_t)set.v[i]->st.st_size;
		(void)snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%s", i ? " " : "", path + 2);
	}
	ck_assert_uint_eq(bytes, set.bytes);
	tree_done(&t, NULL);
	ck_assert_int_eq(unit_count_fds(), before);
	return text;
}

/* Debian with everything below /usr, small. */
static void debian(void)
{
	static const char *const bash[] = { "libtinfo.so.6", "libc.so.6", NULL };
	static const char *const libc[] = { "ld-linux-x86-64.so.2", NULL };
	static const char lib[] = "usr/lib/x86_64-linux-gnu";
	char path[64];

	ck_assert_int_eq(sh("cd %s/d && mkdir -p usr/bin %s usr/lib64 etc && ln -s usr/bin bin && "
			    "ln -s usr/lib lib && ln -s usr/lib64 lib64 && ln -s dash usr/bin/sh && "
			    "ln -s ../lib/x86_64-linux-gnu/ld-linux-x86-64.so.2 usr/lib64", top, lib), 0);
	(void)snprintf(path, sizeof(path), "%s/ld-linux-x86-64.so.2", lib);
	library(path, NULL, 210000);
	(void)snprintf(path, sizeof(path), "%s/libc.so.6", lib);
	library(path, libc, 400000);
	(void)snprintf(path, sizeof(path), "%s/libm.so.6", lib);
	library(path, libc_only, 131072);
	(void)snprintf(path, sizeof(path), "%s/libtinfo.so.6.4", lib);
	library(path, libc_only, 0);
	ck_assert_int_eq(sh("cd %s/d/%s && ln -s libtinfo.so.6.4 libtinfo.so.6", top, lib), 0);
	program("usr/bin/dash", libc_only, 131073);
	program("usr/bin/env", libc_only, 0);
	program("usr/bin/true", libc_only, 0);
	program("usr/bin/bash", bash, 300000);
	program("usr/bin/zsh", bash, 0);
	put(d, "etc/ld.so.cache", "cache", 5, 0644);
	put(d, "etc/nsswitch.conf", "passwd: files", 13, 0644);
	put(d, "etc/passwd", "root:x:0:0::/root:/bin/sh", 25, 0644);
	put(d, "etc/group", "root:x:0:", 9, 0644);
}

#define DEBIAN "usr/bin/dash usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2 etc/ld.so.cache "          \
	       "usr/lib/x86_64-linux-gnu/libc.so.6 usr/bin/env usr/bin/true etc/nsswitch.conf " \
	       "etc/passwd etc/group usr/bin/bash "                                                          \
	       "usr/lib/x86_64-linux-gnu/libtinfo.so.6.4 usr/lib/x86_64-linux-gnu/libm.so.6"

START_TEST(of_debian)
{
	debian();
	ck_assert_str_eq(chosen(), DEBIAN);
	/* More names of a file do not make it more files. */
	ck_assert_int_eq(linkat(d, "usr/bin/true", d, "usr/bin/aaa", 0), 0);
	ck_assert_int_eq(sh("cd %s/d/usr/bin && ln -f bash dash", top), 0);
	ck_assert_str_eq(chosen(), "usr/bin/bash usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2 "
				   "etc/ld.so.cache usr/lib/x86_64-linux-gnu/libtinfo.so.6.4 "
				   "usr/lib/x86_64-linux-gnu/libc.so.6 usr/bin/env usr/bin/aaa "
				   "etc/nsswitch.conf etc/passwd etc/group usr/lib/x86_64-linux-gnu/libm.so.6");
}
END_TEST

START_TEST(of_alpine)
{
	static const char *const musl[] = { "libc.musl-x86_64.so.1", NULL };
	struct made_elf m = amd64;

	m.interp = "/lib/ld-musl-x86_64.so.1";
	m.needed = musl;
	elf("bin/busybox", &m, 0);
	library("lib/ld-musl-x86_64.so.1", NULL, 0);
	ck_assert_int_eq(sh("cd %s/d && ln -s ld-musl-x86_64.so.1 lib/libc.musl-x86_64.so.1 && mkdir -p usr/bin && "
			    "ln -s /bin/busybox bin/sh && ln -s ../bin/busybox bin/true && "
			    "ln -s ../../../../bin/busybox usr/bin/env", top), 0);
	ck_assert_str_eq(chosen(), "bin/busybox lib/ld-musl-x86_64.so.1");
	/* A static one needs nothing else, although it is there. */
	elf("bin/busybox", &amd64, 0);
	put(d, "lib/libm.so.6", "x", 1, 0644);
	ck_assert_str_eq(chosen(), "bin/busybox");
}
END_TEST

/* The first name found may be for another machine: i386, a big-endian one, arm64. */
START_TEST(other_machines)
{
	static const struct {
		bool wide, big;
		uint16_t machine;
	} rows[] = {
		{ false, false, EM_386 }, { true, true, EM_PPC64 }, { true, false, EM_AARCH64 },
		{ false, true, EM_MIPS }, { false, false, EM_X86_64 }, { true, false, EM_X86_64 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct made_elf m = { .wide = rows[i].wide, .big = rows[i].big, .machine = rows[i].machine };

		(void)unlinkat(d, "opt/ld.so", 0);
		elf("lib/any-linux-gnu/libc.so.6", &m, 0);
		m.interp = "/opt/ld.so";
		m.needed = libc_only;
		elf("bin/sh", &m, 0);
		m.machine = EM_S390;
		elf("lib64/libc.so.6", &m, 0);
		put(d, "lib/libc.so.6", "/* GNU ld script */", 19, 0644);
		ck_assert_str_eq(chosen(), "bin/sh lib/any-linux-gnu/libc.so.6");
		elf("opt/ld.so", &m, 0);
		ck_assert_str_eq(chosen(), "bin/sh opt/ld.so lib/any-linux-gnu/libc.so.6");
		/* What lies beside the loader comes before the usual places. */
		ck_assert_int_eq(sh("cd %s/d && cp lib/any-linux-gnu/libc.so.6 opt/", top), 0);
		ck_assert_str_eq(chosen(), "bin/sh opt/ld.so opt/libc.so.6");
		(void)unlinkat(d, "opt/libc.so.6", 0);
	}
}
END_TEST

START_TEST(run_paths)
{
	static const struct {
		const char *runpath, *want;
	} rows[] = {
		{ "/nix/a/lib:/nix/b/lib", "bin/sh nix/b/lib/libc.so.6" },
		{ "/nix/c/lib", "bin/sh nix/b/lib/libc.so.6" }, /* a link */
		{ "::/:/nix/b/lib/../lib/:", "bin/sh nix/b/lib/libc.so.6" },
		{ "/nix/b/lib/libc.so.6", "bin/sh" },
		{ "nix/b/lib", "bin/sh" },
		{ "$ORIGIN/../nix/b/lib", "bin/sh" },
		{ "/nix/$LIB", "bin/sh" },
		{ "", "bin/sh" },
		{ NULL, "bin/sh" },
	};
	struct made_elf m = amd64;

	library("nix/b/lib/libc.so.6", NULL, 0);
	ck_assert_int_eq(sh("cd %s/d/nix && ln -s /nix/b c && ln -s b/lib '$LIB'", top), 0);
	m.interp = loader;
	m.needed = libc_only;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		m.runpath = rows[i].runpath;
		elf("bin/sh", &m, 0);
		ck_assert_str_eq(chosen(), rows[i].want);
	}
}
END_TEST

/* Trees in which there is nothing to choose, or not all. Each starts from an empty one. */
START_TEST(odd_trees)
{
	static const struct {
		const char *make, *want;
	} rows[] = {
		{ ":", "" },
		{ "mkdir -p bin/sh bin/bash usr/bin/env", "" },
		{ "mkdir bin; mkfifo bin/sh", "" }, /* must not hang */
		{ "mkdir bin; ln -s sh bin/sh", "" },
		{ "mkdir bin; ln -s a bin/sh; ln -s /bin/sh bin/a", "" },
		{ "mkdir bin; ln -s /nowhere/sh bin/sh; ln -s /bin bin/bash", "" },
		{ "mkdir bin; ln -s ../../../../../../../../../../bin/sh bin/sh", "" },
		{ "ln -s / bin; ln -s / usr; ln -s / lib; ln -s / lib64; echo '#!/bin/x' >sh", "" },
		{ "mkdir bin; echo '#!/bin/bash' >bin/sh", "" },
		{ "mkdir bin; : >bin/sh; printf '\\177ELF' >bin/bash", "" },
		{ "mkdir bin; cp ../elf bin/sh", "bin/sh" }, /* no interpreter, no library */
		{ "mkdir bin; cp ../elf bin/sh; mkdir -p lib64/ld-linux-x86-64.so.2", "bin/sh" },
		{ "mkdir bin lib64; cp ../elf bin/sh; ln -s /bin/sh lib64/ld-linux-x86-64.so.2", "bin/sh" },
		{ "mkdir -p bin lib64/libc.so.6; cp ../elf bin/sh; mkfifo lib64/ld-linux-x86-64.so.2", "bin/sh" },
		{ "mkdir -p bin lib; cp ../elf bin/sh; ln -s /bin/sh lib/libc.so.6", "bin/sh" },
		{ "mkdir -p bin lib; cp ../elf bin/sh; echo >lib/libc.so.6", "bin/sh" },
		{ "mkdir -p bin lib; cp ../elf bin/x; ln -s x bin/sh; ln -s ../bin/x lib/libc.so.6", "bin/x" },
		{ "mkdir -p a/b/c usr; cp ../elf a/sh; ln -s a/b/c/../.. bin; ln -s /bin usr/bin", "a/sh" },
		{ "mkdir bin etc; cp ../elf bin/bash; echo >etc/ld.so.cache; echo >etc/nsswitch.conf",
		  "etc/nsswitch.conf bin/bash" }, /* without a loader nobody reads its cache */
		{ "mkdir bin etc lib64; cp ../elf bin/bash; cp ../elf lib64/ld-linux-x86-64.so.2; "
		  "echo >etc/ld.so.cache; : >etc/nsswitch.conf",
		  "bin/bash lib64/ld-linux-x86-64.so.2 etc/ld.so.cache" },
	};

	program("elf", libc_only, 0);
	ck_assert_int_eq(sh("mv %s/d/elf %s", top, top), 0);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		ck_assert_int_eq(sh("cd %s/d && rm -rf ./* && %s", top, rows[i].make), 0);
		ck_assert_msg(strcmp(chosen(), rows[i].want) == 0, "row %zu: '%s'", i, chosen());
	}
}
END_TEST

START_TEST(loops_of_libraries)
{
	static const char *const a[] = { "liba.so", NULL }, *const b[] = { "libb.so", "liba.so", NULL };

	program("bin/sh", a, 0);
	library("lib/liba.so", b, 0);
	library("lib/libb.so", b, 0);
	ck_assert_str_eq(chosen(), "bin/sh lib/liba.so lib/libb.so");
}
END_TEST

/* At most 64 files, whatever is named. */
START_TEST(many_libraries)
{
	const char *names[ELF_NAMES_MAX + 1];
	char text[ELF_NAMES_MAX][16], path[64];
	struct made_elf m = amd64;
	struct startset set;
	struct tree t;

	for (size_t i = 0; i + 1 < ARRAY_SIZE(names); i++) {
		(void)snprintf(text[i], sizeof(text[i]), "l%zu", i);
		names[i] = text[i];
		(void)snprintf(path, sizeof(path), "lib/l%zu", i);
		library(path, NULL, 0);
	}
	names[ARRAY_SIZE(names) - 1] = NULL;
	program("bin/sh", names, 0);
	program("usr/bin/env", NULL, 0);
	scan(&t);
	startset_choose(&t, d, &set);
	ck_assert_uint_eq(set.n, STARTSET_FILES_MAX);
	tree_done(&t, NULL);
	/* Nor is every file opened: ten directories of libraries for another machine come first. */
	m.machine = EM_386;
	for (size_t k = 0; k < 10; k++)
		for (size_t i = 0; i + 1 < ARRAY_SIZE(names); i++) {
			(void)snprintf(path, sizeof(path), "lib/%zu-linux-x/l%zu", k, i);
			elf(path, &m, 0);
		}
	ck_assert_int_eq(sh("cd %s/d/lib && mkdir z-linux-x && mv l* z-linux-x/", top), 0);
	scan(&t);
	startset_choose(&t, d, &set);
	ck_assert_uint_gt(set.n, 20);
	ck_assert_uint_lt(set.n, 60);
	tree_done(&t, NULL);
}
END_TEST

static void resize(const char *path, off_t size)
{
	ck_assert_int_eq(sh("mkdir -p $(dirname %s/d/%s); : >>%s/d/%s", top, path, top, path), 0);
	ck_assert_int_eq(sh("truncate -s %lld %s/d/%s", (long long)size, top, path), 0);
}

/* What does not fit is left out, what comes after it and does is not. */
START_TEST(limits)
{
	static const off_t M = 1024 * 1024;

	program("bin/sh", libc_only, 0);
	library("lib/libc.so.6", NULL, 0);
	program("usr/bin/env", libc_only, 0);
	resize("lib/libc.so.6", 4 * M - 2 * MADE_BYTES);
	ck_assert_str_eq(chosen(), "bin/sh lib/libc.so.6 usr/bin/env");
	resize("lib/libc.so.6", 4 * M - 2 * MADE_BYTES + 1);
	ck_assert_str_eq(chosen(), "bin/sh lib/libc.so.6");
	resize("lib/libc.so.6", 4 * M);
	ck_assert_str_eq(chosen(), "bin/sh usr/bin/env");
	/* A 64th of the tree ... */
	resize("lib/libc.so.6", 5 * M - 2 * MADE_BYTES);
	resize("data", 64 * 5 * M - 5 * M);
	ck_assert_str_eq(chosen(), "bin/sh lib/libc.so.6 usr/bin/env");
	resize("data", 64 * 5 * M - 5 * M - 1);
	ck_assert_str_eq(chosen(), "bin/sh lib/libc.so.6");
	/* ... but not of any tree. */
	resize("data", 64 * 1000 * M);
	ck_assert_str_eq(chosen(), "bin/sh lib/libc.so.6 usr/bin/env");
	resize("lib/libc.so.6", 16 * M - 2 * MADE_BYTES);
	ck_assert_str_eq(chosen(), "bin/sh lib/libc.so.6 usr/bin/env");
	resize("lib/libc.so.6", 16 * M);
	ck_assert_str_eq(chosen(), "bin/sh usr/bin/env");
	/* A program that does not fit needs no libraries. */
	resize("lib/libc.so.6", MADE_BYTES);
	resize("bin/sh", 17 * M);
	resize("usr/bin/env", 17 * M);
	ck_assert_str_eq(chosen(), "");
}
END_TEST

/* Write d/ to top/'name' from byte 'at' on, with 'workers'. */
static void build(const char *name, uint64_t at, unsigned int workers, struct squash_write_result *res)
{
	struct squash_write_options opt = { .epoch = 1500000000, .workers = workers };
	cleanup_close int out = openat(top_fd, name, O_CREAT | O_TRUNC | O_RDWR | O_CLOEXEC, 0600);
	struct berth_err err = BERTH_ERR_INIT;

	ck_assert_int_eq(ftruncate(out, (off_t)at), 0);
	ck_assert_msg(squash_write_dir(d, out, at, &opt, res, &err) == 0, "%s", err.text);
}

/* The whole file 'path' below 'dir'; the caller unmaps it. */
static const uint8_t *map(int dir, const char *path, size_t *n)
{
	cleanup_close int fd = openat(dir, path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	void *p;

	ck_assert_msg(fd >= 0 && fstat(fd, &st) == 0, "%s", path);
	*n = (size_t)st.st_size;
	p = mmap(NULL, *n, PROT_READ, MAP_PRIVATE, fd, 0);
	ck_assert_ptr_ne(p, MAP_FAILED);
	return p;
}

/* Does the reader find all 'n' bytes of the file 'path' in one piece at 'at'? */
static void check_piece(struct squash_worker *w, struct squash *fs, const char *path, uint64_t at, size_t n)
{
	struct berth_err err = BERTH_ERR_INIT;
	struct squash_inode inode;
	struct squash_dirent ent;
	uint64_t where = 0;
	size_t len = 0;
	char name[64];

	ck_assert_int_eq(squash_inode_get(w, fs, squash_info(fs)->root, &inode, &err), 0);
	for (const char *p = path; *p != '\0'; p += *p == '/') {
		(void)snprintf(name, sizeof(name), "%.*s", (int)strcspn(p, "/"), p);
		p += strcspn(p, "/");
		ck_assert_int_eq(squash_lookup(w, &inode, name, &ent, &err), 1);
		ck_assert_int_eq(squash_inode_get(w, fs, ent.ref, &inode, &err), 0);
	}
	ck_assert_uint_eq(inode.size, n);
	ck_assert_msg(squash_raw(w, &inode, 0, n, &where, &len, &err) == 1, "%s: %s", path, err.text);
	ck_assert_msg(where == at && len == n, "%s: %zu bytes at %llu", path, len, (unsigned long long)where);
}

/* Do the files that 'list' names lie at the image's front as they are, each on pages of its own? */
static void check_front(const char *image, const char *list)
{
	cleanup_close int fd = openat(top_fd, image, O_RDONLY | O_CLOEXEC);
	struct berth_err err = BERTH_ERR_INIT;
	size_t n, at = PAGE, len;
	const uint8_t *img = map(top_fd, image, &n);
	struct squash_worker *w;
	struct squash *fs;
	char path[256];

	ck_assert_int_eq(squash_open(fd, 0, n, &fs, &err), 0);
	ck_assert_int_eq(squash_share(&fs, 1, 0, 1, &err), 0);
	ck_assert_int_eq(squash_worker_new(&fs, 1, &w, &err), 0);
	for (const char *p = list; *p != '\0'; p += *p == ' ') {
		const uint8_t *data;

		(void)snprintf(path, sizeof(path), "%.*s", (int)strcspn(p, " "), p);
		p += strcspn(p, " ");
		data = map(d, path, &len);
		ck_assert_msg(at + len <= n && memcmp(img + at, data, len) == 0, "%s at %zu", path, at);
		check_piece(w, fs, path, at, len);
		at += (len + PAGE - 1) / PAGE * PAGE;
		(void)munmap((void *)(uintptr_t)data, len);
	}
	(void)squash_worker_free(w);
	(void)squash_close(fs);
	(void)munmap((void *)(uintptr_t)img, n);
}

START_TEST(front_of_image)
{
	struct squash_write_result res;

	debian();
	resize("usr/lib/x86_64-linux-gnu/libm.so.6", 300000); /* a hole is stored, too */
	ck_assert_int_eq(sh("cd %s/d && mkdir AAA && seq 50000 >AAA/first && seq 100 >AAA/small", top), 0);
	for (unsigned int workers = 1; workers <= 9; workers++) {
		build("img", 0, workers, &res);
		check_front("img", DEBIAN);
		ck_assert_uint_gt(res.start_bytes, 1000000);
		ck_assert_uint_lt(res.start_bytes, res.bytes);
		if (workers == 1)
			ck_assert_int_eq(sh("mv %s/img %s/one", top, top), 0);
		else
			ck_assert_int_eq(sh("cmp %s/img %s/one", top, top), 0);
	}
	build("img", 32768, 3, &res);
	ck_assert_int_eq(sh("cmp -i 32768:0 %s/img %s/one", top, top), 0);
	/* The same tree, made in another order. */
	ck_assert_int_eq(sh("cd %s && mkdir e && (cd d && find . -mindepth 1 | LC_ALL=C sort -r) | "
			    "tar -C d --no-recursion -cf - -T - | tar -C e -xpf - && "
			    "for i in usr usr/bin; do touch -h -r d/$i e/$i; done", top), 0);
	(void)close(d);
	d = openat(top_fd, "e", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	build("img", 0, 2, NULL);
	ck_assert_int_eq(sh("cmp %s/img %s/one", top, top), 0);
}
END_TEST

START_TEST(nothing_to_start)
{
	static const uint8_t zstd[] = { 0x28, 0xb5, 0x2f, 0xfd };
	struct squash_write_result res;
	const uint8_t *img;
	size_t n;

	ck_assert_int_eq(sh("cd %s/d && mkdir bin && echo '#!/bin/x' >bin/sh && seq 100000 >data", top), 0);
	build("img", 0, 2, &res);
	ck_assert_uint_eq(res.start_bytes, 0);
	/* No page is left free for it either: the first block follows the superblock and the options. */
	img = map(top_fd, "img", &n);
	ck_assert_ptr_nonnull(memmem(img + 96, 16, zstd, sizeof(zstd)));
	(void)munmap((void *)(uintptr_t)img, n);
}
END_TEST

/* Find the same names, kinds, links, sizes and bytes in both directories. */
static void compare(const char *a, const char *b)
{
	static const char list[] = "find . -mindepth 1 -printf '%P|%y|%m|%l|' "
				   "\\( -type d -printf '\\n' -o -printf '%n|%s\\n' \\) | LC_ALL=C sort";

	ck_assert_int_eq(sh("cd %s && (cd %s && %s) >list.a && (cd %s && %s) >list.b && cmp list.a list.b", top,
			    a, list, b, list), 0);
	ck_assert_int_eq(sh("cd %s && test $(wc -l <list.a) -gt 20 && diff -r --no-dereference %s %s", top, a, b),
			 0);
	ck_assert_int_eq(sh("cd %s/%s && test usr/bin/env -ef usr/bin/aaa && test usr/bin/env -ef zzz && "
			    "! test usr/bin/bash -ef copy", top, b), 0);
}

/* Other names of its files before and after them, equal files, files that begin or end alike. */
static void relatives(void)
{
	debian();
	ck_assert_int_eq(sh("cd %s/d && ln usr/bin/env usr/bin/aaa && ln usr/bin/env zzz && "
			    "cp usr/bin/bash copy && cp usr/bin/bash Copy && cp etc/nsswitch.conf Nss && "
			    "cp usr/bin/true usr/bin/true2 && rm usr/bin/true && ln -s true2 usr/bin/true && "
			    "cat usr/bin/dash usr/bin/env >both && head -c 131072 usr/bin/dash >begin && "
			    "tail -c 1 usr/bin/dash >end && tail -c 37856 usr/bin/bash >tail && "
			    "cat usr/lib/x86_64-linux-gnu/libm.so.6 usr/bin/bash >sum && "
			    "ln -s usr/bin/bash link && cp usr/bin/env usr/bin/sh2 && "
			    "ln -sf sh2 usr/bin/sh", top), 0);
}

START_TEST(unsquashfs_agrees)
{
	if (sh("command -v unsquashfs >/dev/null") != 0)
		return;
	relatives();
	build("img", 0, 2, NULL);
	ck_assert_int_eq(sh("cd %s && unsquashfs -q -n -d out img >log 2>&1", top), 0);
	compare("d", "out");
}
END_TEST

START_TEST(kernel_agrees)
{
	if (geteuid() != 0 || unshare(CLONE_NEWNS) < 0 ||
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return;
	relatives();
	build("img", 0, 2, NULL);
	ck_assert_int_eq(mkdirat(top_fd, "mnt", 0700), 0);
	if (sh("mount -t squashfs -o loop,ro %s/img %s/mnt 2>/dev/null", top, top) != 0)
		return; /* no loop devices here */
	compare("d", "mnt");
	ck_assert_int_eq(sh("umount %s/mnt", top), 0);
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("startset");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, of_debian);
	tcase_add_test(tc, of_alpine);
	tcase_add_test(tc, other_machines);
	tcase_add_test(tc, run_paths);
	tcase_add_test(tc, odd_trees);
	tcase_add_test(tc, loops_of_libraries);
	tcase_add_test(tc, many_libraries);
	tcase_add_test(tc, limits);
	tcase_add_test(tc, front_of_image);
	tcase_add_test(tc, nothing_to_start);
	tcase_add_test(tc, unsquashfs_agrees);
	tcase_add_test(tc, kernel_agrees);
	return unit_run("startset", tc);
}
