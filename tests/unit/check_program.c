/* SPDX-License-Identifier: BSD-3-Clause */
/* check_program.c - finding a program, and every reason why it would not run. */
#include "config.h"

#include <elf.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "libimage/base/cleanup.h"
#include "libimage/base/err.h"
#include "libimage/base/fd.h"
#include "libimage/base/program.h"
#include "tests/unit/unit.h"

static char dir[] = "/tmp/berth-check-XXXXXX";

static void put(const char *name, const void *bytes, size_t n, mode_t mode)
{
	cleanup_close int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(fd_write_full(fd, bytes, n), 0);
	ck_assert_int_eq(fchmod(fd, mode), 0);
}

static void put_text(const char *name, const char *text, mode_t mode)
{
	put(name, text, strlen(text), mode);
}

/* An ELF head, with a program header that names 'loader'. */
static void put_elf(const char *name, uint16_t machine, uint8_t data, const char *loader)
{
	struct {
		Elf64_Ehdr e;
		Elf64_Phdr p;
		char loader[64];
	} f;

	memset(&f, 0, sizeof(f));
	memcpy(f.e.e_ident, ELFMAG, SELFMAG);
	f.e.e_ident[EI_CLASS] = ELFCLASS64;
	f.e.e_ident[EI_DATA] = data;
	f.e.e_machine = data == ELFDATA2MSB ? (uint16_t)(machine << 8 | machine >> 8) : machine;
	f.e.e_phoff = sizeof(f.e);
	f.e.e_phnum = 1;
	f.e.e_phentsize = sizeof(f.p);
	f.p.p_type = PT_INTERP;
	f.p.p_offset = offsetof(__typeof__(f), loader);
	f.p.p_filesz = strlen(loader) + 1;
	(void)snprintf(f.loader, sizeof(f.loader), "%s", loader);
	put(name, &f, sizeof(f), 0755);
}

#if defined(__x86_64__)
#define OWN EM_X86_64
#define FOREIGN EM_AARCH64
#define FOREIGN_NAME "aarch64"
#elif defined(__aarch64__)
#define OWN EM_AARCH64
#define FOREIGN EM_X86_64
#define FOREIGN_NAME "x86-64"
#else
#define OWN EM_NONE
#define FOREIGN EM_X86_64
#define FOREIGN_NAME "x86-64"
#endif

static void set_up(void)
{
	ck_assert_ptr_nonnull(mkdtemp(dir));
	ck_assert_int_eq(chdir(dir), 0);
	ck_assert_int_eq(mkdir("a", 0755) | mkdir("b", 0755) | mkdir("a/sub", 0755), 0);
	put_text("a/tool", "#!/bin/sh\n", 0755);
	put_text("b/tool", "#!/bin/sh\n", 0755);
	put_text("b/later", "#!/bin/sh\n", 0755);
	put_text("a/later", "#!/bin/sh\n", 0644);
	put_text("a/plain", "#!/bin/sh\n", 0644);
	put_text("a/nohead", "echo\n", 0755);
	put_text("a/empty", "", 0755);
	put_text("a/lost", "#!/no/such/python -x\n", 0755);
	put_text("a/blanks", "#! \t/bin/sh -e\n", 0755);
	put_text("a/bare", "#!", 0755);
	put_text("here", "#!/bin/sh\n", 0755);
	put_elf("a/foreign", FOREIGN, ELFDATA2LSB, "/bin/sh");
	put_elf("a/big", EM_S390, ELFDATA2MSB, "/bin/sh");
	put_elf("a/odd", 0x7777, ELFDATA2LSB, "/bin/sh");
	if (OWN != EM_NONE) {
		put_elf("a/musl", OWN, ELFDATA2LSB, "/lib/ld-no-such-libc.so.1");
		put_elf("a/fits", OWN, ELFDATA2LSB, "/bin/sh");
	}
	put("a/cut", ELFMAG, SELFMAG, 0755);
	ck_assert_int_eq(mkfifo("a/fifo", 0755), 0);
	ck_assert_int_eq(symlink("tool", "a/link"), 0);
	ck_assert_int_eq(symlink("nowhere", "a/dangling"), 0);
	ck_assert_int_eq(symlink("loop", "a/loop"), 0);
}

static void tear_down(void)
{
	char cmd[64];

	ck_assert_int_eq(chdir("/"), 0);
	(void)snprintf(cmd, sizeof(cmd), "rm -rf %s", dir);
	ck_assert_int_eq(system(cmd), 0);
}

static const struct {
	const char *name, *path;
	enum berth_code code; /* BERTH_OK: found */
	const char *out;      /* what; or a word of the error */
} cases[] = {
	{ "tool", "a:b", BERTH_OK, "a/tool" },
	{ "tool", "b:a", BERTH_OK, "b/tool" },
	{ "tool", "nowhere:a", BERTH_OK, "a/tool" },
	{ "later", "a:b", BERTH_OK, "b/later" }, /* as execvp(): not executable here, look on */
	{ "sub", "a", BERTH_EDENIED, "directory" },
	{ "a/tool", "nowhere", BERTH_OK, "a/tool" }, /* a slash: PATH is not looked at */
	{ "here", ":a", BERTH_OK, "here" },
	{ "here", "a:", BERTH_OK, "here" },
	{ "here", "a::b", BERTH_OK, "here" },
	{ "here", "", BERTH_OK, "here" },
	{ "link", "a", BERTH_OK, "a/link" },
	{ "nohead", "a", BERTH_OK, "a/nohead" }, /* exec says ENOEXEC: /bin/sh runs it */
	{ "empty", "a", BERTH_OK, "a/empty" },
	{ "blanks", "a", BERTH_OK, "a/blanks" },
	{ "bare", "a", BERTH_OK, "a/bare" },
	{ "cut", "a", BERTH_OK, "a/cut" },
	{ "sh", NULL, BERTH_OK, "/bin/sh" },
	{ "nosuch", "a:b", BERTH_ENOTFOUND, "'nosuch'" },
	{ "nosuch", NULL, BERTH_ENOTFOUND, "'nosuch'" },
	{ "", "a", BERTH_ENOTFOUND, "empty" },
	{ "here", "a:b", BERTH_ENOTFOUND, "'here'" },
	{ "a/nosuch", "a", BERTH_ENOTFOUND, "'a/nosuch'" },
	{ "a/tool/x", "a", BERTH_ENOTFOUND, "'a/tool/x'" },
	{ "dangling", "a", BERTH_ENOTFOUND, "'dangling'" },
	{ "plain", "a", BERTH_EDENIED, "'a/plain'" },
	{ "a/plain", NULL, BERTH_EDENIED, "'a/plain'" },
	{ "plain", "a:b", BERTH_EDENIED, "'a/plain'" },
	{ "./a", "a", BERTH_EDENIED, "directory" },
	{ "fifo", "a", BERTH_EDENIED, "not a file" }, /* and it did not wait for a writer */
	{ "loop", "a", BERTH_EDENIED, "'a/loop'" },
	{ "lost", "a", BERTH_ENOTFOUND, "'/no/such/python'" },
	{ "foreign", "a", BERTH_EIMAGE, FOREIGN_NAME },
	{ "big", "a", BERTH_EIMAGE, "s390" },
	{ "odd", "a", BERTH_EIMAGE, "30583" },
#if defined(__x86_64__) || defined(__aarch64__)
	{ "fits", "a", BERTH_OK, "a/fits" },
	{ "musl", "a", BERTH_ENOTFOUND, "'/lib/ld-no-such-libc.so.1'" },
#endif
};

START_TEST(find)
{
	struct berth_err err = BERTH_ERR_INIT;
	char out[PATH_MAX] = "";
	int rc = program_find(cases[_i].name, cases[_i].path, out, &err);

	if (cases[_i].code == BERTH_OK) {
		ck_assert_msg(rc == 0, "%s in %s: %s", cases[_i].name, cases[_i].path, err.text);
		ck_assert_str_eq(out, cases[_i].out);
		return;
	}
	ck_assert_msg(rc == -1, "%s in %s was found: %s", cases[_i].name, cases[_i].path, out);
	ck_assert_msg(err.code == cases[_i].code, "%s: code %d: %s", cases[_i].name, err.code, err.text);
	ck_assert_msg(strstr(err.text, cases[_i].out) != NULL, "no %s in: %s", cases[_i].out, err.text);
}
END_TEST

START_TEST(too_long)
{
	struct berth_err err = BERTH_ERR_INIT;
	char name[PATH_MAX + 10], out[PATH_MAX];

	memset(name, 'x', sizeof(name));
	name[sizeof(name) - 1] = '\0';
	ck_assert_int_eq(program_find(name, "a:b", out, &err), -1);
	ck_assert_int_eq(err.code, BERTH_ENOTFOUND);
	name[0] = '/';
	ck_assert_int_eq(program_find(name, "a:b", out, &err), -1);
	ck_assert_int_eq(program_find("tool", name, out, &err), -1);
	ck_assert_int_eq(err.code, BERTH_ENOTFOUND);
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("program");

	if (geteuid() == 0)
		(void)!setresuid(65534, 65534, 65534); /* root may read what has no mode */
	tcase_add_unchecked_fixture(tc, set_up, tear_down);
	tcase_add_loop_test(tc, find, 0, ARRAY_SIZE(cases));
	tcase_add_test(tc, too_long);
	return unit_run("program", tc);
}
