/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * image_config.h - what an image says of itself: its machine, what it runs, its environment.
 *
 * Runs as:  the user. Text only.
 * Promise:  no text holds a NUL; what else a text holds is the image's and is for who uses it to
 *           escape: for a shell, a terminal, a header.
 */
#ifndef BERTH_IMAGE_CONFIG_H
#define BERTH_IMAGE_CONFIG_H

#include <stdint.h>

#include "libimage/base/str.h"
#include "libimage/oci/platform.h"
#include "libimage/ref/digest.h"

struct berth_err;

enum { CONFIG_WORDS_MAX = 10000 }; /* LIMIT: entries of a list; what the kernel gives a program ends before */

/* Lists are empty and texts NULL where the image says nothing. */
struct oci_config {
	struct oci_platform platform;
	struct strlist entrypoint, cmd;
	struct strlist env;    /* "K=V", or "K" */
	struct strlist labels; /* key, value, key, value; sorted by key */
	struct strlist ports, volumes; /* the keys of such objects, sorted */
	char *workdir, *user, *stop_signal;
	char *created;	       /* as it stands there */
	int64_t created_s;     /* the same in seconds since 1970; -1: not said, or no time */
	struct digest *diff_id; /* of each layer's tar, the lowest first */
	size_t ndiff;
};

/*
 * Parse the config of an image of 'nlayer' layers; it must have as many diff_ids.
 * Fails: BERTH_EIMAGE.
 */
int oci_config_parse(const void *bytes, size_t n, size_t nlayer, struct oci_config *ret,
		     struct berth_err *err);
void oci_config_done(struct oci_config *c);

/*
 * Our own, deterministic: one line, no spaces. 'created' is written from created_s.
 * Fails: BERTH_ESYS no memory.
 */
int oci_config_format(const struct oci_config *c, struct strbuf *out, struct berth_err *err);

/*
 * Its part "config" alone, in the order and spelling in which Apptainer puts it into a SIF file as
 * the object "oci-config.json".
 */
int oci_config_format_run(const struct oci_config *c, struct strbuf *out, struct berth_err *err);

/* RFC 3339, "2024-01-02T03:04:05.678+01:00", to seconds since 1970. Returns 0, or -1: it is none. */
int oci_time_parse(const char *text, int64_t *ret);

/* The same backwards, in UTC, into 'out' of OCI_TIME_SIZE bytes; of years 0 to 9999. Returns it. */
enum { OCI_TIME_SIZE = 32 };
const char *oci_time_format(int64_t s, char out[OCI_TIME_SIZE]);

#endif
