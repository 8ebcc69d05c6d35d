/* SPDX-License-Identifier: BSD-3-Clause */
/* err.c - the error value; see err.h. */
#include "config.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "libimage/base/err.h"

int berth_fail(struct berth_err *err, enum berth_code code, int sys, const char *fmt, ...)
{
	va_list ap;
	int n;

	err->code = code;
	err->sys = sys;
	err->hint[0] = '\0';
	va_start(ap, fmt);
	n = vsnprintf(err->text, sizeof(err->text), fmt, ap);
	va_end(ap);
	if (sys != 0 && n >= 0 && (size_t)n < sizeof(err->text))
		(void)snprintf(err->text + n, sizeof(err->text) - (size_t)n, ": %s",
			       strerrordesc_np(sys) ? strerrordesc_np(sys) : "unknown error");
	return -1;
}

int berth_context(struct berth_err *err, const char *fmt, ...)
{
	char head[BERTH_TEXT_MAX];
	size_t n, keep = strlen(err->text);
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(head, sizeof(head), fmt, ap);
	va_end(ap);
	n = strlen(head);
	if (n + 2 < sizeof(err->text)) {
		if (keep > sizeof(err->text) - 1 - n - 2)
			keep = sizeof(err->text) - 1 - n - 2;
		memmove(err->text + n + 2, err->text, keep);
		err->text[n + 2 + keep] = '\0';
		memcpy(err->text, head, n);
		memcpy(err->text + n, ": ", 2);
	} else {
		memcpy(err->text, head, n + 1);
	}
	return -1;
}

int berth_hint(struct berth_err *err, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(err->hint, sizeof(err->hint), fmt, ap);
	va_end(ap);
	return -1;
}
