/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * check_output.c - files on their way to a name (libimage/base/output.h).
 *
 * Works below $TMPDIR: tests/bats/cache.bats has it on a file system with neither O_TMPFILE nor hard links.
 */
#include "config.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "libimage/base/cleanup.h"
#include "libimage/base/err.h"
#include "libimage/base/fd.h"
#include "libimage/base/output.h"
#include "libimage/base/str.h"
#include "tests/unit/unit.h"

static char dir[256], file[300];

static void setup(void)
{
	const char *tmp = getenv("TMPDIR");

	(void)snprintf(dir, sizeof(dir), "%s/check_output.XXXXXX", tmp && tmp[0] ? tmp : "/tmp");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	(void)snprintf(file, sizeof(file), "%s/out", dir);
	(void)umask(022);
}

static void teardown(void)
{
	char command[320];

	(void)snprintf(command, sizeof(command), "rm -rf '%s'", dir);
	ck_assert_int_eq(system(command), 0);
}

static void put(const char *path, const char *text)
{
	cleanup_close int fd = open(path, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0644);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(fd_write_full(fd, text, strlen(text)), 0);
}

static void holds(const char *path, const char *text)
{
	cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC);
	char buf[64] = "";

	ck_assert_msg(fd >= 0, "'%s' is not there", path);
	ck_assert_int_ge(fd_read_full(fd, buf, sizeof(buf) - 1), 0);
	ck_assert_str_eq(buf, text);
}

/* How many names there are in 'dir' that start with 'start'. */
static int names(const char *start)
{
	DIR *d = opendir(dir);
	const struct dirent *e;
	int n = 0;

	ck_assert_ptr_nonnull(d);
	while ((e = readdir(d)))
		n += strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0 && str_after(e->d_name, start);
	(void)closedir(d);
	return n;
}

static void begin(struct output *o, bool force)
{
	struct berth_err err = BERTH_ERR_INIT;

	ck_assert_msg(output_open(o, file, 0666, force, &err) == 0, "%s", err.text);
	ck_assert_int_eq(fd_write_full(o->fd, "whole", 5), 0);
}

START_TEST(appears_whole)
{
	struct output o = OUTPUT_INIT;
	struct berth_err err = BERTH_ERR_INIT;
	int fds = unit_count_fds();
	struct stat st;

	begin(&o, _i == 1);
	ck_assert_int_eq(names("out"), 0);
	ck_assert_int_eq(names(""), o.temp[0] != '\0');
	ck_assert_msg(output_publish(&o, _i == 1, &err) == 0, "%s", err.text);
	holds(file, "whole");
	output_close(&o);
	output_close(&o);
	ck_assert_int_eq(names(""), 1);
	ck_assert_int_eq(stat(file, &st), 0);
	ck_assert_uint_eq(st.st_mode, S_IFREG | 0644);
	ck_assert_uint_eq(st.st_nlink, 1);
	ck_assert_int_eq(unit_count_fds(), fds);
}
END_TEST

START_TEST(replaces_at_the_end)
{
	struct output o = OUTPUT_INIT;
	struct berth_err err = BERTH_ERR_INIT;

	put(file, "old");
	begin(&o, true);
	holds(file, "old");
	ck_assert_int_eq(output_publish(&o, true, &err), 0);
	holds(file, "whole");
	output_close(&o);
	ck_assert_int_eq(names(""), 1);
}
END_TEST

START_TEST(dropped_leaves_nothing)
{
	struct output o = OUTPUT_INIT;
	int fds = unit_count_fds();

	put(file, "old");
	begin(&o, true);
	output_close(&o);
	holds(file, "old");
	ck_assert_int_eq(names(""), 1);
	ck_assert_int_eq(unit_count_fds(), fds);
}
END_TEST

/* What must stay stays, be it there before or put there meanwhile. */
START_TEST(keeps_what_is_there)
{
	struct output o = OUTPUT_INIT;
	struct berth_err err = BERTH_ERR_INIT;

	put(file, "old");
	ck_assert_int_eq(output_open(&o, file, 0666, false, &err), -1);
	ck_assert_int_eq(err.code, BERTH_EDENIED);
	ck_assert_ptr_nonnull(strstr(err.hint, "--force"));
	output_close(&o);
	ck_assert_int_eq(unlink(file), 0);

	o = (struct output)OUTPUT_INIT;
	begin(&o, false);
	put(file, "another's");
	ck_assert_int_eq(output_publish(&o, false, &err), -1);
	ck_assert_int_eq(err.code, BERTH_EDENIED);
	ck_assert_ptr_nonnull(strstr(err.text, "exists"));
	output_close(&o);
	holds(file, "another's");
	ck_assert_int_eq(names(""), 1);
}
END_TEST

static const struct {
	const char *path; /* below the scratch directory */
	bool force;
	enum berth_code code;
} refused[] = {
	{ "", false, BERTH_EUSAGE }, { "/", true, BERTH_EUSAGE }, { "/.", true, BERTH_EUSAGE },
	{ "/..", true, BERTH_EUSAGE }, { "/new/", true, BERTH_EUSAGE }, { "/sub", true, BERTH_EUSAGE },
	{ "/sub", false, BERTH_EUSAGE }, { "/sub/", true, BERTH_EUSAGE }, { "/fifo", true, BERTH_EUSAGE },
	{ "/no/x", true, BERTH_ESYS }, { "/file/x", true, BERTH_ESYS }, { "/dangling", false, BERTH_EDENIED },
	{ "/file", false, BERTH_EDENIED },
};

START_TEST(refusals)
{
	struct output o = OUTPUT_INIT;
	struct berth_err err = BERTH_ERR_INIT;
	int fds = unit_count_fds();
	char path[400];

	(void)snprintf(path, sizeof(path), "%s/sub", dir);
	ck_assert_int_eq(mkdir(path, 0755), 0);
	(void)snprintf(path, sizeof(path), "%s/fifo", dir);
	ck_assert_int_eq(mkfifo(path, 0600), 0);
	(void)snprintf(path, sizeof(path), "%s/dangling", dir);
	ck_assert_int_eq(symlink("/nowhere", path), 0);
	(void)snprintf(path, sizeof(path), "%s/file", dir);
	put(path, "old");
	(void)snprintf(path, sizeof(path), "%s%s", dir, refused[_i].path);
	ck_assert_int_eq(output_open(&o, _i == 0 ? "" : path, 0666, refused[_i].force, &err), -1);
	ck_assert_msg(err.code == refused[_i].code, "'%s': %d %s", refused[_i].path, err.code, err.text);
	output_close(&o);
	ck_assert_int_eq(names(""), 4);
	ck_assert_int_eq(unit_count_fds(), fds);
}
END_TEST

/* A link is replaced, not what it leads to. */
START_TEST(links_are_not_followed)
{
	struct output o = OUTPUT_INIT;
	struct berth_err err = BERTH_ERR_INIT;
	char other[320];

	(void)snprintf(other, sizeof(other), "%s/other", dir);
	put(other, "theirs");
	ck_assert_int_eq(symlink(other, file), 0);
	begin(&o, true);
	ck_assert_int_eq(output_publish(&o, true, &err), 0);
	output_close(&o);
	holds(other, "theirs");
	holds(file, "whole");
}
END_TEST

/* Who is killed leaves nothing, or, where a file must have a name, one that says whose it was. */
START_TEST(killed)
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		struct output o = OUTPUT_INIT;

		begin(&o, false);
		(void)kill(getpid(), SIGKILL);
		_exit(1);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	ck_assert_int_eq(names("out"), 0);
	ck_assert_int_eq(names(""), names(".berth-"));
	ck_assert_int_le(names(""), 1);
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("output");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, appears_whole, 0, 2);
	tcase_add_test(tc, replaces_at_the_end);
	tcase_add_test(tc, dropped_leaves_nothing);
	tcase_add_test(tc, keeps_what_is_there);
	tcase_add_loop_test(tc, refusals, 0, ARRAY_SIZE(refused));
	tcase_add_test(tc, links_are_not_followed);
	tcase_add_test(tc, killed);
	return unit_run("output", tc);
}
