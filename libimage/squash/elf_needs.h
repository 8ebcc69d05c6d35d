/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * elf_needs.h - what a program asks for before it runs: its interpreter and its libraries.
 *
 * Runs as:  whoever builds an image, on files of anybody.
 * Promise:  reads a bounded part of the file with pread() and believes no number in it.
 */
#ifndef BERTH_ELF_NEEDS_H
#define BERTH_ELF_NEEDS_H

#include <limits.h>
#include <stddef.h>
#include <stdint.h>

/* LIMIT: libraries that one file names; a large desktop program has some 60. Bytes of paths:
 * an interpreter has a short one, a run path of many directories may be cut. */
enum { ELF_NAMES_MAX = 64, ELF_PATH_MAX = 256, ELF_RUNPATH_MAX = 1024 };

struct elf_needs {
	uint32_t kind;			/* word size, byte order, machine: all files of a process agree */
	char interp[ELF_PATH_MAX];	/* an absolute path, or "" */
	char runpath[ELF_RUNPATH_MAX];	/* directories with colons between them, as it stands there */
	size_t n;
	char name[ELF_NAMES_MAX][NAME_MAX + 1]; /* in the file's order, without slashes */
};

/*
 * Read the ELF file 'fd' of 'size' bytes. 0, or -1: none, or one that cannot be loaded. What is
 * odd in an otherwise sound file (a name outside its table, an interpreter that is no path) is
 * left out.
 */
int elf_needs_read(int fd, uint64_t size, struct elf_needs *ret);

#endif
