/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * main.c - the berth command: flags before the subcommand, then the subcommand.
 *
 * Runs as:  the calling user; never setuid (it refuses to be).
 */
#include "config.h"
#include "paths.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>

#include "launcher/cli/absent.h"
#include "launcher/cli/cli.h"
#include "launcher/cli/persona.h"
#include "launcher/cli/status.h"
#include "libimage/base/cleanup.h"
#include "libimage/base/err.h"
#include "libimage/base/log.h"

/*
 * Descriptors 0 to 2 that the caller closed are taken by /dev/null, so that no image or
 * namespace is opened as the program's standard output.
 */
static int open_std(void)
{
	for (;;) {
		int fd = open("/dev/null", O_RDWR);

		if (fd < 0)
			return -1;
		if (fd > STDERR_FILENO)
			return close(fd);
	}
}

static bool is(const char *word, const char *one, const char *other)
{
	return strcmp(word, one) == 0 || strcmp(word, other) == 0;
}

/* Messages as Apptainer counts their kinds: -4 and -3 errors, -2 warnings, -1 log, 1 info, 2 to 5 more. */
static int level_from_env(struct berth_err *err)
{
	static const char *const names[] = { "BERTH_MESSAGELEVEL", "APPTAINER_MESSAGELEVEL",
					     "SINGULARITY_MESSAGELEVEL" };
	const char *text = NULL;
	size_t i = 0;

	for (; i < ARRAY_SIZE(names); i++) {
		text = getenv(names[i]);
		if (text && text[0] != '\0')
			break;
	}
	if (i == ARRAY_SIZE(names))
		return 0;
	if (!((text[0] >= '0' && text[0] <= '5' && text[1] == '\0') ||
	      (text[0] == '-' && text[1] >= '1' && text[1] <= '4' && text[2] == '\0')))
		return berth_fail(err, BERTH_EUSAGE, 0, "%s: '%.100s' is not a number from -4 to 5", names[i], text);
	cli_global = (struct cli_global){ .quiet = text[0] == '-', .verbose = text[0] >= '2' };
	return 0;
}

/* The flags before the subcommand. Returns its index, or -1 with the exit status in 'ret'. */
static int global_flags(int argc, char **argv, int *ret)
{
	struct berth_err err = BERTH_ERR_INIT;
	int i;

	for (i = 1; i < argc && argv[i][0] == '-'; i++) {
		char *alone[] = { argv[0], NULL };
		const char *word = argv[i];

		if (is(word, "-v", "--verbose") || is(word, "-d", "--debug")) {
			cli_global = (struct cli_global){ .verbose = true };
		} else if (is(word, "-q", "--quiet") || is(word, "-s", "--silent")) {
			cli_global = (struct cli_global){ .quiet = true };
		} else if (is(word, "--nocolor", "--nocolour")) {
			continue; /* there is none */
		} else if (is(word, "-c", "--config") || strncmp(word, "--config=", 9) == 0) {
			i += word[1] == 'c' || word[8] == '\0';
			log_line(LOG_WARN, "%s is left out: the site's settings are in " BERTH_CONF, word);
		} else if (is(word, "-h", "--help")) {
			*ret = cmd_help(1, alone);
			return -1;
		} else if (strcmp(word, "--version") == 0) {
			*ret = cmd_version(1, alone);
			return -1;
		} else {
			(void)absent_option(NULL, word, &err);
			*ret = cli_fail(NULL, &err);
			return -1;
		}
	}
	return i;
}

int main(int argc, char **argv)
{
	struct berth_err err = BERTH_ERR_INIT;
	const struct command *c;
	int at, status = STATUS_FAILED;

	/* Nobody who starts a program by its name leaves argv empty; who does is up to something. */
	if (argc < 1 || !argv[0] || open_std() < 0)
		return STATUS_FAILED;
	persona_set(argv[0]);
	cli_log_level(false, false);
	if (getauxval(AT_SECURE)) {
		berth_fail(&err, BERTH_EDENIED, 0, "berth must be neither setuid nor setgid");
		berth_hint(&err, "remove the bits and file capabilities from the program");
		return cli_fail(NULL, &err);
	}
	if (level_from_env(&err) < 0)
		return cli_fail(NULL, &err);
	if (persona_runs_image(argv[0])) {
		static char run[] = "run";

		cli_log_level(cli_global.verbose, cli_global.quiet);
		argv[0] = run;
		return cmd_run(argc, argv);
	}
	at = global_flags(argc, argv, &status);
	if (at < 0)
		return status;
	cli_log_level(cli_global.verbose, cli_global.quiet);
	if (at >= argc) {
		berth_fail(&err, BERTH_EUSAGE, 0, "no command given");
		return cli_fail(NULL, &err);
	}
	c = command_find(argv[at]);
	if (!c) {
		(void)command_unknown(argv[at], &err);
		return cli_fail(NULL, &err);
	}
	if (at + 1 < argc && (strcmp(argv[at + 1], "--help") == 0 || strcmp(argv[at + 1], "-h") == 0)) {
		char help[] = "help", *words[] = { help, argv[at], NULL };

		return cmd_help(2, words);
	}
	return c->run(argc - at, argv + at);
}
