/* SPDX-License-Identifier: BSD-3-Clause */
/* program.c - find a program as execvp() would; see program.h. */
#include "config.h"

#include <elf.h>
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "libimage/base/cleanup.h"
#include "libimage/base/err.h"
#include "libimage/base/fd.h"
#include "libimage/base/program.h"

#define EXECVP_PATH "/bin:/usr/bin" /* glibc's where PATH is not set */

enum {
	HEAD_BYTES = 256, /* LIMIT: the kernel's BINPRM_BUF_SIZE: it looks no further either */
	PHDRS_MAX = 128,  /* LIMIT: of ELF program headers; linkers write about 15 */
};

#if defined(__x86_64__)
static const uint16_t own_machines[] = { EM_X86_64, EM_386 };
#elif defined(__aarch64__)
static const uint16_t own_machines[] = { EM_AARCH64, EM_ARM };
#elif defined(__powerpc64__)
static const uint16_t own_machines[] = { EM_PPC64, EM_PPC };
#elif defined(__s390x__)
static const uint16_t own_machines[] = { EM_S390 };
#elif defined(__riscv)
static const uint16_t own_machines[] = { EM_RISCV };
#else
#error "name this machine's ELF code here"
#endif

static const struct {
	uint16_t code;
	const char *name;
} machine_names[] = {
	{ EM_X86_64, "x86-64" }, { EM_386, "i386" },	   { EM_AARCH64, "aarch64" },
	{ EM_ARM, "arm" },	 { EM_PPC64, "powerpc64" }, { EM_PPC, "powerpc" },
	{ EM_S390, "s390" },	 { EM_RISCV, "riscv" },	   { EM_MIPS, "mips" },
	{ EM_LOONGARCH, "loongarch" },
};

static const char *machine_name(uint16_t code, char buf[24])
{
	for (size_t i = 0; i < ARRAY_SIZE(machine_names); i++)
		if (machine_names[i].code == code)
			return machine_names[i].name;
	(void)snprintf(buf, 24, "ELF machine %u", code);
	return buf;
}

static bool machine_is_own(uint16_t code)
{
	for (size_t i = 0; i < ARRAY_SIZE(own_machines); i++)
		if (own_machines[i] == code)
			return true;
	return false;
}

/* Is 'path' something the kernel could start as an interpreter? */
static bool runs(const char *path)
{
	return faccessat(AT_FDCWD, path, X_OK, AT_EACCESS) == 0;
}

static int no_interpreter(const char *program, const char *interpreter, struct berth_err *err)
{
	berth_fail(err, BERTH_ENOTFOUND, 0, "'%s' needs '%s', which is not there", program, interpreter);
	return berth_hint(err, "the program was made for another system than this image holds");
}

/* "#!INTERPRETER [ARG]" */
static int check_script(const char *path, char *head, struct berth_err *err)
{
	char *name = head + 2 + strspn(head + 2, " \t");

	name[strcspn(name, " \t\n")] = '\0';
	if (name[0] == '\0' || runs(name))
		return 0;
	return no_interpreter(path, name, err);
}

/* The dynamic loader that a program of this machine names. */
static int check_loader(int fd, const char *path, const char *head, struct berth_err *err)
{
	Elf64_Ehdr e;
	Elf64_Phdr ph;
	char name[PATH_MAX];

	/* 32-bit programs: let the kernel say it. */
	if (head[EI_CLASS] != ELFCLASS64)
		return 0;
	memcpy(&e, head, sizeof(e));
	if (e.e_phentsize != sizeof(ph))
		return 0;
	for (unsigned int i = 0; i < e.e_phnum && i < PHDRS_MAX; i++) {
		uint64_t off;

		if (__builtin_add_overflow(e.e_phoff, i * sizeof(ph), &off) || off > INT64_MAX ||
		    fd_pread_full(fd, &ph, sizeof(ph), (off_t)off) < 0)
			return 0;
		if (ph.p_type != PT_INTERP)
			continue;
		if (ph.p_filesz < 2 || ph.p_filesz > sizeof(name) || ph.p_offset > INT64_MAX ||
		    fd_pread_full(fd, name, ph.p_filesz, (off_t)ph.p_offset) < 0 ||
		    name[ph.p_filesz - 1] != '\0')
			return 0;
		return runs(name) ? 0 : no_interpreter(path, name, err);
	}
	return 0;
}

static int check_elf(int fd, const char *path, const char *head, struct berth_err *err)
{
	char buf1[24], buf2[24];
	uint16_t machine;

	memcpy(&machine, head + offsetof(Elf64_Ehdr, e_machine), sizeof(machine));
	machine = head[EI_DATA] == ELFDATA2MSB ? be16toh(machine) : le16toh(machine);
	if (!machine_is_own(machine)) {
		berth_fail(err, BERTH_EIMAGE, 0, "'%s' is a program for %s; this machine is %s", path,
			   machine_name(machine, buf1), machine_name(own_machines[0], buf2));
		return berth_hint(err, "use an image made for this machine's architecture");
	}
	return check_loader(fd, path, head, err);
}

/* Why would the kernel not start this file? What it cannot tell, the kernel says at exec. */
static int check_content(const char *path, struct berth_err *err)
{
	cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	char head[HEAD_BYTES + 1];
	ssize_t n;

	if (fd < 0)
		return 0; /* to execute needs no right to read */
	n = fd_read_full(fd, head, HEAD_BYTES);
	if (n < 0)
		return 0;
	head[n] = '\0';
	if (n >= 2 && memcmp(head, "#!", 2) == 0)
		return check_script(path, head, err);
	if (n >= (ssize_t)sizeof(Elf64_Ehdr) && memcmp(head, ELFMAG, SELFMAG) == 0)
		return check_elf(fd, path, head, err);
	return 0;
}

/* One candidate. BERTH_ENOTFOUND: look on. */
static int check(const char *path, struct berth_err *err)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return berth_fail(err, errno == ENOENT || errno == ENOTDIR ? BERTH_ENOTFOUND : BERTH_EDENIED,
				  errno, "cannot run '%s'", path);
	if (S_ISDIR(st.st_mode))
		return berth_fail(err, BERTH_EDENIED, 0, "cannot run '%s': it is a directory", path);
	if (!S_ISREG(st.st_mode))
		return berth_fail(err, BERTH_EDENIED, 0, "cannot run '%s': it is not a file", path);
	if (!runs(path)) {
		berth_fail(err, BERTH_EDENIED, errno, "cannot run '%s'", path);
		return berth_hint(err, "the file needs execute permission, on a file system that allows it");
	}
	return check_content(path, err);
}

static int take(const char *path, size_t n, char out[PATH_MAX], struct berth_err *err)
{
	if (n >= PATH_MAX)
		return berth_fail(err, BERTH_ENOTFOUND, ENAMETOOLONG, "cannot run '%.100s...'", path);
	memmove(out, path, n + 1);
	return 0;
}

int program_find(const char *name, const char *path, char out[PATH_MAX], struct berth_err *err)
{
	struct berth_err first = BERTH_ERR_INIT;
	char file[PATH_MAX];

	if (name[0] == '\0')
		return berth_fail(err, BERTH_ENOTFOUND, 0, "the program's name is empty");
	if (strchr(name, '/')) {
		if (check(name, err) < 0)
			return -1;
		return take(name, strlen(name), out, err);
	}
	if (!path)
		path = EXECVP_PATH;
	for (const char *p = path, *end;; p = end + 1) {
		size_t n;
		int len;

		end = p + strcspn(p, ":");
		n = (size_t)(end - p);
		/* As execvp(): an empty member is the working directory. */
		len = snprintf(file, sizeof(file), "%.*s%s%s", (int)(n < PATH_MAX ? n : PATH_MAX), p,
			       n > 0 ? "/" : "", name);
		if (len > 0 && (size_t)len < sizeof(file)) {
			if (check(file, err) == 0)
				return take(file, (size_t)len, out, err);
			/* What was nearest to running is what the user wants to hear of. */
			if (err->sys != ENOENT && err->sys != ENOTDIR && first.code == BERTH_OK)
				first = *err;
		}
		if (*end == '\0')
			break;
	}
	if (first.code != BERTH_OK) {
		*err = first;
		return -1;
	}
	berth_fail(err, BERTH_ENOTFOUND, 0, "no program '%.100s' in the image", name);
	return berth_hint(err, "looked in %.150s", path);
}
