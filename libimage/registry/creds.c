/* SPDX-License-Identifier: BSD-3-Clause */
/* creds.c - who the user is at a registry; see place.h. */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "libimage/base/cleanup.h"
#include "libimage/registry/helper.h"
#include "libimage/registry/place.h"

static bool is_something(const struct credential *c)
{
	return c->password || c->identity_token || c->registry_token;
}

/* A helper of the file comes before what the file itself has; one that has nothing is no error. */
static int from_helper(struct credential *c, struct berth_err *err)
{
	struct credential told = { 0 };
	int rc;

	if (c->helper[0] == '\0')
		return 0;
	rc = helper_get(c->helper, c->helper_key, &told, err);
	if (rc == 1) {
		credential_done(c);
		*c = told;
	}
	return rc;
}

static int from_file(const char *path, const struct place *p, struct credential *ret, struct berth_err *err)
{
	cleanup(authfile_freep) struct authfile *file = NULL;
	int rc;

	if (authfile_load(path, &file, err) < 0)
		return -1;
	rc = authfile_find(file, p->host, p->repo, ret, err);
	if (rc == 1)
		rc = from_helper(ret, err) < 0 ? -1 : is_something(ret);
	if (rc < 1)
		credential_done(ret);
	return rc < 0 ? berth_context(err, "'%s'", path) : rc;
}

int creds_find(const struct registry *r, const struct place *p, struct credential *ret, struct berth_err *err)
{
	const char *const *files = r->opt.authfiles;

	*ret = (struct credential){ 0 };
	if (p->own && r->opt.password) {
		ret->user = strdup(r->opt.user ? r->opt.user : "");
		ret->password = strdup(r->opt.password);
		if (ret->user && ret->password)
			return 1;
		credential_done(ret);
		return berth_fail(err, BERTH_ESYS, ENOMEM, "cannot log in");
	}
	for (; files && *files; files++) {
		int rc = from_file(*files, p, ret, err);

		if (rc != 0)
			return rc;
	}
	return 0;
}
