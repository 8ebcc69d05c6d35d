/* SPDX-License-Identifier: BSD-3-Clause */
/* reference.c - names of images that are no paths; see reference.h. */
#include "config.h"

#include <string.h>

#include "launcher/view/reference.h"
#include "libimage/base/cleanup.h"
#include "libimage/base/err.h"
#include "libimage/base/str.h"

/* What other runtimes take in an image's place, and where such an image is. */
static const struct {
	const char *prefix, *where;
} elsewhere[] = {
	{ "docker:", "in a registry" },		      { "oras:", "in a registry" },
	{ "library:", "in a library service" },	      { "shub:", "at Singularity Hub" },
	{ "http:", "on a web server" },		      { "https:", "on a web server" },
	{ "docker-daemon:", "in a Docker daemon" },   { "oci-archive:", "in an OCI archive" },
	{ "docker-archive:", "in a Docker archive" }, { "oci:", "in an OCI layout" },
	{ "instance:", "a running instance" },
};

int reference_refuse(const char *text, struct berth_err *err)
{
	const char *scheme = strstr(text, "://"), *where = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(elsewhere) && !where; i++)
		if (str_after(text, elsewhere[i].prefix))
			where = elsewhere[i].where;
	/* "ftp://x", but no path that has "://" further in. */
	if (!where && scheme && scheme != text && !memchr(text, '/', (size_t)(scheme - text)))
		where = "nothing that Berth knows";
	if (!where)
		return 0;
	berth_fail(err, BERTH_ENOTFOUND, 0,
		   "'%.150s' is %s: this version of Berth runs SIF and squashfs files, directories and images of "
		   "registries, as docker://HOST/NAME:TAG", text, where);
	return berth_hint(err, "fetch and convert it with another tool, then name the SIF file; a directory "
			       "becomes one with 'berth build'");
}

bool reference_is_fetched(const char *text)
{
	return str_after(text, "docker://") != NULL;
}
