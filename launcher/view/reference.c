/* SPDX-License-Identifier: BSD-3-Clause */
/* reference.c - names of images that are no paths; see reference.h. */
#include "config.h"

#include <string.h>

#include "launcher/view/reference.h"
#include "libimage/base/cleanup.h"
#include "libimage/base/err.h"
#include "libimage/base/str.h"

#define PULL "'berth pull' makes a SIF file of it; then name that file"
#define BUILD "'berth build' makes a SIF file of it; then name that file"
#define ELSE "fetch and convert it with another tool, then name the SIF file"

/* What other runtimes take in an image's place, where such an image is, and what makes a file of it. */
static const struct {
	const char *prefix, *where, *mend;
} elsewhere[] = {
	{ "docker:", "in a registry", PULL },
	{ "oras:", "in a registry", PULL },
	{ "library:", "in a library service", ELSE },
	{ "shub:", "at Singularity Hub", ELSE },
	{ "http:", "on a web server", ELSE },
	{ "https:", "on a web server", ELSE },
	{ "docker-daemon:", "in a Docker daemon", "'docker save' it, and 'berth build' a SIF file of that" },
	{ "oci-archive:", "in an OCI archive", BUILD },
	{ "docker-archive:", "in a Docker archive", BUILD },
	{ "oci:", "in an OCI layout", BUILD },
	{ "instance:", "a running instance", "'berth enter' goes where a running program is" },
};

int reference_refuse(const char *text, struct berth_err *err)
{
	const char *scheme = strstr(text, "://"), *where = NULL, *mend = ELSE;

	for (size_t i = 0; i < ARRAY_SIZE(elsewhere) && !where; i++)
		if (str_after(text, elsewhere[i].prefix)) {
			where = elsewhere[i].where;
			mend = elsewhere[i].mend;
		}
	/* "ftp://x", but no path that has "://" further in. */
	if (!where && scheme && scheme != text && !memchr(text, '/', (size_t)(scheme - text)))
		where = "nothing that Berth knows";
	if (!where)
		return 0;
	berth_fail(err, BERTH_ENOTFOUND, 0,
		   "'%.150s' is %s: this version of Berth runs SIF and squashfs files, directories and images of "
		   "registries, as docker://HOST/NAME:TAG", text, where);
	return berth_hint(err, "%s", mend);
}

bool reference_is_fetched(const char *text)
{
	return str_after(text, "docker://") != NULL;
}
