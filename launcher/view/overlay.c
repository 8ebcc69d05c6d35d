/* SPDX-License-Identifier: BSD-3-Clause */
/* overlay.c - the text of --overlay; see overlay.h. */
#include "config.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "launcher/view/overlay.h"
#include "libimage/base/cleanup.h"
#include "libimage/base/err.h"
#include "libimage/base/path.h"
#include "libimage/base/str.h"

void overlay_list_done(struct overlay_list *l)
{
	for (size_t i = 0; i < l->n; i++)
		free(l->v[i].path);
	l->n = 0;
}

/* Cut ":ro" or ":rw" off the end of 'path'. */
static bool take_mode(char *path)
{
	size_t n = strlen(path);

	if (n < 3 || path[n - 3] != ':' || path[n - 2] != 'r' || (path[n - 1] != 'o' && path[n - 1] != 'w'))
		return false;
	path[n - 3] = '\0';
	return path[n - 1] == 'o';
}

static int add(char *text, const char *cwd, struct overlay_list *list, struct berth_err *err)
{
	bool readonly = take_mode(text);
	char *path;

	if (text[0] == '\0')
		return berth_fail(err, BERTH_EUSAGE, 0, "an overlay without a path");
	if (text[0] != '/' && (!cwd || cwd[0] != '/')) {
		berth_fail(err, BERTH_EUSAGE, 0, "'%.200s' is relative to a directory that is gone", text);
		return berth_hint(err, "name the overlay by its absolute path");
	}
	if (list->n == OVERLAYS_MAX)
		return berth_fail(err, BERTH_EUSAGE, 0, "more than %d overlays", OVERLAYS_MAX);
	path = text[0] == '/' ? strdup(text) : path_join(cwd, text);
	if (!path)
		return berth_fail(err, BERTH_ESYS, ENOMEM, "cannot keep an overlay");
	path_tidy(path);
	list->v[list->n++] = (struct overlay){ .path = path, .readonly = readonly };
	if (strlen(path) >= PATH_MAX)
		return berth_fail(err, BERTH_EUSAGE, ENAMETOOLONG, "the overlay '%.100s...'", path);
	return 0;
}

int overlay_parse_list(const char *text, const char *cwd, struct overlay_list *list, struct berth_err *err)
{
	cleanup_free char *one = malloc(strlen(text) + 1);
	size_t n = 0;

	if (!one)
		return berth_fail(err, BERTH_ESYS, ENOMEM, "cannot keep an overlay");
	for (const char *p = text;; p++) {
		if (p[0] == '\\' && p[1] == ',') {
			one[n++] = *++p;
			continue;
		}
		if (*p != '\0' && *p != ',') {
			one[n++] = *p;
			continue;
		}
		one[n] = '\0';
		if (n > 0 && add(one, cwd, list, err) < 0)
			return -1;
		n = 0;
		if (*p == '\0')
			return 0;
	}
}
