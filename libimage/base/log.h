/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * log.h - the one place where Berth's programs write messages, on standard error.
 *
 * Libraries never call it. Every line passes str_escape(), so that a file name or an
 * image's bytes cannot write control characters to a terminal or forge a second line.
 */
#ifndef BERTH_LOG_H
#define BERTH_LOG_H

struct berth_err;

enum log_level { LOG_ERROR, LOG_WARN, LOG_NOTE, LOG_DETAIL }; /* quiet: 0, usual: 2, -v: 3 */

/* "PROGRAM: " starts each line; lines above 'level' are not written. 'program' must stay. */
void log_init(const char *program, enum log_level level);

/*
 * Begin each line with marks[level] instead of "PROGRAM: ", as Apptainer's messages begin, whose users'
 * tools look for it: one for each enum log_level. They must stay; NULL: no longer.
 */
void log_marks(const char *const *marks);

void log_line(enum log_level level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* The error, and its hint on a line of its own. */
void log_err(const struct berth_err *err);

#endif
