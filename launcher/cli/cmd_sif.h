/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * cmd_sif.h - the verbs of `berth sif`: what their command lines ask for.
 */
#ifndef BERTH_CMD_SIF_H
#define BERTH_CMD_SIF_H

#include <stdbool.h>
#include <stdint.h>

#include "libimage/sif/sif.h"

struct berth_err;

struct sif_wish {
	bool help, json, force, zero, compact;
	struct sif_object o; /* to add: what its options say */
	uint32_t align;
	const char *word[2]; /* what follows the verb */
};

/*
 * An option of 'add', "--datatype" as "datatype". Fails: BERTH_EUSAGE.
 * sif_add_check() looks at all of them together.
 */
int sif_add_option(struct sif_wish *w, const char *name, const char *value, struct berth_err *err);
int sif_add_check(const struct sif_wish *w, struct berth_err *err);

/* Open the file to be changed, and lock it, which may wait. Returns the descriptor, or -1. */
int sif_edit_open(const char *path, struct berth_err *err);

/* When what is made or changed now is said to be. */
int sif_when(int64_t *ret, struct berth_err *err);

/* The verbs that change a file: 0, or -1 and *err. */
int sif_cmd_new(const struct sif_wish *w, struct berth_err *err);
int sif_cmd_add(const struct sif_wish *w, struct berth_err *err);
int sif_cmd_del(const struct sif_wish *w, struct berth_err *err);
int sif_cmd_setprim(const struct sif_wish *w, struct berth_err *err);

/* The number of an object. Fails: BERTH_EUSAGE. */
int sif_id(const char *text, uint32_t *ret, struct berth_err *err);

#endif
