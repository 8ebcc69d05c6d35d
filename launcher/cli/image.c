/* SPDX-License-Identifier: BSD-3-Clause */
/* image.c - the image as a user names it; see image.h. */
#include "config.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

#include "launcher/cli/image.h"
#include "libimage/base/cleanup.h"
#include "libimage/base/err.h"
#include "libimage/base/path.h"
#include "libimage/base/str.h"

/* What other runtimes take in an image's place, and where such an image is. */
static const struct {
	const char *prefix, *where;
} elsewhere[] = {
	{ "docker://", "in a registry" },	   { "oras://", "in a registry" },
	{ "library://", "in a library service" },  { "shub://", "at Singularity Hub" },
	{ "http://", "on a web server" },	   { "https://", "on a web server" },
	{ "docker-daemon:", "in a Docker daemon" }, { "oci-archive:", "in an OCI archive" },
	{ "docker-archive:", "in a Docker archive" }, { "oci:", "in an OCI layout" },
	{ "instance://", "a running instance" },
};

static int refuse_reference(const char *text, struct berth_err *err)
{
	for (size_t i = 0; i < ARRAY_SIZE(elsewhere); i++) {
		if (!str_after(text, elsewhere[i].prefix))
			continue;
		berth_fail(err, BERTH_ENOTFOUND, 0,
			   "'%.150s' is %s: this version of berth runs SIF and squashfs files and directories",
			   text, elsewhere[i].where);
		return berth_hint(err, "fetch and convert it with another tool, then name the SIF file; a "
				       "directory becomes one with 'berth build'");
	}
	return 0;
}

/* 'cwd' with the leading "." and ".." of 'text' worked out, and what is left of 'text'. */
static char *climb(const char *cwd, const char *text)
{
	cleanup_free char *dir = strdup(cwd);

	if (!dir)
		return NULL;
	for (;;) {
		size_t n = strcspn(text, "/");

		if (n > 2 || n == 0 || strncmp(text, "..", n) != 0)
			break;
		if (n == 2) {
			char *slash = strrchr(dir, '/');

			slash[slash == dir ? 1 : 0] = '\0';
		}
		text += n;
		text += strspn(text, "/");
	}
	return path_join(dir, text);
}

int image_path(const char *text, const char *cwd, char **ret, struct berth_err *err)
{
	char *path;

	if (text[0] == '\0')
		return berth_fail(err, BERTH_EUSAGE, 0, "the image's name is empty");
	if (refuse_reference(text, err) < 0)
		return -1;
	if (text[0] != '/' && (!cwd || cwd[0] != '/')) {
		berth_fail(err, BERTH_EUSAGE, 0, "'%.200s' is relative to a directory that is gone", text);
		return berth_hint(err, "name the image by its absolute path");
	}
	path = text[0] == '/' ? strdup(text) : climb(cwd, text);
	if (!path)
		return berth_fail(err, BERTH_ESYS, ENOMEM, "cannot keep the image's name");
	path_tidy(path);
	if (strlen(path) >= PATH_MAX) {
		free(path);
		return berth_fail(err, BERTH_EUSAGE, ENAMETOOLONG, "'%.200s...'", text);
	}
	*ret = path;
	return 0;
}
