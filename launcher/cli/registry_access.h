/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * registry_access.h - how a registry is spoken to here: what the site, the environment and the
 * user's files say, as libimage/registry wants to know it.
 *
 * Runs as:  the user, in berth-image.
 *
 * Who the user is, in this order: what a command is told; BERTH_DOCKER_USERNAME and
 * BERTH_DOCKER_PASSWORD (or with APPTAINER_ and SINGULARITY_); the file of --authfile or
 * BERTH_AUTHFILE, and else ~/.docker/config.json (DOCKER_CONFIG), what `apptainer registry login`
 * wrote, and podman's auth.json.
 */
#ifndef BERTH_REGISTRY_ACCESS_H
#define BERTH_REGISTRY_ACCESS_H

#include <stdbool.h>

#include "launcher/view/site.h"
#include "libimage/registry/registry.h"

struct registry_access {
	struct registry_options opt; /* for registry_open(); cancel_fd, note and parallel are the caller's */
	struct site site;
	struct strlist mirrors, authfiles;
};

/*
 * For the registry 'host', as image_ref names it. 'authfile' is --authfile or NULL, 'plain_http'
 * --no-https; what the environment says of both is added. Keeps secrets of this process from
 * others: it leaves no core and is not traced.
 * Fails: BERTH_ECONFIG, BERTH_ESYS. End it with registry_access_done(), also after a failure.
 */
int registry_access_get(const char *host, const char *authfile, bool plain_http, struct registry_access *ret,
			struct berth_err *err);
void registry_access_done(struct registry_access *a);

/* Where a login is kept: 'authfile', BERTH_AUTHFILE, or Docker's file. NULL: no memory, or no home. */
char *registry_access_file(const char *authfile);

#endif
