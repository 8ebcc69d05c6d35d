/* SPDX-License-Identifier: BSD-3-Clause */
/* fetch_temporary.c - an image that nobody keeps; see fetch_temporary.h. */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "launcher/cli/fetch_temporary.h"
#include "launcher/cli/setting.h"
#include "libimage/base/cleanup.h"
#include "libimage/base/err.h"
#include "libimage/base/path.h"
#include "libimage/ref/image_ref.h"

static int make_dir(const struct fetch_options *o, struct fetch_temporary *t, struct berth_err *err)
{
	const char *named = o->tmpdir ? o->tmpdir : setting("TMPDIR", NULL);
	cleanup_free char *top = NULL;

	if (!named)
		named = getenv("TMPDIR");
	if (!named || named[0] == '\0')
		named = "/tmp";
	top = realpath(named, NULL);
	if (!top)
		return berth_fail(err, BERTH_ENOTFOUND, errno, "cannot make a temporary image in '%.200s'", named);
	t->dir = path_join(top, "berth-XXXXXX");
	if (!t->dir)
		return berth_fail(err, BERTH_ESYS, ENOMEM, "cannot make a temporary image");
	if (mkdtemp(t->dir))
		return 0;
	berth_fail(err, BERTH_ESYS, errno, "cannot make a temporary image in '%.200s'", top);
	free(t->dir);
	t->dir = NULL;
	return -1;
}

int fetch_temporary_get(const char *text, const struct fetch_options *o, struct fetch_temporary *ret,
			struct berth_err *err)
{
	cleanup(image_ref_done) struct image_ref ref = { 0 };
	cleanup(fetch_done) struct fetch f = FETCH_INIT;
	cleanup_free char *name = NULL;
	struct pull_result res = { 0 };

	if (image_ref_parse(text, &ref, err) < 0 || fetch_refuse(&ref, text, err) < 0 ||
	    fetch_open(&f, &ref, o, err) < 0 || make_dir(o, ret, err) < 0)
		return -1;
	name = image_ref_default_name(&ref);
	ret->path = name ? path_join(ret->dir, name) : NULL;
	if (!ret->path)
		return berth_fail(err, BERTH_ESYS, ENOMEM, "cannot name the image's file");
	if (pull_to_file(&f.pull, ret->path, false, &res, err) < 0)
		return berth_context(err, "'%.150s'", text);
	return fetch_check_path(ret->path, err);
}

void fetch_temporary_done(struct fetch_temporary *t)
{
	if (t->path)
		(void)unlink(t->path);
	if (t->dir)
		(void)rmdir(t->dir);
	free(t->path);
	free(t->dir);
	memset(t, 0, sizeof(*t));
}
