/* SPDX-License-Identifier: BSD-3-Clause */
/* token.c - the small documents of a registry; see token.h. */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "libimage/base/cleanup.h"
#include "libimage/base/err.h"
#include "libimage/base/str.h"
#include "libimage/oci/json.h"
#include "libimage/oci/token.h"

/* Anything else would end the header that it becomes part of, and begin another. */
static bool is_visible(const char *text)
{
	size_t n = 0;

	for (; text[n]; n++)
		if (text[n] <= ' ' || text[n] > '~')
			return false;
	return n > 0 && n <= TOKEN_TEXT_MAX;
}

int oci_token_parse(const void *bytes, size_t n, struct oci_token *ret, struct berth_err *err)
{
	cleanup(json_wipep) struct json *root = NULL;
	const char *text = NULL;
	uint64_t expires_s = 0;

	if (json_parse(bytes, n, &root, err) < 0 || json_get_string(root, "token", &text, err) < 0 ||
	    ((!text || text[0] == '\0') && json_get_string(root, "access_token", &text, err) < 0)) {
		err->code = BERTH_ENET;
		return berth_context(err, "the token server's answer");
	}
	if (!text || !is_visible(text))
		return berth_fail(err, BERTH_ENET, 0,
				  "the token server's answer has no token that can be used");
	/* Some servers write it as a string, or not at all: the shortest that the protocol allows then. */
	if (json_get_u64(root, "expires_in", UINT32_MAX, &expires_s, err) < 0 || expires_s < 60)
		expires_s = 60;
	*err = (struct berth_err)BERTH_ERR_INIT;
	ret->text = strdup(text);
	ret->expires_s = expires_s;
	return ret->text ? 0 : berth_fail(err, BERTH_ESYS, ENOMEM, "cannot keep a token");
}

void oci_token_done(struct oci_token *t)
{
	if (t->text)
		explicit_bzero(t->text, strlen(t->text));
	free(t->text);
	*t = (struct oci_token){ 0 };
}

void oci_reason(const void *bytes, size_t n, char *out, size_t size)
{
	cleanup(json_freep) struct json *root = NULL;
	const struct json *errors = NULL, *first;
	struct berth_err ignored = BERTH_ERR_INIT;
	const char *code = NULL, *message = NULL;
	char both[512]; /* as much as anybody reads */

	if (size > 0)
		out[0] = '\0';
	if (json_parse(bytes, n, &root, &ignored) < 0 ||
	    json_get_array(root, "errors", &errors, &ignored) < 0)
		return;
	first = json_at(errors, 0);
	if (json_get_string(first, "code", &code, &ignored) < 0 ||
	    json_get_string(first, "message", &message, &ignored) < 0 || (!code && !message))
		return;
	(void)snprintf(both, sizeof(both), "%.60s%s%.400s", code ? code : "", code && message ? ": " : "",
		       message ? message : "");
	str_escape(both, out, size);
}
