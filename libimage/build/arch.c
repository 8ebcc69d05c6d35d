/* SPDX-License-Identifier: BSD-3-Clause */
/* arch.c - which machine a tree is for; see build.h. */
#include "config.h"

#include <elf.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "libimage/base/cleanup.h"
#include "libimage/base/fd.h"
#include "libimage/build/build.h"
#include "libimage/sif/sif.h"
#include "libimage/squash/walk.h"

/* The code for the first 20 bytes of an ELF file. */
static const char *elf_arch(const uint8_t *e)
{
	bool big = e[EI_DATA] == ELFDATA2MSB, wide = e[EI_CLASS] == ELFCLASS64;
	unsigned int machine = big ? (unsigned int)e[18] << 8 | e[19]
				   : (unsigned int)e[19] << 8 | e[18];

	switch (machine) {
	case EM_386: return "01";
	case EM_X86_64: return "02";
	case EM_ARM: return "03";
	case EM_AARCH64: return "04";
	case EM_PPC64: return big ? "05" : "06";
	case EM_MIPS: return wide ? (big ? "09" : "10") : (big ? "07" : "08");
	case EM_S390: return "11";
	case EM_RISCV: return wide ? "12" : "00";
	case 258 /* EM_LOONGARCH, which older elf.h lack */: return "13";
	default: return "00";
	}
}

const char *build_arch(int dir_fd)
{
	cleanup_close int fd = fd_open_in_root(dir_fd, "/bin/sh", O_RDONLY | O_NONBLOCK | O_NOCTTY);
	uint8_t head[20];
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) ||
	    fd_pread_full(fd, head, sizeof(head), 0) < 0 || memcmp(head, ELFMAG, SELFMAG) != 0)
		return sif_arch_host();
	return elf_arch(head);
}

int build_arch_of_squash(int fd, uint64_t at, uint64_t size, const char **ret, struct berth_err *err)
{
	uint8_t head[20];
	ssize_t n = squash_file_head(fd, at, size, "/bin/sh", head, sizeof(head), err);

	if (n < 0)
		return -1;
	*ret = n == (ssize_t)sizeof(head) && memcmp(head, ELFMAG, SELFMAG) == 0 ? elf_arch(head) : sif_arch_host();
	return 0;
}
