/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * image_main.c - berth-image: the subcommands about image files and the store, see cmd_image.c.
 *
 * Runs as:  the calling user, started by berth, which has checked descriptors and rights.
 */
#include "config.h"
#include "paths.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "launcher/cli/cli.h"
#include "launcher/cli/persona.h"
#include "launcher/cli/status.h"
#include "libimage/base/cleanup.h"
#include "libimage/base/err.h"

static const struct {
	const char *name;
	int (*run)(int argc, char **argv);
} image_commands[] = {
	{ "build", cmd_build },
	{ "cache", cmd_cache },
	{ "create", cmd_create },
	{ "export", cmd_export },
	{ "import", cmd_import },
	{ "inspect", cmd_inspect },
	{ "pull", cmd_pull },
	{ "push", cmd_push },
	{ "registry", cmd_registry },
	{ "resolve", cmd_resolve },
	{ "run-help", cmd_run_help },
	{ "sif", cmd_sif },
};

/* The help is made from berth's tables, which this program does not have. */
int cmd_help(int argc, char **argv)
{
	static char path[] = BERTH_BINDIR "/berth";
	struct berth_err err = BERTH_ERR_INIT;

	(void)argc;
	(void)execv(path, argv);
	berth_fail(&err, BERTH_ENOTFOUND, errno, "cannot start '%s'", path);
	return cli_fail(NULL, &err);
}

int main(int argc, char **argv)
{
	struct berth_err err = BERTH_ERR_INIT;
	int at = 1;

	/* A limit on files' sizes is an error like a full disk, not a death that leaves files behind. */
	(void)signal(SIGXFSZ, SIG_IGN);
	if (argc > 0)
		persona_set(argv[0]);
	if (argc > 1 && strcmp(argv[1], "-v") == 0)
		cli_global.verbose = true;
	else if (argc > 1 && strcmp(argv[1], "-q") == 0)
		cli_global.quiet = true;
	at += cli_global.verbose || cli_global.quiet;
	cli_log_level(cli_global.verbose, cli_global.quiet);
	for (size_t i = 0; at < argc && i < ARRAY_SIZE(image_commands); i++)
		if (strcmp(argv[at], image_commands[i].name) == 0)
			return image_commands[i].run(argc - at, argv + at);
	berth_fail(&err, BERTH_EUSAGE, 0, "berth-image is started by berth");
	berth_hint(&err, "see: berth help");
	return cli_fail(NULL, &err);
}
