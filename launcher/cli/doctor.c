/* SPDX-License-Identifier: BSD-3-Clause */
/* doctor.c - findings, and how checks read small files; see doctor.h. */
#include "config.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "launcher/cli/doctor.h"
#include "launcher/cli/doctor_text.h"
#include "libimage/base/cleanup.h"
#include "libimage/base/err.h"
#include "libimage/base/fd.h"

static void add(struct findings *f, enum finding_result result, const char *mend, const char *fmt, va_list ap)
	__attribute__((format(printf, 4, 0)));

static void add(struct findings *f, enum finding_result result, const char *mend, const char *fmt, va_list ap)
{
	struct finding *more = realloc(f->v, (f->n + 1) * sizeof(*more)), *new;

	if (!more) {
		f->failed = true;
		return;
	}
	f->v = more;
	new = &f->v[f->n++];
	*new = (struct finding){ .result = result };
	(void)snprintf(new->check, sizeof(new->check), "%s", f->check);
	(void)vsnprintf(new->text, sizeof(new->text), fmt, ap);
	(void)snprintf(new->mend, sizeof(new->mend), "%s", mend ? mend : "");
}

void finding_ok(struct findings *f, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	add(f, FINDING_OK, NULL, fmt, ap);
	va_end(ap);
}

void finding_warn(struct findings *f, const char *mend, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	add(f, FINDING_WARN, mend, fmt, ap);
	va_end(ap);
}

void finding_fail(struct findings *f, const char *mend, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	add(f, FINDING_FAIL, mend, fmt, ap);
	va_end(ap);
}

void finding_err(struct findings *f, enum finding_result result, const struct berth_err *err)
{
	if (result == FINDING_FAIL)
		finding_fail(f, err->hint, "%s", err->text);
	else
		finding_warn(f, err->hint, "%s", err->text);
}

void findings_done(struct findings *f)
{
	free(f->v);
	*f = (struct findings){ 0 };
}

char *doctor_read(const char *path)
{
	cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	cleanup_free char *text = NULL;
	ssize_t n;

	if (fd < 0)
		return NULL;
	text = malloc(DOCTOR_FILE_MAX + 1);
	if (!text)
		return NULL;
	n = fd_read_full(fd, text, DOCTOR_FILE_MAX);
	if (n < 0)
		return NULL;
	text[n] = '\0';
	return take_ptr(&text);
}

bool doctor_sysctl(const char *path, unsigned long long *ret)
{
	cleanup_free char *text = doctor_read(path);
	uint64_t v = 0;

	if (!text || text_number(text, &v) < 0)
		return false;
	*ret = v;
	return true;
}
