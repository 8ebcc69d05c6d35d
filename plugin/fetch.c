/* SPDX-License-Identifier: BSD-3-Clause */
/* fetch.c - an image of a registry, at submission; see fetch.h. */
#include "config.h"
#include "paths.h"

#include <stdlib.h>
#include <sys/wait.h>

#include "libimage/base/err.h"
#include "plugin/fetch.h"
#include "plugin/names.h"

static const char program[] = BERTH_LIBEXEC "/berth-image";

/* Its other settings, as BERTH_NO_HTTPS, berth-image takes from the same environment. */
int fetch_image(const char *reference, struct capture *ret, struct berth_err *err)
{
	char name[] = "berth", quiet[] = "-q", verbose[] = "-v", resolve[] = "resolve", end[] = "--";
	char *argv[] = { name, NULL, NULL, NULL, NULL, NULL };
	size_t n = 1;
	int rc;

	if (getenv(VAR_PREFIX "QUIET"))
		argv[n++] = quiet;
	else if (getenv(VAR_PREFIX "VERBOSE"))
		argv[n++] = verbose;
	argv[n++] = resolve;
	argv[n++] = end;
	argv[n++] = (char *)(size_t)reference; /* exec's argv is not const, but only read */
	rc = capture_begin(program, argv, ret, err);
	if (rc != 0)
		return rc;
	if (ret->status >= 0 && WIFSIGNALED(ret->status))
		return berth_fail(err, BERTH_ENET, 0, "'%.200s' was not got: signal %d", reference,
				  WTERMSIG(ret->status));
	berth_fail(err, BERTH_ENET, 0, "'%.200s' was not got from its registry", reference);
	return berth_hint(err, "what went wrong stands above; 'berth pull' tries the same by itself");
}
