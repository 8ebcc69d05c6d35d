/* SPDX-License-Identifier: BSD-3-Clause */
/* fuzz_conf.c - any bytes as berth.conf: values come trimmed, not empty, without controls. */
#include "config.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "libimage/base/cleanup.h"
#include "libimage/base/conf.h"
#include "libimage/base/err.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static int take(void *arg, const char *value, struct berth_err *err)
{
	size_t n = strlen(value);

	(void)arg;
	if (n == 0 || strchr(" \t", value[0]) || strchr(" \t", value[n - 1]))
		abort();
	for (size_t i = 0; i < n; i++)
		if ((unsigned char)value[i] < 0x20 && value[i] != '\t')
			abort();
	return value[0] == '!' ? berth_fail(err, BERTH_EUSAGE, 0, "refused '%s'", value) : 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static const struct conf_key keys[] = {
		{ "one", false, take },
		{ "many", true, take },
		{ "two words", false, take },
	};
	struct berth_err err = BERTH_ERR_INIT;

	if (conf_parse("f", (const char *)data, n, keys, ARRAY_SIZE(keys), NULL, &err) < 0 &&
	    (err.code != BERTH_ECONFIG || err.text[0] == '\0'))
		abort();
	return 0;
}
