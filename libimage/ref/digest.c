/* SPDX-License-Identifier: BSD-3-Clause */
/* digest.c - what a piece of content is called; see digest.h. */
#include "config.h"

#include <string.h>

#include "libimage/base/cleanup.h"
#include "libimage/base/err.h"
#include "libimage/base/str.h"
#include "libimage/ref/digest.h"

static const struct algorithm {
	const char *name, *prefix;
	size_t bytes;
} algorithms[] = {
	{ "sha256", "sha256:", 32 },
	{ "sha512", "sha512:", 64 },
};

static int refuse(const char *text, const char *why, struct berth_err *err)
{
	char shown[80]; /* as much as tells people which one */

	str_escape(text, shown, sizeof(shown));
	return berth_fail(err, BERTH_EIMAGE, 0, "'%s' is no digest: %s", shown, why);
}

int digest_parse(const char *text, struct digest *ret, struct berth_err *err)
{
	const struct algorithm *a = NULL;
	const char *hex = NULL;
	size_t n;

	for (size_t i = 0; i < ARRAY_SIZE(algorithms) && !hex; i++) {
		a = &algorithms[i];
		hex = str_after(text, a->prefix);
	}
	if (!hex) {
		refuse(text, "it is neither sha256: nor sha512:", err);
		return berth_hint(err, "a digest is 'sha256:' and 64 hexadecimal digits in lower case");
	}
	n = strspn(hex, "0123456789abcdef");
	if (hex[n] != '\0')
		return refuse(text, "it has something else than digits and a-f", err);
	if (n != 2 * a->bytes)
		return refuse(text, n < 2 * a->bytes ? "it is too short" : "it is too long", err);
	memset(ret->text, 0, sizeof(ret->text));
	memcpy(ret->text, text, strlen(a->prefix) + n);
	return 0;
}

const char *digest_hex(const struct digest *d)
{
	const char *colon = strchr(d->text, ':');

	return colon ? colon + 1 : d->text;
}

bool digest_is_set(const struct digest *d)
{
	return d->text[0] != '\0';
}

bool digest_equal(const struct digest *a, const struct digest *b)
{
	return digest_is_set(a) && strcmp(a->text, b->text) == 0;
}

int digest_from_sum(const char *algorithm, const unsigned char *sum, size_t n, struct digest *ret)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < ARRAY_SIZE(algorithms); i++) {
		size_t at = strlen(algorithms[i].prefix);

		if (strcmp(algorithm, algorithms[i].name) != 0 || n != algorithms[i].bytes)
			continue;
		memset(ret->text, 0, sizeof(ret->text));
		memcpy(ret->text, algorithms[i].prefix, at);
		for (size_t k = 0; k < n; k++) {
			ret->text[at++] = digits[sum[k] >> 4];
			ret->text[at++] = digits[sum[k] & 15];
		}
		return 0;
	}
	return -1;
}
