/* SPDX-License-Identifier: BSD-3-Clause */
/* json_i.h - a struct json is json-c's object under a name of ours: nobody but json-c looks into one. */
#ifndef BERTH_JSON_I_H
#define BERTH_JSON_I_H

#include <json-c/json_object.h>
#include <stdint.h>

#include "libimage/oci/json.h"

/* json-c's getters are not const. */
static inline struct json_object *json_inner(const struct json *v)
{
	return (struct json_object *)(uintptr_t)v;
}

static inline struct json *json_outer(struct json_object *v)
{
	return (struct json *)v;
}

/* How many of the 'left' (> 0) bytes at 'p' are its character; 0: that is none (RFC 3629). */
size_t json_utf8_len(const unsigned char *p, size_t left);

#endif
