/* SPDX-License-Identifier: BSD-3-Clause */
/* log.c - messages on standard error; see log.h. */
#include "config.h"

#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "libimage/base/err.h"
#include "libimage/base/fd.h"
#include "libimage/base/log.h"
#include "libimage/base/str.h"

static struct {
	const char *program;
	enum log_level level;
	const char *const *marks;
} log_state = { "berth", LOG_NOTE, NULL };

void log_init(const char *program, enum log_level level)
{
	log_state.program = program;
	log_state.level = level;
}

void log_marks(const char *const *marks)
{
	log_state.marks = marks;
}

/* One write(2) a line, so that lines of many ranks do not mix. */
static void put(enum log_level level, const char *text)
{
	const char *const *marks = log_state.marks;
	char clean[1024], line[1200];
	int n;

	str_escape(text, clean, sizeof(clean));
	n = snprintf(line, sizeof(line), "%s%s%s\n", marks ? marks[level] : log_state.program, marks ? "" : ": ",
		     clean);
	if (n > 0)
		(void)fd_write_full(STDERR_FILENO, line, (size_t)n);
}

void log_line(enum log_level level, const char *fmt, ...)
{
	char text[1024];
	va_list ap;

	if (level > log_state.level)
		return;
	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	put(level, text);
}

void log_err(const struct berth_err *err)
{
	char text[BERTH_HINT_MAX + 8];

	log_line(LOG_ERROR, "%s", err->text);
	if (err->hint[0] == '\0')
		return;
	(void)snprintf(text, sizeof(text), "hint: %s", err->hint);
	put(LOG_NOTE, text); /* whatever the level: it belongs to the error */
}
