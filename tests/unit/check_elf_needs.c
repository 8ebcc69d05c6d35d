/* SPDX-License-Identifier: BSD-3-Clause */
/* check_elf_needs.c - what ELF files ask for (libimage/squash/elf_needs.h), sound and broken ones. */
#include "config.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>

#include "libimage/base/cleanup.h"
#include "libimage/base/fd.h"
#include "libimage/squash/elf_needs.h"
#include "tests/unit/elf_make.h"
#include "tests/unit/unit.h"

static const char *const two[] = { "libtinfo.so.6", "libc.so.6", NULL };
static const struct made_elf plain = {
	.wide = true, .machine = EM_X86_64, .interp = "/lib64/ld-linux-x86-64.so.2", .needed = two,
	.runpath = "/opt/lib:$ORIGIN/../lib",
};
static uint8_t bytes[MADE_BYTES];
static int fd = -1;

static void setup(void)
{
	fd = memfd_create("elf", MFD_CLOEXEC);
	ck_assert_int_ge(fd, 0);
}

static void teardown(void)
{
	cleanup_close_fn(&fd);
}

/* Of the first 'n' of 'bytes'. */
static int read_bytes(size_t n, struct elf_needs *ret)
{
	ck_assert_int_eq(ftruncate(fd, 0), 0);
	ck_assert_int_eq(fd_pwrite_full(fd, bytes, n, 0), 0);
	return elf_needs_read(fd, n, ret);
}

START_TEST(sound)
{
	struct made_elf m = plain;
	struct elf_needs r;

	m.wide = (_i & 1) != 0;
	m.big = (_i & 2) != 0;
	made_elf(&m, bytes);
	ck_assert_int_eq(read_bytes(MADE_BYTES, &r), 0);
	ck_assert_uint_eq(r.kind, (uint32_t)EM_X86_64 << 16 | (m.wide ? 0x200U : 0x100U) | (m.big ? 2U : 1U));
	ck_assert_str_eq(r.interp, plain.interp);
	ck_assert_str_eq(r.runpath, plain.runpath);
	ck_assert_uint_eq(r.n, 2);
	ck_assert_str_eq(r.name[0], two[0]);
	ck_assert_str_eq(r.name[1], two[1]);
}
END_TEST

START_TEST(asks_for_nothing)
{
	struct made_elf m = plain;
	struct elf_needs r;

	m.interp = NULL;
	m.needed = NULL;
	made_elf(&m, bytes);
	ck_assert_int_eq(read_bytes(MADE_BYTES, &r), 0);
	ck_assert_str_eq(r.interp, "");
	ck_assert_str_eq(r.runpath, "");
	ck_assert_uint_eq(r.n, 0);
}
END_TEST

/* Numbers of the file header, the program headers and the dynamic section that are lies. */
START_TEST(broken)
{
	enum { FILE_HEAD, LOAD, INTERP, DYNAMIC, STRTAB, STRSZ, NEEDED };
	static const struct {
		int where;
		size_t off, n;
		uint64_t value;
		int want;
		size_t names; /* of the two */
		bool interp;
	} rows[] = {
		{ FILE_HEAD, 0, 4, 0x464c457e, -1, 0, false },
		{ FILE_HEAD, EI_CLASS, 1, 0, -1, 0, false },
		{ FILE_HEAD, EI_CLASS, 1, 3, -1, 0, false },
		{ FILE_HEAD, EI_CLASS, 1, 1, -1, 0, false }, /* its numbers elsewhere */
		{ FILE_HEAD, EI_DATA, 1, 0, -1, 0, false },
		{ FILE_HEAD, EI_DATA, 1, 2, -1, 0, false },
		{ FILE_HEAD, offsetof(Elf64_Ehdr, e_type), 2, ET_REL, -1, 0, false },
		{ FILE_HEAD, offsetof(Elf64_Ehdr, e_type), 2, ET_CORE, -1, 0, false },
		{ FILE_HEAD, offsetof(Elf64_Ehdr, e_type), 2, ET_EXEC, 0, 2, true },
		{ FILE_HEAD, offsetof(Elf64_Ehdr, e_phentsize), 2, 0, -1, 0, false },
		{ FILE_HEAD, offsetof(Elf64_Ehdr, e_phentsize), 2, 57, -1, 0, false },
		{ FILE_HEAD, offsetof(Elf64_Ehdr, e_phentsize), 2, 0xffff, -1, 0, false },
		{ FILE_HEAD, offsetof(Elf64_Ehdr, e_phnum), 2, 0, -1, 0, false },
		{ FILE_HEAD, offsetof(Elf64_Ehdr, e_phnum), 2, 1, 0, 0, false },
		{ FILE_HEAD, offsetof(Elf64_Ehdr, e_phnum), 2, 64, 0, 2, true },
		{ FILE_HEAD, offsetof(Elf64_Ehdr, e_phnum), 2, 65, -1, 0, false },
		{ FILE_HEAD, offsetof(Elf64_Ehdr, e_phnum), 2, 0xffff, -1, 0, false },
		{ FILE_HEAD, offsetof(Elf64_Ehdr, e_phoff), 8, MADE_BYTES - 1, -1, 0, false },
		{ FILE_HEAD, offsetof(Elf64_Ehdr, e_phoff), 8, MADE_BYTES, -1, 0, false },
		{ FILE_HEAD, offsetof(Elf64_Ehdr, e_phoff), 8, UINT64_MAX, -1, 0, false },
		{ FILE_HEAD, offsetof(Elf64_Ehdr, e_phoff), 8, UINT64_MAX - 100, -1, 0, false },
		{ LOAD, offsetof(Elf64_Phdr, p_offset), 8, UINT64_MAX, 0, 0, true },
		{ LOAD, offsetof(Elf64_Phdr, p_offset), 8, MADE_BYTES, 0, 0, true },
		{ LOAD, offsetof(Elf64_Phdr, p_filesz), 8, MADE_STRINGS, 0, 0, true },
		{ LOAD, offsetof(Elf64_Phdr, p_filesz), 8, UINT64_MAX, 0, 2, true },
		{ LOAD, offsetof(Elf64_Phdr, p_vaddr), 8, UINT64_MAX, 0, 0, true },
		{ LOAD, offsetof(Elf64_Phdr, p_type), 4, PT_NOTE, 0, 0, true },
		{ INTERP, offsetof(Elf64_Phdr, p_offset), 8, MADE_BYTES, 0, 2, false },
		{ INTERP, offsetof(Elf64_Phdr, p_offset), 8, UINT64_MAX, 0, 2, false },
		{ INTERP, offsetof(Elf64_Phdr, p_offset), 8, MADE_INTERP + 1, 0, 2, false }, /* relative */
		{ INTERP, offsetof(Elf64_Phdr, p_filesz), 8, 0, 0, 2, false },
		{ INTERP, offsetof(Elf64_Phdr, p_filesz), 8, 5, 0, 2, false }, /* its NUL outside */
		{ INTERP, offsetof(Elf64_Phdr, p_filesz), 8, UINT64_MAX, 0, 2, true },
		{ DYNAMIC, offsetof(Elf64_Phdr, p_offset), 8, MADE_BYTES, -1, 0, false },
		{ DYNAMIC, offsetof(Elf64_Phdr, p_offset), 8, UINT64_MAX, -1, 0, false },
		{ DYNAMIC, offsetof(Elf64_Phdr, p_offset), 8, MADE_BYTES - 15, -1, 0, false },
		{ DYNAMIC, offsetof(Elf64_Phdr, p_filesz), 8, UINT64_MAX, -1, 0, false },
		{ DYNAMIC, offsetof(Elf64_Phdr, p_filesz), 8, 15, 0, 0, true },
		{ DYNAMIC, offsetof(Elf64_Phdr, p_filesz), 8, 64, 0, 1, true },
		{ STRTAB, 8, 8, 0, 0, 0, true },
		{ STRTAB, 8, 8, UINT64_MAX, 0, 0, true },
		{ STRTAB, 8, 8, MADE_VADDR + MADE_BYTES, 0, 0, true },
		{ STRTAB, 0, 8, DT_NULL, 0, 0, true },
		{ STRSZ, 8, 8, 0, 0, 0, true },
		{ STRSZ, 8, 8, 1 + sizeof("/opt/lib:$ORIGIN/../lib") + sizeof("libtinfo.so.6"), 0, 1, true },
		{ STRSZ, 8, 8, UINT64_MAX, 0, 2, true },
		{ NEEDED, 8, 8, UINT64_MAX, 0, 1, true },
		{ NEEDED, 8, 8, MADE_BYTES - MADE_STRINGS, 0, 1, true },
		{ NEEDED, 8, 8, 0, 0, 1, true }, /* an empty name */
		{ NEEDED, 8, 8, 1, 0, 1, true }, /* the run path: has slashes */
	};
	size_t at[] = { 0, made_phdr(&plain, 0), made_phdr(&plain, 1), made_phdr(&plain, 2),
			made_dyn(&plain, 0), made_dyn(&plain, 1), made_dyn(&plain, 3) };

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct elf_needs r;

		made_elf(&plain, bytes);
		made_number(&plain, bytes + at[rows[i].where] + rows[i].off, rows[i].n, rows[i].value);
		ck_assert_msg(read_bytes(MADE_BYTES, &r) == rows[i].want, "row %zu", i);
		if (rows[i].want < 0)
			continue;
		ck_assert_msg(r.n == rows[i].names, "row %zu: %zu names", i, r.n);
		ck_assert_msg((r.interp[0] != '\0') == rows[i].interp, "row %zu: '%s'", i, r.interp);
	}
}
END_TEST

/* Cut anywhere: an error, or what is left of it. */
START_TEST(cut_short)
{
	size_t head = made_phdr(&plain, 3);
	struct made_elf m = plain;
	struct elf_needs r;

	made_elf(&plain, bytes);
	for (size_t n = 0; n < MADE_BYTES; n++) {
		int rc = read_bytes(n, &r);

		ck_assert_msg(n >= head || rc == -1, "%zu bytes", n);
		ck_assert_msg(n < MADE_STRINGS + 60 || (rc == 0 && r.n == 2), "%zu bytes", n);
		ck_assert_msg(n >= MADE_STRINGS + 10 || rc == -1 || r.n == 0, "%zu bytes", n);
		/* The file is shorter than fstat(2) said. */
		ck_assert_int_eq(fd_pwrite_full(fd, bytes, n, 0), 0);
		rc = elf_needs_read(fd, MADE_BYTES, &r);
		ck_assert_msg(n >= head || rc == -1, "%zu bytes, said to be more", n);
	}
	/* It is longer than that: what comes after is not looked at. */
	ck_assert_int_eq(elf_needs_read(fd, MADE_STRINGS, &r), 0);
	ck_assert_uint_eq(r.n, 0);
	m.needed = NULL;
	made_elf(&m, bytes);
	ck_assert_int_eq(read_bytes(MADE_BYTES, &r), 0);
	for (size_t n = 0; n < made_phdr(&m, 2); n++)
		ck_assert_int_eq(elf_needs_read(fd, n, &r), -1);
	ck_assert_int_eq(elf_needs_read(fd, made_phdr(&m, 2), &r), 0);
	ck_assert_int_eq(elf_needs_read(-1, MADE_BYTES, &r), -1);
}
END_TEST

START_TEST(odd_names)
{
	static char long_name[300], longest[256];
	const char *const names[] = { "", ".", "..", "a/b", "/lib/libc.so.6", long_name, longest, "a", NULL };
	struct made_elf m = plain;
	struct elf_needs r;

	memset(long_name, 'n', sizeof(long_name) - 1);
	memset(longest, 'm', 255);
	m.needed = names;
	made_elf(&m, bytes);
	ck_assert_int_eq(read_bytes(MADE_BYTES, &r), 0);
	ck_assert_uint_eq(r.n, 2);
	ck_assert_str_eq(r.name[0], longest);
	ck_assert_str_eq(r.name[1], "a");
}
END_TEST

START_TEST(too_many_names)
{
	const char *names[ELF_NAMES_MAX + 3];
	char text[ELF_NAMES_MAX + 2][8];
	struct made_elf m = plain;
	struct elf_needs r;

	for (size_t i = 0; i < ELF_NAMES_MAX + 2; i++) {
		(void)snprintf(text[i], sizeof(text[i]), "l%zu", i);
		names[i] = text[i];
	}
	names[ELF_NAMES_MAX + 2] = NULL;
	m.needed = names;
	made_elf(&m, bytes);
	ck_assert_int_eq(read_bytes(MADE_BYTES, &r), 0);
	ck_assert_uint_eq(r.n, ELF_NAMES_MAX);
	ck_assert_str_eq(r.name[ELF_NAMES_MAX - 1], text[ELF_NAMES_MAX - 1]);
}
END_TEST

START_TEST(long_paths)
{
	static char runpath[ELF_RUNPATH_MAX + 1], interp[ELF_PATH_MAX + 1];
	struct made_elf m = plain;
	struct elf_needs r;

	for (size_t less = 0; less < 2; less++) {
		memset(runpath, '/', ELF_RUNPATH_MAX - less);
		runpath[ELF_RUNPATH_MAX - less] = '\0';
		memset(interp, '/', ELF_PATH_MAX - less);
		interp[ELF_PATH_MAX - less] = '\0';
		m.runpath = runpath;
		m.interp = interp;
		made_elf(&m, bytes);
		ck_assert_int_eq(read_bytes(MADE_BYTES, &r), 0);
		ck_assert_str_eq(r.runpath, less ? runpath : "");
		ck_assert_str_eq(r.interp, less ? interp : "");
		ck_assert_uint_eq(r.n, 2);
	}
	/* The old DT_RPATH counts where there is no DT_RUNPATH. */
	m = plain;
	made_elf(&m, bytes);
	made_entry(&m, bytes, 2, DT_RPATH, 1);
	ck_assert_int_eq(read_bytes(MADE_BYTES, &r), 0);
	ck_assert_str_eq(r.runpath, plain.runpath);
}
END_TEST

START_TEST(of_this_machine)
{
	cleanup_close int self = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	struct elf_needs r;
	bool libc = false;
	struct stat st;

	ck_assert_int_eq(fstat(self, &st), 0);
	ck_assert_int_eq(elf_needs_read(self, (uint64_t)st.st_size, &r), 0);
	ck_assert_int_eq(access(r.interp, F_OK), 0);
	for (size_t i = 0; i < r.n; i++)
		libc |= strncmp(r.name[i], "libc.", 5) == 0;
	ck_assert(libc);
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("elf_needs");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, sound, 0, 4);
	tcase_add_test(tc, asks_for_nothing);
	tcase_add_test(tc, broken);
	tcase_add_test(tc, cut_short);
	tcase_add_test(tc, odd_names);
	tcase_add_test(tc, too_many_names);
	tcase_add_test(tc, long_paths);
	tcase_add_test(tc, of_this_machine);
	return unit_run("elf_needs", tc);
}
