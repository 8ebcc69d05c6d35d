/* SPDX-License-Identifier: BSD-3-Clause */
/* commands.c - the table of subcommands; see cli.h. */
#include "config.h"

#include <string.h>

#include "launcher/cli/cli.h"
#include "libimage/base/cleanup.h"

const struct command commands[] = {
	{ "exec", "[OPTIONS] IMAGE PROGRAM [ARG...]", "run a program inside an image", cmd_exec },
	{ "run", "[OPTIONS] IMAGE [ARG...]", "run what the image's author chose", cmd_run },
	{ "shell", "[OPTIONS] IMAGE", "work in an image at a prompt", cmd_shell },
	{ "build", "[--force] [--keep-owner] IMAGE.sif DIR", "make an image of a directory", cmd_image },
	{ "inspect", "[--json] IMAGE", "list what an image holds", cmd_image },
	{ "doctor", "[--json] [IMAGE]", "say what of this host or an image stands in the way", cmd_doctor },
	{ "help", "[COMMAND]", "explain a command", cmd_help },
	{ "version", "", "print the version", cmd_version },
};
const size_t command_count = ARRAY_SIZE(commands);

const struct command *command_find(const char *name)
{
	for (size_t i = 0; i < command_count; i++)
		if (strcmp(commands[i].name, name) == 0)
			return &commands[i];
	return NULL;
}
