/* SPDX-License-Identifier: BSD-3-Clause */
/* fuzz_elf.c - any bytes as an ELF file: what it asks for must be text that can be used. */
#include "config.h"

#include <string.h>

#include "libimage/squash/elf_needs.h"
#include "tests/fuzz/memfd.h"

static void must(int ok)
{
	if (!ok)
		abort();
}

static void read_as(int fd, uint64_t size)
{
	static struct elf_needs r;

	memset(&r, 'x', sizeof(r)); /* whatever is not written has no end */
	if (elf_needs_read(fd, size, &r) < 0)
		return;
	must(size >= 52 && r.n <= ELF_NAMES_MAX);
	must(memchr(r.runpath, '\0', sizeof(r.runpath)) != NULL);
	must(memchr(r.interp, '\0', sizeof(r.interp)) && (r.interp[0] == '\0' || r.interp[0] == '/'));
	for (size_t i = 0; i < r.n; i++)
		must(r.name[i][0] != '\0' && memchr(r.name[i], '\0', sizeof(r.name[i])) &&
		     !strchr(r.name[i], '/') && strcmp(r.name[i], "..") != 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	int fd = fuzz_file(data, n);

	read_as(fd, n);
	read_as(fd, n + 4096); /* it became shorter meanwhile */
	return 0;
}
