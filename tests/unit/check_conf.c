/* SPDX-License-Identifier: BSD-3-Clause */
/* check_conf.c - the reader of berth.conf (libimage/base/conf.h). */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "libimage/base/cleanup.h"
#include "libimage/base/conf.h"
#include "libimage/base/err.h"
#include "libimage/base/fd.h"
#include "libimage/base/str.h"
#include "tests/unit/unit.h"

static int take(void *arg, const char *value, struct berth_err *err)
{
	struct strbuf *got = arg;

	if (strcmp(value, "refuse") == 0)
		return berth_fail(err, BERTH_EUSAGE, 0, "no good");
	strbuf_printf(got, "<%s>", value);
	return 0;
}

static const struct conf_key keys[] = {
	{ "once", false, take },
	{ "bind", true, take },
	{ "two words", false, take },
};

static const struct {
	const char *text, *want;
} good[] = {
	{ "", "" },
	{ "\n\n", "" },
	{ "# once = 1\n", "" },
	{ "  # once = 1", "" },
	{ "once = 1\n", "<1>" },
	{ "once=1", "<1>" },
	{ " \tonce\t= \t1 2\t \n", "<1 2>" },
	{ "once = a=b", "<a=b>" },
	{ "once = # no comment", "<# no comment>" },
	{ "bind = a\nbind = b\nbind=a", "<a><b><a>" },
	{ "two words = x", "<x>" },
	{ "once = caf\xc3\xa9", "<caf\xc3\xa9>" },
	{ "bind = 2\nonce = 1\n", "<2><1>" },
};

START_TEST(parse_good)
{
	cleanup(strbuf_done) struct strbuf got = STRBUF_INIT;
	struct berth_err err = BERTH_ERR_INIT;

	strbuf_puts(&got, "");
	ck_assert_msg(conf_parse("f", good[_i].text, strlen(good[_i].text), keys, ARRAY_SIZE(keys), &got,
				 &err) == 0, "%s", err.text);
	ck_assert_str_eq(got.text, good[_i].want);
}
END_TEST

static const struct {
	const char *text, *want; /* the start of the message */
} bad[] = {
	{ "once", "f:1: not 'key = value'" },
	{ "\n\nonce 1", "f:3: not 'key = value'" },
	{ "once =", "f:1: no value for 'once'" },
	{ "once = \t ", "f:1: no value for 'once'" },
	{ "= 1", "f:1: unknown key ''" },
	{ "onc = 1", "f:1: unknown key 'onc'" },
	{ "Once = 1", "f:1: unknown key 'Once'" },
	{ "once: 1", "f:1: not" },
	{ "twowords = 1", "f:1: unknown key" },
	{ "two  words = 1", "f:1: unknown key" },
	{ "once = 1\nonce = 2", "f:2: a second 'once'" },
	{ "once = 1\nbind = 1\nonce = 1", "f:3: a second 'once'" },
	{ "once = 1\r\n", "f:1: control character" },
	{ "once = \033[31m", "f:1: control character" },
	{ "# \a", "f:1: control character" },
	{ "once = \x7f", "f:1: control character" },
	{ "\x0bonce = 1", "f:1: control character" },
	{ "once = refuse", "f:1: once: no good" },
	{ "\nbind = refuse", "f:2: bind: no good" },
	{ "\xef\xbb\xbfonce = 1", "f:1: unknown key" }, /* a byte order mark */
	{ "[section]", "f:1: not" },
	{ "include /etc/x", "f:1: not" },
};

START_TEST(parse_bad)
{
	cleanup(strbuf_done) struct strbuf got = STRBUF_INIT;
	struct berth_err err = BERTH_ERR_INIT;

	ck_assert_int_eq(conf_parse("f", bad[_i].text, strlen(bad[_i].text), keys, ARRAY_SIZE(keys), &got,
				    &err), -1);
	ck_assert_int_eq(err.code, BERTH_ECONFIG);
	ck_assert_msg(str_after(err.text, bad[_i].want) != NULL, "%s", err.text);
}
END_TEST

START_TEST(nul_is_refused)
{
	cleanup(strbuf_done) struct strbuf got = STRBUF_INIT;
	struct berth_err err = BERTH_ERR_INIT;

	ck_assert_int_eq(conf_parse("f", "once = 1\0", 9, keys, ARRAY_SIZE(keys), &got, &err), -1);
	ck_assert_int_eq(err.code, BERTH_ECONFIG);
	ck_assert_ptr_null(got.text);
}
END_TEST

static char dir[] = "/tmp/check_conf.XXXXXX";
static char path[128], other[128];

static void setup(void)
{
	ck_assert_ptr_nonnull(mkdtemp(dir));
	(void)snprintf(path, sizeof(path), "%s/berth.conf", dir);
	(void)snprintf(other, sizeof(other), "%s/other", dir);
}

static void teardown(void)
{
	(void)unlink(path);
	(void)unlink(other);
	(void)rmdir(path);
	(void)rmdir(dir);
}

static void put(const char *where, mode_t mode, size_t n)
{
	cleanup_close int fd = open(where, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(fd_write_full(fd, "once = 1\n", 9), 0);
	for (; n > 9; n--)
		ck_assert_int_eq(fd_write_full(fd, "\n", 1), 0);
	ck_assert_int_eq(fchmod(fd, mode), 0);
}

static int load(struct berth_err *err)
{
	cleanup(strbuf_done) struct strbuf got = STRBUF_INIT;
	int rc = conf_load(path, getuid(), keys, ARRAY_SIZE(keys), &got, err);

	if (rc == 0 && got.text)
		ck_assert_str_eq(got.text, "<1>");
	return rc == 0 ? got.text != NULL : -1; /* 1: read, 0: there was nothing to read */
}

static void refused(void)
{
	struct berth_err err = BERTH_ERR_INIT;

	ck_assert_int_eq(load(&err), -1);
	ck_assert_int_eq(err.code, BERTH_ECONFIG);
	ck_assert_ptr_nonnull(strstr(err.text, "berth.conf"));
}

START_TEST(load_good)
{
	struct berth_err err = BERTH_ERR_INIT;

	ck_assert_int_eq(load(&err), 0);
	put(path, 0644, 0);
	ck_assert_int_eq(load(&err), 1);
	put(path, 0400, CONF_BYTES_MAX);
	ck_assert_int_eq(load(&err), 1);
}
END_TEST

START_TEST(load_modes)
{
	static const mode_t modes[] = { 0664, 0646, 0666, 0622, 0602, 0620, 04666 };

	for (size_t i = 0; i < ARRAY_SIZE(modes); i++) {
		put(path, modes[i], 0);
		refused();
	}
}
END_TEST

START_TEST(load_too_big)
{
	put(path, 0644, CONF_BYTES_MAX + 1);
	refused();
}
END_TEST

START_TEST(load_links)
{
	put(other, 0644, 0);
	ck_assert_int_eq(symlink(other, path), 0);
	refused();
	(void)unlink(path);
	ck_assert_int_eq(link(other, path), 0);
	refused();
}
END_TEST

START_TEST(load_not_a_file)
{
	ck_assert_int_eq(mkfifo(path, 0600), 0);
	refused();
	(void)unlink(path);
	ck_assert_int_eq(mkdir(path, 0700), 0);
	refused();
}
END_TEST

START_TEST(load_owner)
{
	struct berth_err err = BERTH_ERR_INIT;

	if (getuid() != 0)
		return; /* only root can give files away */
	put(path, 0644, 0);
	ck_assert_int_eq(chown(path, 1234, 0), 0);
	refused();
	ck_assert_int_eq(chown(path, 0, 1234), 0);
	ck_assert_int_eq(load(&err), 1);
}
END_TEST

START_TEST(load_open_directory)
{
	struct berth_err err = BERTH_ERR_INIT;

	put(path, 0644, 0);
	ck_assert_int_eq(chmod(dir, 0720), 0);
	refused();
	ck_assert_int_eq(chmod(dir, 0702), 0);
	refused();
	ck_assert_int_eq(chmod(dir, 01777), 0);
	ck_assert_int_eq(load(&err), 1);
	ck_assert_int_eq(chmod(dir, 0755), 0);
	ck_assert_int_eq(load(&err), 1);
	if (getuid() != 0)
		return; /* only root can give directories away */
	ck_assert_int_eq(chown(dir, 1234, 0), 0);
	refused();
}
END_TEST

START_TEST(load_behind_a_link)
{
	cleanup(strbuf_done) struct strbuf got = STRBUF_INIT;
	struct berth_err err = BERTH_ERR_INIT;
	char through[160];

	put(path, 0644, 0);
	ck_assert_int_eq(symlink(dir, other), 0);
	(void)snprintf(through, sizeof(through), "%s/berth.conf", other);
	ck_assert_int_eq(conf_load(through, getuid(), keys, ARRAY_SIZE(keys), &got, &err), -1);
	ck_assert_int_eq(err.code, BERTH_ECONFIG);
}
END_TEST

int main(void)
{
	TCase *text = tcase_create("text");
	TCase *file = tcase_create("file");
	int failed;

	tcase_add_loop_test(text, parse_good, 0, (int)ARRAY_SIZE(good));
	tcase_add_loop_test(text, parse_bad, 0, (int)ARRAY_SIZE(bad));
	tcase_add_test(text, nul_is_refused);
	tcase_add_checked_fixture(file, setup, teardown);
	tcase_add_test(file, load_good);
	tcase_add_test(file, load_modes);
	tcase_add_test(file, load_too_big);
	tcase_add_test(file, load_links);
	tcase_add_test(file, load_not_a_file);
	tcase_add_test(file, load_owner);
	tcase_add_test(file, load_open_directory);
	tcase_add_test(file, load_behind_a_link);
	failed = unit_run("conf: text", text);
	return unit_run("conf: file", file) == EXIT_SUCCESS ? failed : EXIT_FAILURE;
}
