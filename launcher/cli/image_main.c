/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * image_main.c - berth-image: the subcommands of berth that read and write image files.
 *
 * Runs as:  the calling user, started by berth (cmd_image.c); speaks as berth.
 */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "launcher/cli/cli.h"
#include "launcher/cli/status.h"
#include "libimage/base/cleanup.h"

static const struct {
	const char *name;
	int (*run)(int argc, char **argv);
} image_commands[] = {
	{ "build", cmd_build },
	{ "inspect", cmd_inspect },
};

int main(int argc, char **argv)
{
	if (argc < 3) {
		(void)fprintf(stderr, "berth-image is a part of berth, see berth(1)\n");
		return STATUS_USAGE;
	}
	cli_global.verbose = strcmp(argv[1], "verbose") == 0;
	cli_global.quiet = strcmp(argv[1], "quiet") == 0;
	cli_log_level(cli_global.verbose, cli_global.quiet);
	for (size_t i = 0; i < ARRAY_SIZE(image_commands); i++)
		if (strcmp(argv[2], image_commands[i].name) == 0)
			return image_commands[i].run(argc - 2, argv + 2);
	return STATUS_USAGE;
}
