/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * cmd_image.c - the subcommands about image files: handed to berth-image.
 *
 * They are a program of their own because of what they link: the loader would map and relocate
 * libsquashfs and four compressors at every `berth exec`, which is half of what a start costs.
 */
#include "config.h"
#include "paths.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "launcher/cli/cli.h"
#include "launcher/cli/persona.h"
#include "libimage/base/cleanup.h"
#include "libimage/base/err.h"

enum { WORDS_BEFORE = 2 }; /* the program and a global flag */

int cmd_image(int argc, char **argv)
{
	static char path[] = BERTH_LIBEXEC "/berth-image", quiet[] = "-q", verbose[] = "-v";
	struct berth_err err = BERTH_ERR_INIT;
	cleanup_free char **words = calloc((size_t)argc + WORDS_BEFORE + 1, sizeof(*words));
	cleanup_free char *name = strdup(persona()->name); /* berth-image speaks as we do */
	size_t n = 0;

	if (!words || !name) {
		berth_fail(&err, BERTH_ESYS, ENOMEM, "cannot start '%s'", path);
		return cli_fail(argv[0], &err);
	}
	words[n++] = name;
	if (cli_global.quiet || cli_global.verbose)
		words[n++] = cli_global.quiet ? quiet : verbose;
	for (int i = 0; i < argc; i++)
		words[n++] = argv[i];
	(void)execv(path, words);
	berth_fail(&err, BERTH_ENOTFOUND, errno, "cannot start '%s'", path);
	berth_hint(&err, "Berth is not installed whole; ask the administrator");
	return cli_fail(argv[0], &err);
}
