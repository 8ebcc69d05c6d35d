/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * platform.h - for which machine an image is: linux/arm/v7.
 *
 * Runs as:  the user. Text only.
 */
#ifndef BERTH_PLATFORM_H
#define BERTH_PLATFORM_H

#include <stdbool.h>
#include <stddef.h>

struct berth_err;

enum { PLATFORM_WORD = 32, PLATFORM_TEXT = 3 * PLATFORM_WORD }; /* with a NUL; LIMIT: words as "mips64le" */

struct oci_platform {
	char os[PLATFORM_WORD], architecture[PLATFORM_WORD], variant[PLATFORM_WORD]; /* "": not said */
};

/* This machine's. */
void oci_platform_host(struct oci_platform *ret);

/*
 * What a user writes: [OS/]ARCHITECTURE[/VARIANT], "linux" where no OS is named. Names as the OCI
 * has them and as uname(1) and Debian have them: amd64 or x86_64, arm64 or aarch64, arm/v7 or armhf.
 * Fails: BERTH_EUSAGE an architecture that is unknown, or no such text.
 */
int oci_platform_parse(const char *text, struct oci_platform *ret, struct berth_err *err);

/*
 * Fill one from a document's words, NULL for those it lacks, by their usual names.
 * Fails: BERTH_EIMAGE a word that is none.
 */
int oci_platform_set(struct oci_platform *ret, const char *os, const char *architecture, const char *variant,
		     struct berth_err *err);

/*
 * How well an image for 'have' serves who wants 'want': 0 not at all, else the higher the better.
 * The same OS and architecture, and no newer a variant: arm/v6 serves arm/v7, amd64 and amd64/v2
 * serve amd64/v3. An image for another architecture never does, though the machine might run it.
 */
unsigned int oci_platform_rank(const struct oci_platform *want, const struct oci_platform *have);

/* "linux/arm/v7" into 'out' of PLATFORM_TEXT bytes; returns it. */
const char *oci_platform_format(const struct oci_platform *p, char out[PLATFORM_TEXT]);

#endif
