/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * script.h - what a plain shell script does to a set of variables, without a shell.
 *
 * Plain is what the builders of images write: comments, NAME=VALUE, export, unset, ":", quotes and
 * backslashes, $NAME, ${NAME}, ${NAME:-WORD} and its kin, and if [ ... ] on strings. Such a script
 * has the outcome that dash, bash and busybox agree on. Whatever is not surely that (commands, the
 * shells' own variables, patterns, and every place where those shells differ) is not guessed at:
 * the script is declared not plain, for a real shell to run.
 *
 * Runs as:  the user, on text of the image's author. No system calls.
 * Promise:  time and memory are bounded by the limits below, whatever the text is.
 */
#ifndef BERTH_SCRIPT_H
#define BERTH_SCRIPT_H

#include <stdbool.h>
#include <stddef.h>

#include "libimage/base/str.h"

struct berth_err;

enum {
	SCRIPT_TEXT_MAX = 256 * 1024,	/* LIMIT: bytes of a script; generated ones have 2 to 20 KiB */
	SCRIPT_VALUE_MAX = 128 * 1024,	/* LIMIT: the kernel's, of one string of an environment */
	SCRIPT_VARS_MAX = 2048,		/* LIMIT: far more than an environment has */
	SCRIPT_WORK_MAX = 4 * 1024 * 1024, /* LIMIT: bytes put into values by one script */
	SCRIPT_DEPTH_MAX = 24,		/* LIMIT: of if in if and ${A:-${B:-...}}; people write 3 */
};

struct script_var {
	char *name;
	char *value; /* NULL: not set */
	bool exported;
	bool assigned; /* by a script */
};

struct script_vars {
	struct script_var *v;
	size_t n;
};

#define SCRIPT_VARS_INIT { 0 }

void script_vars_done(struct script_vars *vars);
/* The value of 'name', or NULL. */
const char *script_vars_get(const struct script_vars *vars, const char *name);
/* Set 'name' before the scripts run. Fails: BERTH_ESYS. */
int script_vars_set(struct script_vars *vars, const char *name, const char *value, bool exported,
		    struct berth_err *err);

/* Why a script is not plain. */
struct script_odd {
	unsigned int line;
	const char *what;
};

/*
 * Run 'text' on 'vars'. Returns 1; 0 if it is not plain, with why in 'odd' and 'vars' as they were;
 * or -1: BERTH_ESYS no memory.
 */
int script_run(const char *text, size_t n, struct script_vars *vars, struct script_odd *odd,
	       struct berth_err *err);

/*
 * 'text' as it would stand between double quotes, except that its own quotes mean nothing: $NAME
 * and ${NAME...} are replaced and a backslash before one of \ $ " ` goes. Returns 1 with the result
 * appended to 'ret', 0 if that cannot be done without a shell, -1: BERTH_ESYS no memory.
 */
int script_expand(const char *text, struct script_vars *vars, struct strbuf *ret, struct berth_err *err);

#endif
