/* SPDX-License-Identifier: BSD-3-Clause */
/* elf_make.h - small ELF files of any class and byte order, for tests that then break them. */
#ifndef BERTH_TESTS_ELF_MAKE_H
#define BERTH_TESTS_ELF_MAKE_H

#include <elf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "tests/unit/unit.h"

/* Where things are in such a file, for tests that write over them. */
enum {
	MADE_VADDR = 0x10000, MADE_INTERP = 0x200, MADE_DYNAMIC = 0x400, MADE_STRINGS = 0x1000,
	MADE_BYTES = 0x2000,
};

struct made_elf {
	bool wide, big;
	uint16_t machine;
	const char *interp, *runpath; /* NULL: none */
	const char *const *needed;    /* NULL at the end; NULL: no dynamic section */
};

static inline void made_number(const struct made_elf *m, uint8_t *p, size_t n, uint64_t v)
{
	for (size_t i = 0; i < n; i++)
		p[m->big ? n - 1 - i : i] = (uint8_t)(v >> 8 * i);
}

#define MADE_FIELD(m, p, type, field, v)                                                      \
	((m)->wide ? made_number((m), (p) + offsetof(Elf64_##type, field),                    \
				 sizeof(((Elf64_##type *)NULL)->field), (v))                  \
		   : made_number((m), (p) + offsetof(Elf32_##type, field),                    \
				 sizeof(((Elf32_##type *)NULL)->field), (v)))

static inline size_t made_phdr(const struct made_elf *m, size_t i)
{
	return (m->wide ? sizeof(Elf64_Ehdr) : sizeof(Elf32_Ehdr)) +
	       i * (m->wide ? sizeof(Elf64_Phdr) : sizeof(Elf32_Phdr));
}

static inline size_t made_dyn(const struct made_elf *m, size_t i)
{
	return MADE_DYNAMIC + i * (m->wide ? sizeof(Elf64_Dyn) : sizeof(Elf32_Dyn));
}

static inline void made_segment(const struct made_elf *m, uint8_t *out, size_t i, uint32_t type,
				uint64_t off, uint64_t n)
{
	uint8_t *p = out + made_phdr(m, i);

	MADE_FIELD(m, p, Phdr, p_type, type);
	MADE_FIELD(m, p, Phdr, p_offset, off);
	MADE_FIELD(m, p, Phdr, p_vaddr, MADE_VADDR + off);
	MADE_FIELD(m, p, Phdr, p_filesz, n);
}

static inline void made_entry(const struct made_elf *m, uint8_t *out, size_t i, uint64_t tag, uint64_t v)
{
	MADE_FIELD(m, out + made_dyn(m, i), Dyn, d_tag, tag);
	MADE_FIELD(m, out + made_dyn(m, i), Dyn, d_un.d_val, v);
}

/* Fill 'out', MADE_BYTES: header, LOAD, INTERP, DYNAMIC (STRTAB, STRSZ, RUNPATH, NEEDED...), strings. */
static inline void made_elf(const struct made_elf *m, uint8_t *out)
{
	size_t entries = 0, at = 1, segments = 1;

	memset(out, 0, MADE_BYTES);
	memcpy(out, ELFMAG, SELFMAG);
	out[EI_CLASS] = m->wide ? ELFCLASS64 : ELFCLASS32;
	out[EI_DATA] = m->big ? ELFDATA2MSB : ELFDATA2LSB;
	out[EI_VERSION] = EV_CURRENT;
	made_segment(m, out, 0, PT_LOAD, 0, MADE_BYTES);
	if (m->interp) {
		memcpy(out + MADE_INTERP, m->interp, strlen(m->interp) + 1);
		made_segment(m, out, segments++, PT_INTERP, MADE_INTERP, strlen(m->interp) + 1);
	}
	if (m->needed) {
		made_entry(m, out, entries++, DT_STRTAB, MADE_VADDR + MADE_STRINGS);
		made_entry(m, out, entries++, DT_STRSZ, MADE_BYTES - MADE_STRINGS);
		made_entry(m, out, entries++, m->runpath ? DT_RUNPATH : DT_FLAGS, m->runpath ? at : 0);
		if (m->runpath) {
			memcpy(out + MADE_STRINGS + at, m->runpath, strlen(m->runpath) + 1);
			at += strlen(m->runpath) + 1;
		}
		for (size_t i = 0; m->needed[i]; i++) {
			size_t n = strlen(m->needed[i]) + 1;

			ck_assert_uint_le(MADE_STRINGS + at + n, MADE_BYTES);
			memcpy(out + MADE_STRINGS + at, m->needed[i], n);
			made_entry(m, out, entries++, DT_NEEDED, at);
			at += n;
		}
		ck_assert_uint_le(made_dyn(m, entries + 1), MADE_STRINGS);
		made_segment(m, out, segments++, PT_DYNAMIC, MADE_DYNAMIC,
			     made_dyn(m, entries + 1) - MADE_DYNAMIC);
	}
	MADE_FIELD(m, out, Ehdr, e_type, ET_DYN);
	MADE_FIELD(m, out, Ehdr, e_machine, m->machine);
	MADE_FIELD(m, out, Ehdr, e_phoff, made_phdr(m, 0));
	MADE_FIELD(m, out, Ehdr, e_phentsize, made_phdr(m, 1) - made_phdr(m, 0));
	MADE_FIELD(m, out, Ehdr, e_phnum, segments);
}

#endif
