/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * script_i.h - within the evaluator: script.c has the commands, script_word.c the words,
 * script_vars.c the variables.
 *
 * Every function returns false where it must stop: 'odd' says why, or 'no_memory' is set.
 */
#ifndef BERTH_SCRIPT_I_H
#define BERTH_SCRIPT_I_H

#include "launcher/view/script.h"

struct script {
	const char *p, *end;
	struct script_vars *vars;
	unsigned int depth;
	size_t work;
	const char *odd;
	bool no_memory;
};

/* What becomes of a word decides what may stand in it unquoted. */
enum word_use {
	WORD_VALUE,    /* behind NAME=: neither split nor a pattern */
	WORD_EXPORT,   /* the same behind export, where bash takes {a,b} apart */
	WORD_ARGUMENT, /* of a command: what would be split or be a pattern is odd */
};

/* Stop: the script is not plain. */
bool script_odd(struct script *s, const char *why);
/* Skip blanks and continued lines. */
void script_blanks(struct script *s);
/* Length of a variable's name at 'p', 0: none. */
size_t script_name(const char *p, const char *end);

/* The word at s->p, up to a blank or an operator, expanded into 'out'; 'skip': only passed over. */
bool script_word(struct script *s, enum word_use use, bool skip, struct strbuf *out);
/* What stands between double quotes, up to 'stop' (or the end, where that is NUL). */
bool script_quoted(struct script *s, char stop, bool skip, struct strbuf *out);
/* $NAME or ${...} at s->p, the dollar. */
bool script_dollar(struct script *s, bool quoted, enum word_use use, bool skip, struct strbuf *out);

/* 'name' has 'n' bytes. The value, NULL: not set; odd where it is the shells' own. */
bool script_read(struct script *s, const char *name, size_t n, const char **ret);
bool script_assign(struct script *s, const char *name, size_t n, const char *value);
bool script_export(struct script *s, const char *name, size_t n);
bool script_unset(struct script *s, const char *name, size_t n);

#endif
