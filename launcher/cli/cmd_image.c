/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * cmd_image.c - build and inspect, by way of berth-image.
 *
 * They need libsquashfs and through it four libraries of compression. Linked into berth itself
 * these cost every exec, which uses none of them, 0.25 ms of loading, where starting and
 * ending an empty program takes 0.6 ms. So they live in a program of their own.
 */
#include "config.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "launcher/cli/cli.h"
#include "libimage/base/cleanup.h"
#include "libimage/base/err.h"

/* Becomes "berth-image LEVEL COMMAND ARG..." (image_main.c). */
int cmd_image(int argc, char **argv)
{
	static char path[] = BERTH_LIBEXEC "/berth-image";
	static char verbose[] = "verbose", quiet[] = "quiet", usual[] = "usual";
	cleanup_free char **words = calloc((size_t)argc + 3, sizeof(*words));
	struct berth_err err = BERTH_ERR_INIT;

	if (!words) {
		berth_fail(&err, BERTH_ESYS, ENOMEM, "cannot read the command line");
		return cli_fail(argv[0], &err);
	}
	words[0] = path;
	words[1] = cli_global.verbose ? verbose : cli_global.quiet ? quiet : usual;
	memcpy(words + 2, argv, (size_t)argc * sizeof(*words));
	(void)execv(path, words);
	berth_fail(&err, BERTH_ESYS, errno, "cannot run '%s'", path);
	berth_hint(&err, "is Berth installed as a whole?");
	return cli_fail(argv[0], &err);
}
