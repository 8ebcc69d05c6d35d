/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * script-eval.c - run a script as launcher/view/script.h does, for a comparison with shells.
 *
 *   script-eval FILE...   the variables that are exported after the scripts, NAME=VALUE and a NUL
 *                         each, sorted; 2 where one is not plain, with why on standard error
 *
 * Starts with PATH, HOME and ROOT, as tests/bats/environment.bats gives them to the shells.
 */
#include "config.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "launcher/view/script.h"
#include "libimage/base/cleanup.h"
#include "libimage/base/err.h"
#include "libimage/base/fd.h"

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct script_var *)a)->name, ((const struct script_var *)b)->name);
}

/* Returns 1, 0: not plain, -1. */
static int run(const char *path, struct script_vars *vars)
{
	struct berth_err err = BERTH_ERR_INIT;
	cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC);
	cleanup_free char *text = NULL;
	struct script_odd odd;
	struct stat st;
	int rc;

	if (fd < 0 || fstat(fd, &st) < 0)
		return -1;
	text = malloc((size_t)st.st_size + 1);
	if (!text || fd_pread_full(fd, text, (size_t)st.st_size, 0) < 0)
		return -1;
	rc = script_run(text, (size_t)st.st_size, vars, &odd, &err);
	if (rc == 0)
		(void)fprintf(stderr, "%s: line %u: %s\n", path, odd.line, odd.what);
	return rc;
}

int main(int argc, char **argv)
{
	cleanup(script_vars_done) struct script_vars vars = SCRIPT_VARS_INIT;
	struct berth_err err = BERTH_ERR_INIT;

	if (script_vars_set(&vars, "PATH", "/usr/bin:/bin", true, &err) < 0 ||
	    script_vars_set(&vars, "HOME", "/home/x y", true, &err) < 0 ||
	    script_vars_set(&vars, "ROOT", "/a*b", true, &err) < 0)
		return 1;
	for (int i = 1; i < argc; i++) {
		int rc = run(argv[i], &vars);

		if (rc <= 0)
			return rc == 0 ? 2 : 1;
	}
	qsort(vars.v, vars.n, sizeof(*vars.v), by_name);
	for (size_t i = 0; i < vars.n; i++)
		if (vars.v[i].exported && vars.v[i].value)
			(void)printf("%s=%s%c", vars.v[i].name, vars.v[i].value, '\0');
	return 0;
}
