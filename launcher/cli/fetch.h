/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * fetch.h - what the commands share that get images from registries: their options, the store, the
 * registry, what is shown meanwhile.
 *
 * Runs as:  the user, in berth-image.
 */
#ifndef BERTH_FETCH_H
#define BERTH_FETCH_H

#include <getopt.h>
#include <stdbool.h>

#include "launcher/cli/registry_access.h"
#include "libimage/build/pull.h"

struct berth_err;
struct image_ref;
struct progress;

enum fetch_letter {
	FETCH_ARCH = 1000, FETCH_PLATFORM, FETCH_DISABLE_CACHE, FETCH_NO_HTTPS, FETCH_AUTHFILE, FETCH_LOGIN, FETCH_TMPDIR,
	FETCH_NOTHING,
};

/* Rows for getopt_long(). The last ones concern what Berth has no part of: they are taken and mean nothing. */
#define FETCH_LONG_OPTIONS                                              \
	{ "arch", required_argument, NULL, FETCH_ARCH },                \
	{ "platform", required_argument, NULL, FETCH_PLATFORM },        \
	{ "disable-cache", no_argument, NULL, FETCH_DISABLE_CACHE },    \
	{ "no-https", no_argument, NULL, FETCH_NO_HTTPS },              \
	{ "nohttps", no_argument, NULL, FETCH_NO_HTTPS },               \
	{ "authfile", required_argument, NULL, FETCH_AUTHFILE },        \
	{ "docker-login", no_argument, NULL, FETCH_LOGIN },             \
	{ "tmpdir", required_argument, NULL, FETCH_TMPDIR },            \
	{ "allow-unsigned", no_argument, NULL, FETCH_NOTHING },         \
	{ "allow-unauthenticated", no_argument, NULL, FETCH_NOTHING },  \
	{ "no-cleanup", no_argument, NULL, FETCH_NOTHING },             \
	{ "reproducible", no_argument, NULL, FETCH_NOTHING }

struct fetch_options {
	const char *platform, *authfile, *tmpdir;
	bool disable_cache, no_https, login;
	bool push; /* no option: ask for the right to write */
};

/* Take the option; false: it is none of these. What the environment says is added by fetch_open(). */
bool fetch_option(int letter, const char *value, struct fetch_options *o);

/* Everything that is open while an image is fetched. */
struct fetch {
	struct pull pull;
	struct registry_access access;
	struct progress *progress;
	char *user, *password; /* that were asked for */
	int cancel_fd;
};

#define FETCH_INIT { .cancel_fd = -1 }

/* Refuse what is in no registry; 'text' as the user wrote it. Fails: BERTH_EUSAGE. */
int fetch_refuse(const struct image_ref *ref, const char *text, struct berth_err *err);

/* Open store and registry. 'ref' must stay. fetch_done() also after failure; it may be called twice. */
int fetch_open(struct fetch *f, const struct image_ref *ref, const struct fetch_options *o, struct berth_err *err);
void fetch_done(struct fetch *f);

/* It is told as a line. Fails: BERTH_EUSAGE it has a newline. */
int fetch_check_path(const char *path, struct berth_err *err);

/*
 * All of it: the image 'text' as a file of the store, *ret_path, which is not removed as long as *ret_fd is
 * open. Both are the caller's. Fails: BERTH_EUSAGE, also where there shall be no store; as pull.h.
 */
int fetch_to_store(const char *text, const struct fetch_options *o, int *ret_fd, char **ret_path,
		   struct berth_err *err);

/* A SIF file (oras://) into 'out_fd', which is empty; it is not kept in the store. */
int fetch_sif(struct fetch *f, const struct image_ref *ref, int out_fd, struct pull_result *ret, struct berth_err *err);

#endif
