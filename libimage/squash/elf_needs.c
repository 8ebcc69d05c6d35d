/* SPDX-License-Identifier: BSD-3-Clause */
/* elf_needs.c - interpreter and libraries of an ELF file; see elf_needs.h. */
#include "config.h"

#include <elf.h>
#include <stdbool.h>
#include <string.h>

#include "libimage/base/fd.h"
#include "libimage/squash/elf_needs.h"

/* LIMIT: program headers, of which linkers make some 15; dynamic entries, some 40 and the libraries */
enum { SEGMENTS_MAX = 64, ENTRIES_MAX = 512 };

struct segment {
	uint64_t type, offset, vaddr, size;
};

struct elf {
	int fd;
	uint64_t size;
	bool wide, big;
	size_t nseg;
	struct segment seg[SEGMENTS_MAX];
};

/* What the dynamic section says: addresses and offsets, not looked at yet. */
struct dynamic {
	uint64_t strtab, strsz, runpath;
	size_t n;
	uint64_t name[ELF_NAMES_MAX];
};

static bool read_at(const struct elf *e, uint64_t off, void *buf, size_t n)
{
	return off <= e->size && n <= e->size - off && fd_pread_full(e->fd, buf, n, (off_t)off) == 0;
}

static uint64_t number(const struct elf *e, const uint8_t *p, size_t n)
{
	uint64_t v = 0;

	for (size_t i = 0; i < n; i++)
		v = v << 8 | p[e->big ? i : n - 1 - i];
	return v;
}

/* A field of a structure that has a 64 bit and a 32 bit form. */
#define FIELD(e, p, type, field)                                                              \
	((e)->wide ? number((e), (p) + offsetof(Elf64_##type, field),                         \
			    sizeof(((Elf64_##type *)NULL)->field))                            \
		   : number((e), (p) + offsetof(Elf32_##type, field),                         \
			    sizeof(((Elf32_##type *)NULL)->field)))

static bool read_head(struct elf *e, uint32_t *kind)
{
	uint8_t h[sizeof(Elf64_Ehdr)] = { 0 }, p[SEGMENTS_MAX * sizeof(Elf64_Phdr)];
	uint64_t type, n;
	size_t one;

	if (!read_at(e, 0, h, sizeof(Elf32_Ehdr)) || memcmp(h, ELFMAG, SELFMAG) != 0 ||
	    (h[EI_CLASS] != ELFCLASS64 && h[EI_CLASS] != ELFCLASS32) ||
	    (h[EI_DATA] != ELFDATA2LSB && h[EI_DATA] != ELFDATA2MSB))
		return false;
	e->wide = h[EI_CLASS] == ELFCLASS64;
	e->big = h[EI_DATA] == ELFDATA2MSB;
	one = e->wide ? sizeof(Elf64_Phdr) : sizeof(Elf32_Phdr);
	if (e->wide && !read_at(e, 0, h, sizeof(h)))
		return false;
	type = FIELD(e, h, Ehdr, e_type);
	n = FIELD(e, h, Ehdr, e_phnum);
	if ((type != ET_EXEC && type != ET_DYN) || FIELD(e, h, Ehdr, e_phentsize) != one || n == 0 ||
	    n > SEGMENTS_MAX || !read_at(e, FIELD(e, h, Ehdr, e_phoff), p, (size_t)n * one))
		return false;
	for (const uint8_t *at = p; e->nseg < n; at += one)
		e->seg[e->nseg++] = (struct segment){
			.type = FIELD(e, at, Phdr, p_type), .offset = FIELD(e, at, Phdr, p_offset),
			.vaddr = FIELD(e, at, Phdr, p_vaddr), .size = FIELD(e, at, Phdr, p_filesz),
		};
	*kind = (uint32_t)(FIELD(e, h, Ehdr, e_machine) << 16 | (uint64_t)h[EI_CLASS] << 8 | h[EI_DATA]);
	return true;
}

static const struct segment *segment_of(const struct elf *e, uint64_t type)
{
	for (size_t i = 0; i < e->nseg; i++)
		if (e->seg[i].type == type)
			return &e->seg[i];
	return NULL;
}

/* The text at 'off' of at most 'most' bytes with its NUL; "" if it does not end by then. */
static void read_text(const struct elf *e, uint64_t off, uint64_t most, char *out, size_t size)
{
	size_t n;

	out[0] = '\0';
	if (off >= e->size)
		return;
	if (most > e->size - off)
		most = e->size - off;
	n = most < size ? (size_t)most : size;
	if (n == 0 || !read_at(e, off, out, n) || !memchr(out, '\0', n))
		out[0] = '\0';
}

static bool read_dynamic(const struct elf *e, const struct segment *s, struct dynamic *d)
{
	uint8_t p[ENTRIES_MAX * sizeof(Elf64_Dyn)];
	size_t one = e->wide ? sizeof(Elf64_Dyn) : sizeof(Elf32_Dyn);
	size_t n = s->size / one < ENTRIES_MAX ? (size_t)(s->size / one) : ENTRIES_MAX;

	if (!read_at(e, s->offset, p, n * one))
		return false;
	for (const uint8_t *at = p; at < p + n * one; at += one) {
		uint64_t tag = FIELD(e, at, Dyn, d_tag), v = FIELD(e, at, Dyn, d_un.d_val);

		if (tag == DT_NULL)
			break;
		if (tag == DT_STRTAB)
			d->strtab = v;
		else if (tag == DT_STRSZ)
			d->strsz = v;
		else if (tag == DT_RUNPATH || (tag == DT_RPATH && d->runpath == UINT64_MAX))
			d->runpath = v;
		else if (tag == DT_NEEDED && d->n < ELF_NAMES_MAX)
			d->name[d->n++] = v;
	}
	return true;
}

/* Where in the file the byte for the address 'vaddr' is; its size if nowhere. */
static uint64_t offset_of(const struct elf *e, uint64_t vaddr)
{
	for (size_t i = 0; i < e->nseg; i++) {
		const struct segment *s = &e->seg[i];

		if (s->type == PT_LOAD && vaddr >= s->vaddr && vaddr - s->vaddr < s->size &&
		    s->offset <= e->size && vaddr - s->vaddr <= e->size - s->offset)
			return s->offset + (vaddr - s->vaddr);
	}
	return e->size;
}

static void read_string(const struct elf *e, const struct dynamic *d, uint64_t at, char *out, size_t size)
{
	uint64_t table = offset_of(e, d->strtab);

	out[0] = '\0';
	if (at < d->strsz && at < e->size - table)
		read_text(e, table + at, d->strsz - at, out, size);
}

int elf_needs_read(int fd, uint64_t size, struct elf_needs *ret)
{
	struct elf e = { .fd = fd, .size = size };
	struct dynamic d = { .runpath = UINT64_MAX };
	const struct segment *s;

	ret->interp[0] = ret->runpath[0] = '\0';
	ret->n = 0;
	if (!read_head(&e, &ret->kind))
		return -1;
	s = segment_of(&e, PT_INTERP);
	if (s)
		read_text(&e, s->offset, s->size, ret->interp, sizeof(ret->interp));
	if (ret->interp[0] != '/')
		ret->interp[0] = '\0';
	s = segment_of(&e, PT_DYNAMIC);
	if (!s)
		return 0;
	if (!read_dynamic(&e, s, &d))
		return -1;
	read_string(&e, &d, d.runpath, ret->runpath, sizeof(ret->runpath));
	for (size_t i = 0; i < d.n; i++) {
		char *name = ret->name[ret->n];

		read_string(&e, &d, d.name[i], name, sizeof(ret->name[0]));
		if (name[0] != '\0' && !strchr(name, '/') && strcmp(name, ".") != 0 && strcmp(name, "..") != 0)
			ret->n++;
	}
	return 0;
}
