/* SPDX-License-Identifier: BSD-3-Clause */
/* cmd_version.c - berth version, berth --version. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "launcher/cli/cli.h"
#include "launcher/cli/persona.h"
#include "libimage/base/err.h"

int cmd_version(int argc, char **argv)
{
	struct berth_err err = BERTH_ERR_INIT;

	if (argc > 1) {
		berth_fail(&err, BERTH_EUSAGE, 0, "%s takes no argument", argv[0]);
		return cli_fail("version", &err);
	}
	(void)printf("%s\n", strcmp(argv[0], "version") == 0 ? persona()->number : persona()->version);
	return cli_flush();
}
