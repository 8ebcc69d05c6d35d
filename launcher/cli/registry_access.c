/* SPDX-License-Identifier: BSD-3-Clause */
/* registry_access.c - how a registry is spoken to here; see registry_access.h. */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

#include "launcher/cli/registry_access.h"
#include "launcher/cli/setting.h"
#include "libimage/base/cleanup.h"
#include "libimage/base/err.h"
#include "libimage/base/path.h"

static void add_file(struct strlist *l, const char *dir, const char *name)
{
	cleanup_free char *path = dir && dir[0] == '/' ? path_join(dir, name) : NULL;

	if (path)
		strlist_add(l, path);
}

static void add_files(struct strlist *l, const char *authfile)
{
	const char *home = getenv("HOME"), *config = getenv("DOCKER_CONFIG");
	const char *named = authfile ? authfile : setting("AUTHFILE", "AUTH_FILE");

	if (!named)
		named = getenv("REGISTRY_AUTH_FILE");
	if (named && named[0] != '\0') {
		strlist_add(l, named);
		return;
	}
	if (config && config[0] != '\0')
		add_file(l, config, "config.json");
	else
		add_file(l, home, ".docker/config.json");
	add_file(l, home, ".apptainer/docker-config.json");
	add_file(l, home, ".singularity/docker-config.json");
	add_file(l, getenv("XDG_RUNTIME_DIR"), "containers/auth.json");
}

char *registry_access_file(const char *authfile)
{
	cleanup(strlist_done) struct strlist l = STRLIST_INIT;

	add_files(&l, authfile);
	return strlist_ok(&l) && l.n > 0 ? strdup(l.v[0]) : NULL;
}

/* The lists of strings that registry.h wants are what strlists are, once anything is in them. */
static const char *const *list(const struct strlist *l)
{
	return l->n > 0 ? (const char *const *)l->v : NULL;
}

int registry_access_get(const char *host, const char *authfile, bool plain_http, struct registry_access *ret,
			struct berth_err *err)
{
	const char *ca = getenv("SSL_CERT_FILE");

	*ret = (struct registry_access){ .opt.cancel_fd = -1 };
	if (prctl(PR_SET_DUMPABLE, 0) < 0)
		return berth_fail(err, BERTH_ESYS, errno, "cannot keep secrets");
	if (site_load(&ret->site, err) < 0)
		return -1;
	site_registry_mirrors(&ret->site.registry, host, &ret->mirrors);
	add_files(&ret->authfiles, authfile);
	if (!strlist_ok(&ret->mirrors) || !strlist_ok(&ret->authfiles))
		return berth_fail(err, BERTH_ESYS, ENOMEM, "cannot ask '%.100s'", host);
	ret->opt.plain_http = plain_http || setting_on("NO_HTTPS", "NOHTTPS");
	ret->opt.insecure = list(&ret->site.registry.insecure);
	ret->opt.mirrors = list(&ret->mirrors);
	ret->opt.authfiles = list(&ret->authfiles);
	/* What the site says about whom to believe is not the user's to change by a variable. */
	ret->opt.ca_file = ret->site.registry.ca ? ret->site.registry.ca : ca && ca[0] != '\0' ? ca : NULL;
	ret->opt.user = setting("DOCKER_USERNAME", NULL);
	ret->opt.password = setting("DOCKER_PASSWORD", NULL);
	return 0;
}

void registry_access_done(struct registry_access *a)
{
	site_done(&a->site);
	strlist_done(&a->mirrors);
	strlist_done(&a->authfiles);
}
