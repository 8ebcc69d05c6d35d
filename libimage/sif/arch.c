/* SPDX-License-Identifier: BSD-3-Clause */
/* arch.c - the format's codes for machines; see sif.h. */
#include "config.h"

#include <stddef.h>
#include <string.h>

#include "libimage/base/cleanup.h"
#include "libimage/sif/sif.h"

/* By code: "00" is the first. */
static const char *const names[] = {
	"unknown", "386",    "amd64",	 "arm",	  "arm64", "ppc64",   "ppc64le",
	"mips",	   "mipsle", "mips64", "mips64le", "s390x", "riscv64", "loong64",
};

const char *sif_arch_name(const char arch[3])
{
	size_t code;

	if (arch[0] < '0' || arch[0] > '9' || arch[1] < '0' || arch[1] > '9' || arch[2] != '\0')
		return names[0];
	code = (size_t)(arch[0] - '0') * 10 + (size_t)(arch[1] - '0');
	return code < ARRAY_SIZE(names) ? names[code] : names[0];
}

const char *sif_arch_code(const char *name)
{
	static const char codes[][3] = {
		"00", "01", "02", "03", "04", "05", "06", "07", "08", "09", "10", "11", "12", "13",
	};

	_Static_assert(ARRAY_SIZE(codes) == ARRAY_SIZE(names), "a code for each name");
	for (size_t i = 1; i < ARRAY_SIZE(names); i++)
		if (strcmp(names[i], name) == 0)
			return codes[i];
	return NULL;
}

const char *sif_arch_host(void)
{
#if defined(__x86_64__)
	return "02";
#elif defined(__aarch64__) && defined(__AARCH64EL__)
	return "04";
#elif defined(__powerpc64__) && defined(__LITTLE_ENDIAN__)
	return "06";
#elif defined(__powerpc64__)
	return "05";
#elif defined(__s390x__)
	return "11";
#elif defined(__riscv) && __riscv_xlen == 64
	return "12";
#elif defined(__loongarch64)
	return "13";
#elif defined(__i386__)
	return "01";
#elif defined(__arm__)
	return "03";
#else
	return "00";
#endif
}
