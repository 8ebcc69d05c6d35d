/* SPDX-License-Identifier: BSD-3-Clause */
/* resolve.c - berth-image gets the image of a command; see resolve.h. */
#include "config.h"
#include "paths.h"

#include <errno.h>
#include <string.h>
#include <sys/wait.h>

#include "launcher/cli/persona.h"
#include "launcher/cli/resolve.h"
#include "launcher/cli/status.h"
#include "launcher/view/spec.h"
#include "libimage/base/capture.h"
#include "libimage/base/cleanup.h"
#include "libimage/base/err.h"

/* It printed no file. */
static int refused(const char *reference, int status, bool *told, struct berth_err *err)
{
	if (WIFSIGNALED(status))
		return berth_fail(err, BERTH_ENET, 0, "'%.150s': berth-image was ended by signal %d", reference,
				  WTERMSIG(status));
	*told = true;
	return berth_fail(err, WEXITSTATUS(status) == STATUS_USAGE ? BERTH_EUSAGE : BERTH_ENET, 0,
			  "'%.150s' did not become a file", reference);
}

int resolve_image(const char *reference, struct room_spec *spec, struct capture *ret, bool *told,
		  struct berth_err *err)
{
	cleanup(strlist_done) struct strlist words = STRLIST_INIT;
	int rc;

	strlist_add(&words, persona()->name);
	if (spec->verbose || spec->quiet)
		strlist_add(&words, spec->quiet ? "-q" : "-v");
	strlist_add(&words, "resolve");
	if (spec->no_https)
		strlist_add(&words, "--no-https");
	if (spec->disable_cache)
		strlist_add(&words, "--disable-cache");
	if (spec->authfile) {
		strlist_add(&words, "--authfile");
		strlist_add(&words, spec->authfile);
	}
	strlist_add(&words, "--");
	strlist_add(&words, reference);
	if (!strlist_ok(&words))
		return berth_fail(err, BERTH_ESYS, ENOMEM, "cannot ask for '%.200s'", reference);
	rc = capture_begin(BERTH_LIBEXEC "/berth-image", words.v, ret, err);
	if (rc < 0)
		return -1;
	if (rc == 0)
		return refused(reference, ret->status, told, err);
	free(spec->image);
	spec->image = strdup(ret->line);
	if (!spec->image)
		return berth_fail(err, BERTH_ESYS, ENOMEM, "cannot keep the image's name");
	return 0;
}
