/* SPDX-License-Identifier: BSD-3-Clause */
/* check_flags.c - the command line: where flags end, and every way to get one wrong. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "launcher/cli/absent.h"
#include "launcher/cli/flags.h"
#include "launcher/cli/image.h"
#include "launcher/view/reference.h"
#include "libimage/base/cleanup.h"
#include "libimage/base/err.h"
#include "tests/unit/unit.h"

static const struct {
	const char *argv[10];
	const char *out; /* "binds;pwd;verbose/quiet;shell;first word"; or "!word of the error" */
} cases[] = {
	{ { "exec", "img" }, ";;;;img" },
	{ { "exec", "-B", "/a", "img", "-v" }, "/a;;;;img" },
	{ { "exec", "-B/a", "img" }, "/a;;;;img" },
	{ { "exec", "--bind", "/a", "img" }, "/a;;;;img" },
	{ { "exec", "--bind=/a", "img" }, "/a;;;;img" },
	{ { "exec", "--bind=/a", "-B", "/b", "img" }, "/a /b;;;;img" },
	{ { "exec", "--env=A=1", "img" }, ";;;;img" },
	{ { "exec", "--pwd", "/x", "img" }, ";/x;;;img" },
	{ { "exec", "--cwd=/x", "--pwd=/y", "img" }, ";/y;;;img" },
	{ { "exec", "-v", "img" }, ";;v;;img" },
	{ { "exec", "-vq", "img" }, ";;q;;img" },
	{ { "exec", "-qvB", "/a", "img" }, "/a;;v;;img" },
	{ { "exec", "-vB/a", "img" }, "/a;;v;;img" },
	{ { "exec", "-cB", "/a", "-S/s", "-W", "/w", "-H/h", "img" }, "/a;;;;img" },
	{ { "exec", "--contain=1", "img" }, "!--contain takes no" },
	{ { "exec", "-S", "s", "img" }, "!-S: " },
	{ { "exec", "-H", "h", "img" }, "!-H: " },
	{ { "exec", "--no-mount", "x", "img" }, "!--no-mount: " },
	{ { "exec", "--mount=x", "img" }, "!--mount: " },
	{ { "exec", "--", "-img" }, ";;;;-img" },
	{ { "exec", "-v", "--", "--bind", "x" }, ";;v;;--bind" },
	{ { "exec", "-", "x" }, ";;;;-" }, /* a file of that name */
	{ { "exec", "img", "--nosuch", "-Z" }, ";;;;img" },
	{ { "exec" }, ";;;;" },
	{ { "exec", "--" }, ";;;;" },
	{ { "shell", "-s", "/bin/zsh", "img" }, ";;;/bin/zsh;img" },
	{ { "shell", "--shell=/bin/zsh", "img" }, ";;;/bin/zsh;img" },
	{ { "exec", "--help", "--nosuch" }, "help" },
	{ { "exec", "-vh", "-Z" }, "help" },
	{ { "exec", "-hZ" }, "help" },
	{ { "exec", "--nosuch", "img" }, "!'--nosuch'" },
	{ { "exec", "--nosuch=1", "img" }, "!'--nosuch'" },
	{ { "exec", "--bin", "/a" }, "!'--bin'" }, /* no abbreviations: they break with new options */
	{ { "exec", "---bind", "/a" }, "!'---bind'" },
	{ { "exec", "--=x" }, "!unknown" },
	{ { "exec", "-Z", "img" }, "!'-Z'" },
	{ { "exec", "-vZ", "img" }, "!'-Z'" },
	{ { "exec", "-b", "/a" }, "!'-b'" },
	{ { "exec", "-s", "/bin/zsh", "img" }, "!'-s'" },
	{ { "exec", "--shell=/bin/zsh", "img" }, "!'--shell'" },
	{ { "run", "-s", "/bin/zsh", "img" }, "!'-s'" },
	{ { "exec", "-B" }, "!-B needs" },
	{ { "exec", "-vB" }, "!-B needs" },
	{ { "exec", "--bind" }, "!--bind needs" },
	{ { "shell", "--shell" }, "!--shell needs" },
	{ { "shell", "--shell=" }, "!--shell" },
	{ { "exec", "--bind=" }, ";;;;" }, /* as an empty list in a variable */
	{ { "exec", "--bind=a", "img" }, "!--bind: " },
	{ { "exec", "-Ba", "img" }, "!-B: " },
	{ { "exec", "--pwd=", "img" }, "!--pwd: " },
	{ { "exec", "--pwd=x", "img" }, "!--pwd: " },
	{ { "exec", "--cwd=x", "img" }, "!--cwd: " },
	{ { "exec", "--env=A", "img" }, "!--env: " },
	{ { "exec", "--verbose=1", "img" }, "!--verbose takes no" },
	{ { "exec", "--help=x", "img" }, "!--help takes no" },
	{ { "exec", "--bind\x1b[2J", "img" }, "!unknown" },
	{ { "exec", "--nvccli", "img" }, "!this version has no option '--nvccli'" },
	{ { "run", "--network-args=x", "img" }, "!no option '--network-args'" },
	{ { "run", "--overlay=x", "img" }, "!--overlay: " }, /* there is no directory that it is relative to */
	{ { "shell", "-vZ", "img" }, "!unknown option '-Z'" },
	{ { "exec", "-eC", "img" }, ";;;;img" },
	{ { "exec", "--fusemount=x", "img" }, "!no option '--fusemount'" },
	{ { "exec", "--sandbox", "img" }, "!unknown option '--sandbox'" }, /* it is build's */
	{ { "exec", "--n", "img" }, "!unknown" },
};

/* What is not there must not shadow what is, and each row must say something. */
START_TEST(absent)
{
	static const char *const present[] = { "exec", "run", "shell", "build", "pull", "push", "inspect", "help" };
	struct berth_err err = BERTH_ERR_INIT;
	char shown[40];

	for (size_t i = 0; i < option_count; i++) {
		(void)snprintf(shown, sizeof(shown), "--%s", option_rows[i].name);
		ck_assert_int_eq(absent_option("exec", shown, &err), -1);
		ck_assert_str_eq(err.hint, "");
	}
	for (size_t i = 0; i < ARRAY_SIZE(present); i++) {
		ck_assert_int_eq(absent_command(present[i], &err), -1);
		ck_assert_str_eq(err.hint, "");
	}
	ck_assert_int_eq(absent_option(NULL, "--build-config", &err), -1);
	ck_assert_str_ne(err.hint, "");
	ck_assert_int_eq(absent_command("search", &err), -1);
	ck_assert_int_eq(err.code, BERTH_EUSAGE);
	ck_assert_str_ne(err.hint, "");
	ck_assert(strlen(err.hint) < BERTH_HINT_MAX - 1);
}
END_TEST

START_TEST(parse)
{
	cleanup(room_spec_done) struct room_spec s = ROOM_SPEC_INIT;
	cleanup(strlist_done) struct strlist argv = STRLIST_INIT;
	cleanup(strbuf_done) struct strbuf got = STRBUF_INIT;
	struct berth_err err = BERTH_ERR_INIT;
	struct flags f;
	int rc;

	for (size_t i = 0; cases[_i].argv[i]; i++)
		strlist_add(&argv, cases[_i].argv[i]);
	rc = flags_parse((int)argv.n, argv.v, &s, &f, &err);
	if (cases[_i].out[0] == '!') {
		ck_assert_int_eq(rc, -1);
		ck_assert_int_eq(err.code, BERTH_EUSAGE);
		ck_assert_msg(strstr(err.text, cases[_i].out + 1) != NULL, "no '%s' in: %s", cases[_i].out + 1,
			      err.text);
		return;
	}
	ck_assert_msg(rc == 0, "%s", err.text);
	if (strcmp(cases[_i].out, "help") == 0) {
		ck_assert(f.help);
		return;
	}
	ck_assert(!f.help);
	for (size_t i = 0; i < s.binds.n; i++)
		strbuf_printf(&got, "%s%s", i > 0 ? " " : "", s.binds.v[i].source);
	strbuf_printf(&got, ";%s;%s;%s;%s", s.pwd ? s.pwd : "", s.verbose ? "v" : s.quiet ? "q" : "",
		      f.shell ? f.shell : "", f.first < (int)argv.n ? argv.v[f.first] : "");
	ck_assert_str_eq(got.text, cases[_i].out);
	ck_assert_int_le(f.first, (int)argv.n);
}
END_TEST

static const struct {
	const char *text, *cwd, *out; /* out NULL: refused */
	enum berth_code code;
} images[] = {
	{ "/a/b.sif", "/w", "/a/b.sif", BERTH_OK },
	{ "/a//b/./c.sif", NULL, "/a/b/c.sif", BERTH_OK },
	{ "/a/../b", "/w", "/a/../b", BERTH_OK }, /* "a" may be a link: the kernel's business */
	{ "b.sif", "/w", "/w/b.sif", BERTH_OK },
	{ "b.sif", "/", "/b.sif", BERTH_OK },
	{ "./b.sif", "/w", "/w/b.sif", BERTH_OK },
	{ "../b.sif", "/w/x", "/w/b.sif", BERTH_OK },
	{ "..//./../b.sif", "/w/x", "/b.sif", BERTH_OK },
	{ "../../../b.sif", "/w", "/b.sif", BERTH_OK },
	{ "..", "/w/x", "/w", BERTH_OK },
	{ ".", "/w", "/w", BERTH_OK },
	{ "..b/c", "/w", "/w/..b/c", BERTH_OK },
	{ ".b", "/w", "/w/.b", BERTH_OK },
	{ "a/../b", "/w", "/w/a/../b", BERTH_OK },
	{ "-x", "/w", "/w/-x", BERTH_OK },
	{ "./docker://alpine", "/w", "/w/docker:/alpine", BERTH_OK }, /* "./" says: a path */
	{ "docker", "/w", "/w/docker", BERTH_OK },
	{ "", "/w", NULL, BERTH_EUSAGE },
	{ "b.sif", NULL, NULL, BERTH_EUSAGE },
	{ "b.sif", "(unreachable)/w", NULL, BERTH_EUSAGE },
	{ "docker://alpine", "/w", NULL, BERTH_ENOTFOUND },
	{ "oras://h/x:1", "/w", NULL, BERTH_ENOTFOUND },
	{ "library://x", "/w", NULL, BERTH_ENOTFOUND },
	{ "shub://x/y", "/w", NULL, BERTH_ENOTFOUND },
	{ "http://h/x.sif", "/w", NULL, BERTH_ENOTFOUND },
	{ "https://h/x.sif", "/w", NULL, BERTH_ENOTFOUND },
	{ "oci:dir:tag", "/w", NULL, BERTH_ENOTFOUND },
	{ "oci-archive:x.tar", "/w", NULL, BERTH_ENOTFOUND },
	{ "docker-archive:x.tar", "/w", NULL, BERTH_ENOTFOUND },
	{ "docker-daemon:x:1", "/w", NULL, BERTH_ENOTFOUND },
	{ "instance://x", "/w", NULL, BERTH_ENOTFOUND },
	{ "ftp://x/y.sif", "/w", NULL, BERTH_ENOTFOUND },
	{ "docker:alpine", "/w", NULL, BERTH_ENOTFOUND },
	{ "a/b://c", "/w", "/w/a/b:/c", BERTH_OK },
	{ "://c", "/w", "/w/:/c", BERTH_OK },
	{ "/w/oci:x", NULL, "/w/oci:x", BERTH_OK },
};

START_TEST(image)
{
	cleanup_free char *got = NULL;
	struct berth_err err = BERTH_ERR_INIT;
	int rc = image_path(images[_i].text, images[_i].cwd, &got, &err);

	if (!images[_i].out) {
		ck_assert_int_eq(rc, -1);
		ck_assert_int_eq(err.code, images[_i].code);
		ck_assert(err.text[0] != '\0');
		return;
	}
	ck_assert_msg(rc == 0, "%s", err.text);
	ck_assert_str_eq(got, images[_i].out);
}
END_TEST

START_TEST(fetched)
{
	static const char *const yes[] = { "docker://alpine", "docker://h:5000/a/b@sha256:0", "docker://" };
	static const char *const no[] = { "docker:alpine", "docker:/alpine", "./docker://alpine", "/docker://x",
					  "oras://h/x", "Docker://x", " docker://x", "docker", "" };

	for (size_t i = 0; i < ARRAY_SIZE(yes); i++)
		ck_assert(reference_is_fetched(yes[i]));
	for (size_t i = 0; i < ARRAY_SIZE(no); i++)
		ck_assert_msg(!reference_is_fetched(no[i]), "%s", no[i]);
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("flags");

	tcase_add_loop_test(tc, parse, 0, ARRAY_SIZE(cases));
	tcase_add_test(tc, absent);
	tcase_add_test(tc, fetched);
	tcase_add_loop_test(tc, image, 0, ARRAY_SIZE(images));
	return unit_run("flags", tc);
}
