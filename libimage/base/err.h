/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * err.h - the error value: what went wrong, with which errno, and what to do about it.
 *
 * Runs as:  anyone.   Uses: libc.   Used by: every room.
 * Promise:  no allocation, so it works after fork and when memory has run out. A function
 *           that takes 'err' fills it exactly when it returns -1; 'err' is never NULL.
 *
 * Text is lower case, names its subject in '...', has no full stop. A hint says what to do
 * and never holds a command built from user text. Libraries return errors; only main()
 * prints them, once.
 */
#ifndef BERTH_ERR_H
#define BERTH_ERR_H

enum berth_code {
	BERTH_OK,
	BERTH_EUSAGE,	 /* the caller's words are off: option, argument, reference */
	BERTH_ECONFIG,	 /* the site's configuration is wrong or unsafe */
	BERTH_EDENIED,	 /* permission, or a rule of the site */
	BERTH_ENOTFOUND, /* no such file, image, program */
	BERTH_EIMAGE,	 /* the image is damaged, of an unknown form or for another machine */
	BERTH_ENET,	 /* a peer did not answer, or answered nonsense */
	BERTH_ESYS,	 /* a system call failed; errno in 'sys' */
	BERTH_EBUG,	 /* this cannot happen: a defect of Berth */
	BERTH_ECODES,	 /* how many there are */
};

/* LIMIT: bytes; a path as long as people read, what happened to it, and one more line */
enum { BERTH_TEXT_MAX = 320, BERTH_HINT_MAX = 200 };

struct berth_err {
	enum berth_code code;
	int sys; /* errno, or 0 */
	char text[BERTH_TEXT_MAX];
	char hint[BERTH_HINT_MAX];
};

#define BERTH_ERR_INIT { .code = BERTH_OK }

/*
 * Fill 'err' and return -1, so: return berth_fail(err, BERTH_ESYS, errno, "cannot X '%s'", x).
 * With 'sys' != 0 its strerror() text is appended after ": ".
 */
int berth_fail(struct berth_err *err, enum berth_code code, int sys, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

/* Put "fmt: " before the text so far; at most once per room on the way up. Returns -1. */
int berth_context(struct berth_err *err, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* Say what to do; replaces an earlier hint. Returns -1. */
int berth_hint(struct berth_err *err, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

#endif
