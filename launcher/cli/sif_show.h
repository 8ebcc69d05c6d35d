/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * sif_show.h - the header and the objects of a SIF file as text, in the form that siftool and
 * Apptainer print, and as JSON. What the file says is escaped.
 */
#ifndef BERTH_SIF_SHOW_H
#define BERTH_SIF_SHOW_H

#include <stdbool.h>
#include <stdint.h>

#include "libimage/base/str.h"
#include "libimage/sif/sif.h"

struct berth_err;

void sif_show_header(struct strbuf *out, const struct sif *s, bool json);
void sif_show_object(struct strbuf *out, const struct sif_object *o, bool json);

/* All objects, a line each. Fails as sif_object_get(). */
int sif_show_list(struct strbuf *out, const struct sif *s, bool json, struct berth_err *err);

/* The format of an SBOM that 'name' names ("spdx-json"); 0: none. */
int32_t sif_sbom_code(const char *name);

#endif
