/* SPDX-License-Identifier: BSD-3-Clause */
/* cmd_help.c - berth help [COMMAND], from the tables of commands and options. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "launcher/cli/cli.h"
#include "launcher/cli/flags.h"
#include "launcher/cli/persona.h"
#include "libimage/base/cleanup.h"
#include "libimage/base/err.h"

static void put_row(char letter, const char *name, const char *arg, const char *help)
{
	char left[80];

	(void)snprintf(left, sizeof(left), "%c%c%c --%s%s%s", letter ? '-' : ' ', letter ? letter : ' ',
		       letter ? ',' : ' ', name, arg ? " " : "", arg ? arg : "");
	(void)printf("  %-32s %s\n", left, help);
}

static void put_all(void)
{
	const char *name = persona()->name;

	(void)printf("Usage: %s [-v|-q] COMMAND ...\n\nRun programs inside container images.\n\n", name);
	for (size_t i = 0; i < command_count; i++)
		(void)printf("  %-12s%s\n", commands[i].name, commands[i].summary);
	(void)printf("\nOptions:\n");
	put_row('v', "verbose", NULL, "say what happens and how long it takes; so do -d, --debug");
	put_row('q', "quiet", NULL, "print errors only; so do -s, --silent");
	put_row('h', "help", NULL, "print this, or the help of a command");
	put_row(0, "version", NULL, "print the version");
	(void)printf("\nMore: %s help COMMAND; man 1 berth\nWhere something does not work: %s doctor\n", name, name);
}

static bool takes_options(const char *name)
{
	static const char *const enter[] = { "exec", "run", "shell", "test" };

	for (size_t i = 0; i < ARRAY_SIZE(enter); i++)
		if (strcmp(enter[i], name) == 0)
			return true;
	return false;
}

static bool has_locals(const char *name)
{
	for (size_t i = 0; i < flag_local_count; i++)
		if (strcmp(flag_locals[i].command, name) == 0)
			return true;
	return false;
}

static void put_command(const struct command *c)
{
	const char *name = persona()->name;

	(void)printf("Usage: %s %s%s%s\n\n%s %s: %s.\n", name, c->name, c->args[0] ? " " : "", c->args, name,
		     c->name, c->summary);
	if (takes_options(c->name))
		(void)printf("IMAGE is a SIF file, a squashfs file or a directory. All that follows it belongs "
			     "to\nthe program.\n");
	if (takes_options(c->name) || has_locals(c->name))
		(void)printf("\nOptions:\n");
	for (size_t i = 0; i < flag_local_count; i++)
		if (strcmp(flag_locals[i].command, c->name) == 0)
			put_row(flag_locals[i].letter, flag_locals[i].name, flag_locals[i].arg,
				flag_locals[i].help);
	if (!takes_options(c->name))
		return;
	for (size_t i = 0; i < option_count; i++)
		if (option_rows[i].faces & FACE_CLI)
			put_row(option_rows[i].letter, option_rows[i].name, option_rows[i].arg,
				option_rows[i].help);
	put_row('h', "help", NULL, "print this");
	(void)printf("\nVariables that do the same (what is given here wins, or is added):\n");
	for (size_t i = 0; i < option_count; i++)
		if (option_rows[i].faces & FACE_ENV)
			(void)printf("  --%-12s BERTH_%s, APPTAINER_%s, SINGULARITY_%s\n", option_rows[i].name,
				     option_rows[i].env, option_rows[i].env, option_rows[i].env);
}

int cmd_help(int argc, char **argv)
{
	struct berth_err err = BERTH_ERR_INIT;
	const struct command *c;

	if (argc < 2) {
		put_all();
		return cli_flush();
	}
	c = argc == 2 ? command_find(argv[1]) : NULL;
	if (!c) {
		if (argc > 2)
			berth_fail(&err, BERTH_EUSAGE, 0, "help takes one command");
		else
			(void)command_unknown(argv[1], &err);
		return cli_fail(NULL, &err);
	}
	put_command(c);
	return cli_flush();
}
