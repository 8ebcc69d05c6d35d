/* SPDX-License-Identifier: BSD-3-Clause */
/* commands.c - the table of subcommands and what they share; see cli.h. */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "launcher/cli/cli.h"
#include "launcher/cli/status.h"
#include "libimage/base/cleanup.h"
#include "libimage/base/err.h"
#include "libimage/base/log.h"

const struct command commands[] = {
	{ "exec", "[OPTIONS] IMAGE PROGRAM [ARG...]", "run a program inside an image", cmd_exec },
	{ "run", "[OPTIONS] IMAGE [ARG...]", "run what the image's author chose", cmd_run },
	{ "shell", "[OPTIONS] IMAGE", "work in an image at a prompt", cmd_shell },
	{ "build", "[--force] [--keep-owner] IMAGE.sif DIR", "make an image of a directory", cmd_build },
	{ "inspect", "[--json] IMAGE", "list what an image holds", cmd_inspect },
	{ "help", "[COMMAND]", "explain a command", cmd_help },
	{ "version", "", "print the version", cmd_version },
};
const size_t command_count = ARRAY_SIZE(commands);

struct cli_global cli_global;

const struct command *command_find(const char *name)
{
	for (size_t i = 0; i < command_count; i++)
		if (strcmp(commands[i].name, name) == 0)
			return &commands[i];
	return NULL;
}

void cli_log_level(bool verbose, bool quiet)
{
	log_init("berth", quiet ? LOG_ERROR : verbose ? LOG_DETAIL : LOG_NOTE);
}

int cli_fail(const char *command, struct berth_err *err)
{
	if (err->code == BERTH_EUSAGE && err->hint[0] == '\0')
		berth_hint(err, "see: berth help%s%s", command ? " " : "", command ? command : "");
	log_err(err);
	return status_of(err->code);
}

int cli_flush(void)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return STATUS_OK;
	log_line(LOG_ERROR, "cannot write to standard output: %s", strerror(errno));
	return STATUS_FAILED;
}
