/* SPDX-License-Identifier: BSD-3-Clause */
/* runscript.c - which script of an image to start; see runscript.h. */
#include "config.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "launcher/cli/runscript.h"
#include "libimage/base/cleanup.h"
#include "libimage/base/err.h"

/* In the order in which they are looked for. */
static const struct {
	const char *command, *path;
} scripts[] = {
	{ "run", "/.singularity.d/runscript" },
	{ "run", "/singularity" }, /* before Singularity 2.3 */
	{ "test", "/.singularity.d/test" },
};

static bool executable(const char *path)
{
	return faccessat(AT_FDCWD, path, X_OK, AT_EACCESS) == 0;
}

int runscript_find(const struct room_spec *spec, const char *command, char out[PATH_MAX],
		   struct berth_err *err)
{
	if (spec->app) {
		(void)snprintf(out, PATH_MAX, "/scif/apps/%s/scif/%s", spec->app,
			       strcmp(command, "run") == 0 ? "runscript" : command);
		if (executable(out))
			return 1;
		return berth_fail(err, BERTH_ENOTFOUND, 0, "the app '%s' has nothing to %s", spec->app, command);
	}
	for (size_t i = 0; i < ARRAY_SIZE(scripts); i++) {
		if (strcmp(scripts[i].command, command) != 0 || !executable(scripts[i].path))
			continue;
		(void)snprintf(out, PATH_MAX, "%s", scripts[i].path);
		return 1;
	}
	return 0;
}
