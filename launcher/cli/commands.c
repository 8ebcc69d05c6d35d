/* SPDX-License-Identifier: BSD-3-Clause */
/* commands.c - the table of subcommands; see cli.h. */
#include "config.h"

#include <string.h>

#include "launcher/cli/absent.h"
#include "launcher/cli/cli.h"
#include "launcher/cli/nearest.h"
#include "libimage/base/cleanup.h"
#include "libimage/base/err.h"

const struct command commands[] = {
	{ "exec", "[OPTIONS] IMAGE PROGRAM [ARG...]", "run a program inside an image", cmd_exec },
	{ "run", "[OPTIONS] IMAGE [ARG...]", "run what the image's author chose", cmd_run },
	{ "shell", "[OPTIONS] IMAGE", "work in an image at a prompt", cmd_shell },
	{ "enter", "PID [PROGRAM [ARG...]]", "run a program where a running one is", cmd_enter },
	{ "test", "[OPTIONS] IMAGE [ARG...]", "run the test that the image's author wrote", cmd_test },
	{ "build", "[OPTIONS] OUT SOURCE", "make one form of an image of another", cmd_image },
	{ "pull", "[OPTIONS] [IMAGE.sif] docker://NAME|oras://NAME", "make a file of an image in a registry", cmd_image },
	{ "push", "[OPTIONS] IMAGE oras://NAME|docker://NAME", "send an image to a registry", cmd_image },
	{ "import", "[OPTIONS] IMAGE [TAR]", "make an image of an archive", cmd_image },
	{ "export", "[OPTIONS] IMAGE [TAR]", "make an archive of an image", cmd_image },
	{ "create", "DIR/", "make an empty directory for 'import'", cmd_image },
	{ "inspect", "[OPTIONS] IMAGE", "list what an image holds", cmd_image },
	{ "run-help", "[--app NAME] IMAGE", "print what the image's author wrote about its use", cmd_image },
	{ "sif", "list|header|info|dump|new|add|del|setprim [OPTIONS] [ID] FILE.sif [FILE]",
	  "look into a SIF file, or change what it holds", cmd_image },
	{ "registry", "login|logout|list [OPTIONS] [HOST]", "say who you are to a registry", cmd_image },
	{ "cache", "list|info|clean|verify|path [OPTIONS]", "show or clean what was downloaded and converted",
	  cmd_image },
	{ "config", "show", "print the site's settings that are in effect", cmd_config },
	{ "completion", "bash|zsh|fish", "print what makes a shell complete berth's words", cmd_completion },
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

int command_unknown(const char *name, struct berth_err *err)
{
	struct nearest near = { .word = name };

	(void)absent_command(name, err);
	if (err->hint[0] != '\0')
		return -1;
	for (size_t i = 0; i < command_count; i++)
		nearest_look(&near, commands[i].name);
	if (!near.found)
		return -1;
	return berth_fail(err, BERTH_EUSAGE, 0, "unknown command '%.100s': did you mean '%s'?", name, near.found);
}
