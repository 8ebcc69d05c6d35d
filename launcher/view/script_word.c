/* SPDX-License-Identifier: BSD-3-Clause */
/* script_word.c - quotes, backslashes and dollars; see script.h. */
#include "config.h"

#include <string.h>

#include "launcher/view/script_i.h"
#include "libimage/base/cleanup.h"

bool script_odd(struct script *s, const char *why)
{
	if (!s->odd)
		s->odd = why;
	return false;
}

static bool name_char(char c, bool first)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_' || (!first && c >= '0' && c <= '9');
}

size_t script_name(const char *p, const char *end)
{
	size_t n = 0;

	while (p + n < end && name_char(p[n], n == 0))
		n++;
	return n;
}

/* A line that a backslash continues at 'p'. */
static bool continues(const struct script *s, const char *p)
{
	return p + 1 < s->end && p[0] == '\\' && p[1] == '\n';
}

void script_blanks(struct script *s)
{
	while (s->p < s->end && (*s->p == ' ' || *s->p == '\t' || continues(s, s->p)))
		s->p += *s->p == '\\' ? 2 : 1;
}

static bool put(struct script *s, struct strbuf *out, bool skip, const char *bytes, size_t n)
{
	if (skip)
		return true;
	s->work += n;
	if (s->work > SCRIPT_WORK_MAX || out->len + n >= SCRIPT_VALUE_MAX)
		return script_odd(s, "a value that is too long");
	strbuf_add(out, bytes, n);
	s->no_memory = out->failed;
	return !out->failed;
}

/* 'bytes' is "" where a character goes. Moves over 'n' characters of the text. */
static bool take(struct script *s, struct strbuf *out, bool skip, size_t n, const char *bytes, size_t len)
{
	s->p += n;
	return put(s, out, skip, bytes, len);
}

static bool is_control(char c)
{
	return (unsigned char)c == 0x7f || ((unsigned char)c < 0x20 && !strchr("\t\n\r", c)) || c == '\0';
}

/* A value that a shell would not split, expand as a pattern or leave away. */
static bool whole(const char *value)
{
	return value[0] != '\0' && !strpbrk(value, " \t\n*?[]\\{}~");
}

/* The value of a variable stands where the text has a dollar. */
static bool put_value(struct script *s, bool quoted, enum word_use use, bool skip, struct strbuf *out,
		      const char *value)
{
	if (skip)
		return true;
	if (!quoted && use == WORD_ARGUMENT && !whole(value))
		return script_odd(s, "an expansion without quotes");
	return put(s, out, false, value, strlen(value));
}

static bool single(struct script *s, bool skip, struct strbuf *out)
{
	const char *from = s->p + 1, *to = memchr(from, '\'', (size_t)(s->end - from));

	if (!to)
		return script_odd(s, "a quote that is not closed");
	s->p = to + 1;
	return put(s, out, skip, from, (size_t)(to - from));
}

/* A backslash between double quotes; 'more' is one character more that it quotes, or NUL. */
static bool quoted_escape(struct script *s, char more, bool skip, struct strbuf *out)
{
	char c;

	if (s->p + 1 >= s->end)
		return script_odd(s, "a quote that is not closed");
	c = s->p[1];
	if (c == '\n')
		return take(s, out, skip, 2, "", 0);
	if (c == '$' || c == '`' || c == '"' || c == '\\' || (more && c == more))
		return take(s, out, skip, 2, &c, 1);
	return take(s, out, skip, 1, "\\", 1);
}

bool script_quoted(struct script *s, char stop, bool skip, struct strbuf *out)
{
	while (s->p < s->end && (stop == '\0' || *s->p != stop)) {
		bool fine;

		switch (*s->p) {
		case '\\':
			fine = quoted_escape(s, '\0', skip, out);
			break;
		case '$':
			fine = script_dollar(s, true, WORD_VALUE, skip, out);
			break;
		case '`':
			return script_odd(s, "a command");
		default:
			if (is_control(*s->p))
				return script_odd(s, "a control character");
			fine = put(s, out, skip, s->p, 1);
			s->p++;
		}
		if (!fine)
			return false;
	}
	if (stop != '\0') {
		if (s->p >= s->end)
			return script_odd(s, "a quote that is not closed");
		s->p++;
	}
	return true;
}

/*
 * The WORD of "${NAME:-WORD}", without double quotes around it, up to the brace.
 * Here an expansion is as in a value: whoever asked looks at the whole.
 */
static bool bare_default(struct script *s, bool skip, struct strbuf *out)
{
	while (s->p < s->end && *s->p != '}') {
		bool fine;

		switch (*s->p) {
		case '\'':
			fine = single(s, skip, out);
			break;
		case '"':
			s->p++;
			fine = script_quoted(s, '"', skip, out);
			break;
		case '\\':
			if (s->p + 1 >= s->end)
				return script_odd(s, "a brace that is not closed");
			if (is_control(s->p[1]))
				return script_odd(s, "a control character");
			fine = s->p[1] == '\n' ? take(s, out, skip, 2, "", 0)
					       : take(s, out, skip, 2, s->p + 1, 1);
			break;
		case '$':
			fine = script_dollar(s, false, WORD_VALUE, skip, out);
			break;
		case '`': case '~': case '{': case '(': case ')': case '<': case '>': case '\n':
			return script_odd(s, "a character in braces that shells differ on");
		default:
			if (is_control(*s->p))
				return script_odd(s, "a control character");
			fine = put(s, out, skip, s->p, 1);
			s->p++;
		}
		if (!fine)
			return false;
	}
	return s->p < s->end || script_odd(s, "a brace that is not closed");
}

/*
 * The same between double quotes: "${NAME:-WORD}". Builders write "${NAME:-"WORD"}": there the
 * inner quotes vanish. Quotes elsewhere in WORD mean other things to other shells, and so does a
 * backslash in inner quotes that quotes nothing.
 */
static bool quoted_default(struct script *s, bool skip, struct strbuf *out)
{
	if (s->p < s->end && *s->p == '"') {
		const char *from = ++s->p;

		for (const char *p = from; p < s->end && *p != '"'; p++) {
			if (*p != '\\')
				continue;
			if (p + 1 >= s->end || !strchr("$`\"\\", p[1]))
				return script_odd(s, "a backslash that shells differ on");
			p++;
		}
		if (!script_quoted(s, '"', skip, out))
			return false;
		return (s->p < s->end && *s->p == '}') || script_odd(s, "quotes that shells differ on");
	}
	while (s->p < s->end && *s->p != '}') {
		bool fine;

		switch (*s->p) {
		case '\\':
			fine = quoted_escape(s, '}', skip, out);
			break;
		case '$':
			fine = script_dollar(s, true, WORD_VALUE, skip, out);
			break;
		case '"': case '\'': case '`': case '{': case '~':
			return script_odd(s, "quotes that shells differ on");
		default:
			if (is_control(*s->p))
				return script_odd(s, "a control character");
			fine = put(s, out, skip, s->p, 1);
			s->p++;
		}
		if (!fine)
			return false;
	}
	return s->p < s->end || script_odd(s, "a brace that is not closed");
}

/* "${NAME" was read, and s->p is at what follows. */
static bool braces(struct script *s, const char *name, size_t n, bool quoted, enum word_use use, bool skip,
		   struct strbuf *out)
{
	cleanup(strbuf_done) struct strbuf word = STRBUF_INIT;
	const char *value = NULL;
	bool colon, there, want;
	char op;

	if (!skip && !script_read(s, name, n, &value))
		return false;
	if (s->p < s->end && *s->p == '}') {
		s->p++;
		return put_value(s, quoted, use, skip, out, value ? value : "");
	}
	colon = s->p < s->end && *s->p == ':';
	s->p += colon;
	op = s->p < s->end ? *s->p : '\0';
	if (op == '\0' || !strchr("-+=", op))
		return script_odd(s, "an expansion of another kind");
	s->p++;
	there = value && (!colon || value[0] != '\0');
	want = !skip && (op == '+' ? there : !there);
	/* What comes first must not be kept: a growing word would be copied at each level. */
	if (!(quoted ? quoted_default(s, !want, &word) : bare_default(s, !want, &word)))
		return false;
	s->p++;
	if (want && op == '=' && !script_assign(s, name, n, word.text ? word.text : ""))
		return false;
	if (want)
		value = word.text ? word.text : "";
	else if (op == '+')
		value = "";
	return put_value(s, quoted, use, skip, out, value ? value : "");
}

bool script_dollar(struct script *s, bool quoted, enum word_use use, bool skip, struct strbuf *out)
{
	const char *name, *value = NULL;
	bool brace, fine;
	size_t n;

	s->p++;
	brace = s->p < s->end && *s->p == '{';
	name = s->p + brace;
	n = script_name(name, s->end);
	if (n == 0) {
		/* What is not run may have arguments: the text of 95-apps.sh has "$@". */
		if (skip && !brace && s->p < s->end && strchr("@*#?$!-0123456789", *s->p))
			return take(s, out, true, 1, "", 0);
		/* "$" and a character that means nothing after it stands for itself. */
		if (brace || (s->p < s->end && (strchr("(@*#?$!-[}0123456789", *s->p) || continues(s, s->p))) ||
		    (!quoted && s->p < s->end && strchr("'\"", *s->p)))
			return script_odd(s, "an expansion of another kind");
		return put(s, out, skip, "$", 1);
	}
	s->p = name + n;
	if (continues(s, s->p))
		return script_odd(s, "a name in two lines");
	if (!brace)
		return (skip || script_read(s, name, n, &value)) &&
		       put_value(s, quoted, use, skip, out, value ? value : "");
	if (++s->depth > SCRIPT_DEPTH_MAX)
		return script_odd(s, "too many levels");
	fine = braces(s, name, n, quoted, use, skip, out);
	s->depth--;
	return fine;
}

/* Does 'c', without quotes, mean more to some shell than itself? */
static bool means_more(char c, enum word_use use)
{
	return c == '~' || (use == WORD_EXPORT && c == '{') || (use == WORD_ARGUMENT && strchr("*?[]{}", c));
}

bool script_word(struct script *s, enum word_use use, bool skip, struct strbuf *out)
{
	while (s->p < s->end && !strchr(" \t\n;", *s->p)) {
		bool fine;

		switch (*s->p) {
		case '\'':
			fine = single(s, skip, out);
			break;
		case '"':
			s->p++;
			fine = script_quoted(s, '"', skip, out);
			break;
		case '\\':
			if (s->p + 1 >= s->end || is_control(s->p[1]))
				return script_odd(s, "a backslash at the end");
			fine = s->p[1] == '\n' ? take(s, out, skip, 2, "", 0)
					       : take(s, out, skip, 2, s->p + 1, 1);
			break;
		case '$':
			fine = script_dollar(s, false, use, skip, out);
			break;
		case '`': case '(': case ')': case '&': case '|': case '<': case '>':
			return script_odd(s, "a command");
		default:
			if (is_control(*s->p))
				return script_odd(s, "a control character");
			if (!skip && means_more(*s->p, use))
				return script_odd(s, "a pattern without quotes");
			fine = put(s, out, skip, s->p, 1);
			s->p++;
		}
		if (!fine)
			return false;
	}
	return true;
}
