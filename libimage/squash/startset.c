/* SPDX-License-Identifier: BSD-3-Clause */
/* startset.c - choose the start-up set; see startset.h. */
#include "config.h"

#include <string.h>

#include "libimage/base/cleanup.h"
#include "libimage/base/err.h"
#include "libimage/squash/elf_needs.h"
#include "libimage/squash/startset.h"

/* LIMIT: files opened to choose, some 30 in a real tree; directories that libraries are looked for in */
enum { LOOKS_MAX = 500, DIRS_MAX = 16 };

struct chooser {
	const struct tree *tree;
	const struct startset_reader *reader;
	unsigned int looks;
	uint64_t left; /* bytes until the limit */
	size_t ndir;
	struct tree_node *dir[DIRS_MAX];
	struct startset *set;
};

static bool chosen(const struct chooser *c, const struct tree_node *node)
{
	for (size_t i = 0; i < c->set->n; i++)
		if (c->set->v[i] == node)
			return true;
	return false;
}

static void choose(struct chooser *c, struct tree_node *node)
{
	uint64_t size = node ? (uint64_t)node->st.st_size : 0;

	if (!node || !S_ISREG(node->st.st_mode) || size == 0 || size > c->left ||
	    c->set->n == STARTSET_FILES_MAX || chosen(c, node))
		return;
	c->set->v[c->set->n++] = node;
	c->set->bytes += size;
	c->left -= size;
}

/* What does it need? false: it is no ELF file, or cannot be read, which is for others to report. */
static bool look(struct chooser *c, const struct tree_node *node, struct elf_needs *ret)
{
	cleanup_close int fd = -1;

	if (!node || !S_ISREG(node->st.st_mode) || ++c->looks > LOOKS_MAX)
		return false;
	fd = c->reader->open(c->reader->arg, node);
	return fd >= 0 && elf_needs_read(fd, (uint64_t)node->st.st_size, ret) == 0;
}

static void add_dir(struct chooser *c, struct tree_node *dir)
{
	if (dir && S_ISDIR(dir->st.st_mode) && c->ndir < DIRS_MAX)
		c->dir[c->ndir++] = dir;
}

/* Where loaders look by themselves: as the distributions have it, Debian's triplets too. */
static void add_dirs(struct chooser *c)
{
	static const char *const plain[] = { "/lib64", "/usr/lib64", "/lib", "/usr/lib" };
	static const char *const parents[] = { "/lib", "/usr/lib" };

	for (size_t i = 0; i < ARRAY_SIZE(plain); i++)
		add_dir(c, tree_find(c->tree, NULL, plain[i]));
	for (size_t i = 0; i < ARRAY_SIZE(parents); i++) {
		const struct tree_node *p = tree_find(c->tree, NULL, parents[i]);

		for (size_t k = 0; p && k < p->nchild; k++)
			if (strstr(p->child[k]->name, "-linux-"))
				add_dir(c, p->child[k]);
	}
}

/* 'name' in the directory, if it is of the right kind. */
static struct tree_node *library_in(struct chooser *c, struct tree_node *dir, const char *name,
				    uint32_t kind)
{
	struct tree_node *node = dir ? tree_find(c->tree, dir, name) : NULL;
	struct elf_needs other;

	if (!node || chosen(c, node))
		return node;
	return look(c, node, &other) && other.kind == kind ? node : NULL;
}

/* The library as the loader finds it: the file's own directories, beside the loader, the usual ones. */
static struct tree_node *find_library(struct chooser *c, const char *name, const struct elf_needs *of,
				      const struct tree_node *interp)
{
	struct tree_node *node = NULL;
	char path[ELF_RUNPATH_MAX];

	for (const char *p = of->runpath; !node && *p != '\0'; p += *p == ':') {
		size_t n = strcspn(p, ":");

		memcpy(path, p, n);
		path[n] = '\0';
		p += n;
		/* Anything but a plain path ("$ORIGIN", a relative one) is no library of the system's. */
		if (path[0] == '/' && !strchr(path, '$'))
			node = library_in(c, tree_find(c->tree, NULL, path), name, of->kind);
	}
	if (!node && interp)
		node = library_in(c, interp->parent, name, of->kind);
	for (size_t i = 0; !node && i < c->ndir; i++)
		node = library_in(c, c->dir[i], name, of->kind);
	return node;
}

static void add_needed(struct chooser *c, const struct elf_needs *of, const struct tree_node *interp)
{
	for (size_t i = 0; i < of->n; i++)
		choose(c, find_library(c, of->name[i], of, interp));
}

/*
 * The program at 'path', and what it needs: libraries in the loader's order, those of the program
 * before those of its libraries. All of it or nothing is not promised, but without the program
 * the rest would be of no use.
 */
static void add_program(struct chooser *c, const char *path)
{
	struct tree_node *program = tree_find(c->tree, NULL, path), *interp = NULL;
	struct elf_needs needs;
	size_t next;

	if (!look(c, program, &needs))
		return;
	choose(c, program);
	if (!chosen(c, program))
		return;
	if (needs.interp[0] != '\0')
		interp = tree_find(c->tree, NULL, needs.interp);
	choose(c, interp);
	choose(c, interp ? tree_find(c->tree, NULL, "/etc/ld.so.cache") : NULL);
	next = c->set->n;
	add_needed(c, &needs, interp);
	for (; next < c->set->n; next++)
		if (look(c, c->set->v[next], &needs))
			add_needed(c, &needs, interp);
}

/* What a program like the one at 'path' is linked with beside libc. */
static void add_siblings(struct chooser *c, const char *path)
{
	static const char *const names[] = { "libm.so.6", "libpthread.so.0", "libdl.so.2", "librt.so.1" };
	struct elf_needs needs;

	if (!look(c, tree_find(c->tree, NULL, path), &needs) || needs.interp[0] == '\0')
		return;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		choose(c, find_library(c, names[i], &needs, tree_find(c->tree, NULL, needs.interp)));
}

void startset_choose_by(const struct tree *t, const struct startset_reader *r, struct startset *ret)
{
	static const char *const names[] = { "/etc/nsswitch.conf", "/etc/passwd", "/etc/group" };
	uint64_t limit = t->bytes / STARTSET_SHARE;
	struct chooser c = { .tree = t, .reader = r, .set = ret };

	ret->n = 0;
	ret->bytes = 0;
	if (limit < STARTSET_FLOOR)
		limit = STARTSET_FLOOR;
	c.left = limit < STARTSET_CEILING ? limit : STARTSET_CEILING;
	add_dirs(&c);
	add_program(&c, "/bin/sh");
	add_program(&c, "/usr/bin/env");
	add_program(&c, "/bin/true");
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		choose(&c, tree_find(t, NULL, names[i]));
	add_program(&c, "/bin/bash");
	add_siblings(&c, "/bin/sh");
}

static int open_in_dir(void *arg, const struct tree_node *node)
{
	struct berth_err ignored = BERTH_ERR_INIT;

	return tree_open(*(const int *)arg, node, &ignored);
}

void startset_choose(const struct tree *t, int fd, struct startset *ret)
{
	const struct startset_reader r = { .arg = &fd, .open = open_in_dir };

	startset_choose_by(t, &r, ret);
}

static bool begins_with_one(const char *name, const char *const *v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (strncmp(name, v[i], strlen(v[i])) == 0)
			return true;
	return false;
}

static bool is_one(const char *name, const char *const *v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(name, v[i]) == 0)
			return true;
	return false;
}

bool startset_may_want(const struct tree_node *node)
{
	/* The programs of add_program(), and what distributions have them be links to. */
	static const char *const programs[] = {
		"sh", "dash", "bash", "ash", "ksh", "mksh", "busybox", "toybox", "coreutils", "env", "true",
	};
	static const char *const files[] = { "ld.so.cache", "nsswitch.conf", "passwd", "group" };
	/* Loaders and C libraries, and what the shells and GNU's coreutils are linked with. */
	static const char *const libraries[] = {
		"ld-", "ld64", "ld.so", "libc.", "libc-", "libm.", "libm-", "libdl", "libpthread", "librt",
		"libtinfo", "libncurses", "libreadline", "libhistory", "libselinux", "libpcre", "libacl",
		"libattr", "libcap", "libcrypto", "libgmp", "libz.", "libgcc_s",
	};
	const char *dir = node->parent ? node->parent->name : "";

	if (!S_ISREG(node->st.st_mode) || node->st.st_size > STARTSET_CEILING / 2)
		return false;
	if (strcmp(dir, "bin") == 0)
		return is_one(node->name, programs, ARRAY_SIZE(programs));
	if (strcmp(dir, "etc") == 0)
		return is_one(node->name, files, ARRAY_SIZE(files));
	return begins_with_one(node->name, libraries, ARRAY_SIZE(libraries)) && strstr(node->name, ".so") != NULL;
}
