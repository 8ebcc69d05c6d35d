/* SPDX-License-Identifier: BSD-3-Clause */
/* image.c - the image as a user names it; see image.h. */
#include "config.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

#include "launcher/cli/image.h"
#include "launcher/view/reference.h"
#include "libimage/base/cleanup.h"
#include "libimage/base/err.h"
#include "libimage/base/path.h"

int image_path(const char *text, const char *cwd, char **ret, struct berth_err *err)
{
	char *path;

	if (text[0] == '\0')
		return berth_fail(err, BERTH_EUSAGE, 0, "the image's name is empty");
	if (reference_refuse(text, err) < 0)
		return -1;
	if (text[0] != '/' && (!cwd || cwd[0] != '/')) {
		berth_fail(err, BERTH_EUSAGE, 0, "'%.200s' is relative to a directory that is gone", text);
		return berth_hint(err, "name the image by its absolute path");
	}
	path = path_from(text[0] == '/' ? "/" : cwd, text);
	if (!path)
		return berth_fail(err, BERTH_ESYS, ENOMEM, "cannot keep the image's name");
	if (strlen(path) >= PATH_MAX) {
		free(path);
		return berth_fail(err, BERTH_EUSAGE, ENAMETOOLONG, "'%.200s...'", text);
	}
	*ret = path;
	return 0;
}
