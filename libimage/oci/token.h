/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * token.h - the small documents of a registry: the token it gives, and why it refuses.
 *
 * Runs as:  the user. Text only.
 */
#ifndef BERTH_TOKEN_H
#define BERTH_TOKEN_H

#include <stddef.h>
#include <stdint.h>

struct berth_err;

enum { TOKEN_TEXT_MAX = 64 << 10 }; /* LIMIT: bytes; registries of companies give 3 KiB, headers end at 16 */

struct oci_token {
	char *text;	    /* visible ASCII only, so it can be a header's value; a secret */
	uint64_t expires_s; /* from its issue; 60 where the registry does not say */
};

/* Of a token server's answer, "token" or "access_token". Fails: BERTH_ENET. */
int oci_token_parse(const void *bytes, size_t n, struct oci_token *ret, struct berth_err *err);

/* Overwrites and frees; NULL-safe in its members. */
void oci_token_done(struct oci_token *t);

/*
 * What a registry says about a failure, {"errors": [{"code": "DENIED", "message": "..."}]}, as
 * "DENIED: ...", escaped and cut to 'size'. "" if 'bytes' are something else.
 */
void oci_reason(const void *bytes, size_t n, char *out, size_t size);

#endif
