/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * name.h - the name of an image in a registry, [HOST/]REPO[:TAG][@DIGEST], by the grammar of the
 * distribution specification and with Docker's defaults. For image_ref.c.
 */
#ifndef BERTH_NAME_H
#define BERTH_NAME_H

#include <stdbool.h>

struct berth_err;
struct image_ref;

enum { NAME_MAX_BYTES = 255 }; /* LIMIT: host and repository, as the distribution specification has it */

/* Does it begin with a host, and not with a user of Docker Hub? */
bool name_has_host(const char *text);

/*
 * Fill host, repo, tag ("latest" if there is neither tag nor digest) and digest of 'ref', whose
 * caller ends it, also after failure. Fails: BERTH_EUSAGE, BERTH_EIMAGE a damaged digest.
 */
int name_parse(const char *text, struct image_ref *ref, struct berth_err *err);

#endif
