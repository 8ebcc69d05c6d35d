/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * image_ref.h - what an image is called: docker://alpine:3.19, oci:dir:name, a path.
 *
 * Runs as:  anyone. Text only; nothing is looked up.
 * Promise:  in what image_ref_parse() took, host, repo and tag are of the alphabets of the
 *           distribution specification and no longer than it allows, so that they can be parts of
 *           a URL, and no text has a control character, so that it can be a line of a log.
 *
 *     text                                   host                   repo            tag
 *     docker://alpine                        registry-1.docker.io   library/alpine  latest
 *     docker://user/img:1                    registry-1.docker.io   user/img        1
 *     docker://host:5000/a/b/c               host:5000              a/b/c           latest
 *     docker://localhost/x@sha256:...        localhost              x               NULL, and digest
 *     oras://host/x:1                        host                   x               1
 *     docker-archive:f.tar:user/img:1        registry-1.docker.io   user/img        1
 */
#ifndef BERTH_IMAGE_REF_H
#define BERTH_IMAGE_REF_H

#include <stdbool.h>

#include "libimage/ref/digest.h"

struct berth_err;

enum ref_scheme {
	REF_PATH,
	REF_DOCKER,
	REF_ORAS,
	REF_OCI,
	REF_OCI_ARCHIVE,
	REF_DOCKER_ARCHIVE,
	REF_DOCKER_DAEMON,
	REF_LIBRARY,
	REF_SHUB,
	REF_HTTP,
	REF_SCHEMES, /* how many there are */
};

/* Who it is that is called "docker.io". */
#define REF_HUB_HOST "registry-1.docker.io"

struct image_ref {
	enum ref_scheme scheme;
	char *host, *repo, *tag; /* of a registry, an archive's image or a daemon's; else NULL */
	struct digest digest;	 /* the image's, when it was named by it; it counts more than the tag */
	char *path;		 /* PATH, OCI, archives; the whole URL of HTTP; the rest of LIBRARY, SHUB */
	char *name;		 /* which image of a layout or an archive, as written; NULL: its only one */
};

/*
 * Parse 'text'. What begins with '/' or '.' is a path; so is what has no word and a colon in front.
 * Fails: BERTH_EUSAGE, with *ret untouched.
 */
int image_ref_parse(const char *text, struct image_ref *ret, struct berth_err *err);

/*
 * The same for a name as it follows "docker://", in an archive's list of tags for one:
 * "alpine:3.19", "docker.io/library/alpine". 'ret' is of the scheme REF_DOCKER.
 */
int image_ref_parse_name(const char *text, struct image_ref *ret, struct berth_err *err);

/* Frees what it holds. */
void image_ref_done(struct image_ref *ref);

/* Is it the same image of the same registry? Of what has host, repo and tag. */
bool image_ref_same_name(const struct image_ref *a, const struct image_ref *b);

/*
 * As text, complete: "docker://docker.io/library/alpine:latest"; parsed again it is the same. A new
 * string (caller frees), or NULL without memory.
 */
char *image_ref_format(const struct image_ref *ref);

/*
 * The file that such an image becomes where the user names none, as Apptainer has it:
 * "alpine_3.19.sif", "alpine@sha256_<hex>.sif"; of a URL its last part. One component. A new string
 * (caller frees), or NULL without memory.
 */
char *image_ref_default_name(const struct image_ref *ref);

#endif
