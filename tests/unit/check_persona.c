/* SPDX-License-Identifier: BSD-3-Clause */
/* check_persona.c - the names that berth answers to, and how its messages begin then. */
#include "config.h"

#include <ctype.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "launcher/cli/persona.h"
#include "libimage/base/cleanup.h"
#include "libimage/base/err.h"
#include "libimage/base/fd.h"
#include "libimage/base/log.h"
#include "tests/unit/unit.h"

static const struct {
	const char *argv0, *name, *prompt;
	bool marks;
} names[] = {
	{ "berth", "berth", "Berth> ", false },
	{ "/usr/bin/berth", "berth", "Berth> ", false },
	{ "apptainer", "apptainer", "Apptainer> ", true },
	{ "/opt/bin/apptainer", "apptainer", "Apptainer> ", true },
	{ "./singularity", "singularity", "Singularity> ", true },
	{ "/usr/bin/run-singularity", "apptainer", "Apptainer> ", true },
	{ "", "berth", "Berth> ", false },
	{ "/", "berth", "Berth> ", false },
	{ "Apptainer", "berth", "Berth> ", false },
	{ "apptainer2", "berth", "Berth> ", false },
	{ "apptainer/", "berth", "Berth> ", false },
	{ "/apptainer/berth", "berth", "Berth> ", false },
};

START_TEST(name)
{
	persona_set("singularity"); /* of before: nothing stays */
	persona_set(names[_i].argv0);
	ck_assert_str_eq(persona()->name, names[_i].name);
	ck_assert_str_eq(persona()->prompt, names[_i].prompt);
	ck_assert((persona()->marks != NULL) == names[_i].marks);
}
END_TEST

/* cwltool: "(.+) version ([0-9\.]+)", its number split at dots; snakemake: the last word as a version. */
START_TEST(version)
{
	const char *p;

	persona_set("singularity");
	p = strstr(persona()->version, " version ");
	ck_assert_ptr_nonnull(p);
	p += strlen(" version ");
	ck_assert_str_eq(p, persona()->number);
	for (int part = 0; part < 3; part++) {
		ck_assert(isdigit((unsigned char)*p));
		p += strspn(p, "0123456789");
		ck_assert_int_eq(*p, part < 2 ? '.' : '+');
		p++;
	}
	ck_assert_str_eq(p, "berth." PACKAGE_VERSION);
	ck_assert_ptr_null(strchr(persona()->number, ' '));
	persona_set("berth");
	ck_assert_str_eq(persona()->version, "berth " PACKAGE_VERSION);
}
END_TEST

/* What 'level' lets through of one line of each level and an error, with the marks of 'argv0'. */
static void say(const char *argv0, enum log_level level, char *out, size_t size)
{
	cleanup_close int kept = dup(STDERR_FILENO);
	struct berth_err err = BERTH_ERR_INIT;
	int pipe_fd[2];
	ssize_t n;

	ck_assert_int_eq(pipe2(pipe_fd, O_CLOEXEC), 0);
	ck_assert_int_ge(dup2(pipe_fd[1], STDERR_FILENO), 0);
	persona_set(argv0);
	log_marks(persona()->marks);
	log_init("berth", level);
	log_line(LOG_WARN, "w%c", '\x1b');
	log_line(LOG_NOTE, "n");
	log_line(LOG_DETAIL, "d");
	berth_fail(&err, BERTH_ESYS, 0, "e");
	berth_hint(&err, "h");
	log_err(&err);
	log_marks(NULL);
	ck_assert_int_ge(dup2(kept, STDERR_FILENO), 0);
	(void)close(pipe_fd[1]);
	n = fd_read_full(pipe_fd[0], out, size - 1);
	ck_assert_int_ge(n, 0);
	out[n] = '\0';
	(void)close(pipe_fd[0]);
}

START_TEST(messages)
{
	char got[256];

	say("berth", LOG_DETAIL, got, sizeof(got));
	ck_assert_str_eq(got, "berth: w\\x1b\nberth: n\nberth: d\nberth: e\nberth: hint: h\n");
	say("apptainer", LOG_DETAIL, got, sizeof(got));
	ck_assert_str_eq(got, "WARNING: w\\x1b\nINFO:    n\nVERBOSE: d\nFATAL:   e\nINFO:    hint: h\n");
	say("singularity", LOG_ERROR, got, sizeof(got));
	ck_assert_str_eq(got, "FATAL:   e\nINFO:    hint: h\n");
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("persona");

	tcase_add_loop_test(tc, name, 0, ARRAY_SIZE(names));
	tcase_add_test(tc, version);
	tcase_add_test(tc, messages);
	return unit_run("persona", tc);
}
