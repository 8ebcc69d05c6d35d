/* SPDX-License-Identifier: BSD-3-Clause */
/* script.c - the commands of a plain script; see script.h. */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "launcher/view/script_i.h"
#include "libimage/base/cleanup.h"
#include "libimage/base/err.h"

enum { TEST_WORDS_MAX = 3 }; /* LIMIT: "A = B"; longer ones are obsolete, or look at files */

static bool at_end(const struct script *s)
{
	return s->p >= s->end || *s->p == '\n' || *s->p == ';';
}

/* Is the word at s->p exactly 'word', without quotes? */
static bool is_word(const struct script *s, const char *word)
{
	size_t n = strlen(word);

	return (size_t)(s->end - s->p) >= n && memcmp(s->p, word, n) == 0 &&
	       (s->p + n == s->end || strchr(" \t\n;", s->p[n]));
}

static bool is_any(const struct script *s, const char *const *words, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (is_word(s, words[i]))
			return true;
	return false;
}

static void skip_comment(struct script *s)
{
	while (s->p < s->end && *s->p != '\n')
		s->p++;
}

/* To the next command: over blanks, empty lines and comments. */
static void skip_space(struct script *s)
{
	for (;;) {
		script_blanks(s);
		if (s->p < s->end && *s->p == '#')
			skip_comment(s);
		else if (s->p < s->end && *s->p == '\n')
			s->p++;
		else
			return;
	}
}

/* What may follow a command: nothing, a comment, the end of the line, one semicolon. */
static bool end_command(struct script *s)
{
	script_blanks(s);
	if (s->p < s->end && *s->p == '#')
		skip_comment(s);
	if (s->p >= s->end)
		return true;
	if (!at_end(s))
		return script_odd(s, "more than one word");
	if (*s->p++ == ';') {
		script_blanks(s);
		if (s->p < s->end && *s->p == ';')
			return script_odd(s, "a command");
	}
	return true;
}

/* The length of the name of "NAME=...", 0: no assignment. */
static size_t assignment(const struct script *s)
{
	size_t n = script_name(s->p, s->end);

	return s->p + n < s->end && s->p[n] == '=' ? n : 0;
}

/* Are there words left? Moves to the next. */
static bool more(struct script *s)
{
	script_blanks(s);
	return !at_end(s) && *s->p != '#';
}

static bool assign(struct script *s, size_t n, bool skip)
{
	cleanup(strbuf_done) struct strbuf value = STRBUF_INIT;
	const char *name = s->p;

	s->p += n + 1;
	return script_word(s, WORD_VALUE, skip, &value) &&
	       (skip || script_assign(s, name, n, value.text ? value.text : ""));
}

/* "NAME=VALUE ...": behind it a command would have them as its environment. */
static bool assign_all(struct script *s, bool skip)
{
	size_t n;

	while (more(s)) {
		n = assignment(s);
		if (n == 0)
			return script_odd(s, "a command");
		if (!assign(s, n, skip))
			return false;
	}
	return true;
}

/* A name and the value it is to get, which may not be given before all words are expanded. */
struct pair {
	const char *name;
	size_t n;
	struct strbuf value;
	bool assigned;
};

static bool export_one(struct script *s, const struct pair *p)
{
	if (p->assigned && !script_assign(s, p->name, p->n, p->value.text ? p->value.text : ""))
		return false;
	return script_export(s, p->name, p->n);
}

/* The words of "export NAME NAME=VALUE ...": shells expand all of them first. */
static bool export_words(struct script *s, struct pair **pairs, size_t *count)
{
	while (more(s)) {
		struct pair *v = reallocarray(*pairs, *count + 1, sizeof(*v)), *p;

		if (!v) {
			s->no_memory = true;
			return false;
		}
		*pairs = v;
		p = &v[(*count)++];
		*p = (struct pair){ .name = s->p, .n = script_name(s->p, s->end) };
		s->p += p->n;
		p->assigned = p->n > 0 && s->p < s->end && *s->p == '=';
		s->p += p->assigned;
		if (p->n == 0 || (!p->assigned && !at_end(s) && !strchr(" \t", *s->p)))
			return script_odd(s, "an option of export");
		if (p->assigned && !script_word(s, WORD_EXPORT, false, &p->value))
			return false;
	}
	return *count > 0 || script_odd(s, "export without a name");
}

static bool do_export(struct script *s)
{
	struct pair *pairs = NULL;
	size_t count = 0;
	bool fine = export_words(s, &pairs, &count);

	for (size_t i = 0; i < count; i++) {
		fine = fine && export_one(s, &pairs[i]);
		strbuf_done(&pairs[i].value);
	}
	free(pairs);
	return fine;
}

static bool do_unset(struct script *s)
{
	while (more(s)) {
		size_t n = script_name(s->p, s->end);

		if (n == 0 || (s->p + n < s->end && !strchr(" \t\n;", s->p[n])))
			return script_odd(s, "an option of unset");
		if (!script_unset(s, s->p, n))
			return false;
		s->p += n;
	}
	return true;
}

/* ":" and "true": their words count for ${NAME:=WORD} only. */
static bool do_nothing(struct script *s, bool skip)
{
	while (more(s)) {
		cleanup(strbuf_done) struct strbuf word = STRBUF_INIT;

		if (!script_word(s, WORD_VALUE, skip, &word))
			return false;
	}
	return true;
}

/* What a shell reads in a way of its own. */
static const char *const reserved[] = {
	"for", "while", "until", "case", "select", "function", "time", "coproc", "{", "}", "!", "[[", "]]", "do",
	"done", "esac", "in", "then", "elif", "else", "fi", "alias",
};

static bool simple(struct script *s, bool skip)
{
	if (is_any(s, reserved, ARRAY_SIZE(reserved)))
		return script_odd(s, "a command");
	if (skip)
		return do_nothing(s, true);
	if (assignment(s) > 0)
		return assign_all(s, false);
	if (is_word(s, "export")) {
		s->p += strlen("export");
		return do_export(s);
	}
	if (is_word(s, "unset")) {
		s->p += strlen("unset");
		return do_unset(s);
	}
	if (is_word(s, ":") || is_word(s, "true")) {
		s->p += *s->p == ':' ? 1 : strlen("true");
		return do_nothing(s, false);
	}
	return script_odd(s, "a command");
}

/* POSIX's test by the number of its words, for strings. Returns 1, 0, or -1: of another kind. */
static int test(const struct strbuf *w, size_t n)
{
	const char *text[TEST_WORDS_MAX];

	for (size_t i = 0; i < n; i++)
		text[i] = w[i].text ? w[i].text : "";
	if (n == 1)
		return text[0][0] != '\0';
	if (n == 2 && strcmp(text[0], "-n") == 0)
		return text[1][0] != '\0';
	if (n == 2 && strcmp(text[0], "-z") == 0)
		return text[1][0] == '\0';
	if (n == 3 && strcmp(text[1], "=") == 0)
		return strcmp(text[0], text[2]) == 0;
	if (n == 3 && strcmp(text[1], "!=") == 0)
		return strcmp(text[0], text[2]) != 0;
	return -1;
}

/* The words of a test, with the bracket that must close it. */
static bool test_words(struct script *s, bool bracket, struct strbuf *w, bool *ret)
{
	size_t n = 0;
	int rc;

	while (more(s) && !(bracket && is_word(s, "]"))) {
		if (n == TEST_WORDS_MAX)
			return script_odd(s, "a test of another kind");
		if (!script_word(s, WORD_ARGUMENT, false, &w[n++]))
			return false;
	}
	if (bracket && !is_word(s, "]"))
		return script_odd(s, "a test without its bracket");
	s->p += bracket;
	rc = more(s) ? -1 : test(w, n);
	if (rc < 0)
		return script_odd(s, "a test of another kind");
	*ret = rc == 1;
	return true;
}

/* The command behind "if" or "elif". */
static bool condition(struct script *s, bool skip, bool *ret)
{
	struct strbuf w[TEST_WORDS_MAX] = { STRBUF_INIT };
	bool bracket, not, fine;

	script_blanks(s);
	*ret = false;
	not = is_word(s, "!");
	if (not) {
		s->p++;
		script_blanks(s);
	}
	bracket = is_word(s, "[");
	if (!bracket && !is_word(s, "test"))
		return script_odd(s, "a command");
	s->p += bracket ? 1 : strlen("test");
	if (skip)
		return do_nothing(s, true) && end_command(s);
	fine = test_words(s, bracket, w, ret);
	for (size_t i = 0; i < TEST_WORDS_MAX; i++)
		strbuf_done(&w[i]);
	*ret = *ret != not;
	return fine && end_command(s);
}

static bool keyword(struct script *s, const char *word)
{
	if (!is_word(s, word))
		return false;
	s->p += strlen(word);
	return true;
}

static bool commands(struct script *s, bool skip, bool nested);

/* "CONDITION then COMMANDS", of an "if" or "elif"; 'done': one before was taken. */
static bool branch(struct script *s, bool skip, bool *taken)
{
	bool is = false;

	if (!condition(s, skip || *taken, &is))
		return false;
	skip_space(s);
	if (!keyword(s, "then"))
		return script_odd(s, "if without then");
	is = is && !skip && !*taken;
	if (!commands(s, !is, true))
		return false;
	*taken = *taken || is;
	return true;
}

static bool if_command(struct script *s, bool skip)
{
	bool taken = false;

	if (++s->depth > SCRIPT_DEPTH_MAX)
		return script_odd(s, "too many levels");
	s->p += strlen("if");
	if (!branch(s, skip, &taken))
		return false;
	while (keyword(s, "elif"))
		if (!branch(s, skip, &taken))
			return false;
	if (keyword(s, "else") && !commands(s, skip || taken, true))
		return false;
	if (!keyword(s, "fi"))
		return script_odd(s, "if without fi");
	s->depth--;
	script_blanks(s);
	return at_end(s) || *s->p == '#' || script_odd(s, "a command");
}

/* Commands up to the end, or to what ends a branch if 'nested'. A branch has at least one. */
static bool commands(struct script *s, bool skip, bool nested)
{
	static const char *const ends[] = { "elif", "else", "fi" };

	for (bool first = true;; first = false) {
		skip_space(s);
		if (s->p >= s->end)
			return !nested || script_odd(s, "if without fi");
		if (nested && is_any(s, ends, ARRAY_SIZE(ends)))
			return !first || script_odd(s, "an empty branch");
		if (*s->p == ';')
			return script_odd(s, "a semicolon alone");
		if (!(is_word(s, "if") ? if_command(s, skip) : simple(s, skip)) || !end_command(s))
			return false;
	}
}

static int copy(const struct script_vars *from, struct script_vars *ret, struct berth_err *err)
{
	for (size_t i = 0; i < from->n; i++) {
		const struct script_var *f = &from->v[i];

		if (script_vars_set(ret, f->name, f->value ? f->value : "", f->exported, err) < 0)
			return -1;
		ret->v[i].assigned = f->assigned;
		if (!f->value) {
			free(ret->v[i].value);
			ret->v[i].value = NULL;
		}
	}
	return 0;
}

static unsigned int line_of(const char *text, const char *p)
{
	unsigned int line = 1;

	for (; text < p; text++)
		line += *text == '\n';
	return line;
}

int script_run(const char *text, size_t n, struct script_vars *vars, struct script_odd *odd,
	       struct berth_err *err)
{
	struct script_vars after = SCRIPT_VARS_INIT;
	struct script s = { .p = text, .end = text + n, .vars = &after };
	bool fine = false;

	if (copy(vars, &after, err) < 0) {
		script_vars_done(&after);
		return -1;
	}
	if (n > SCRIPT_TEXT_MAX)
		(void)script_odd(&s, "a text that is too long");
	else if (memchr(text, '\0', n))
		(void)script_odd(&s, "a control character");
	else
		fine = commands(&s, false, false);
	if (fine) {
		script_vars_done(vars);
		*vars = after;
		return 1;
	}
	script_vars_done(&after);
	if (s.no_memory)
		return berth_fail(err, BERTH_ESYS, ENOMEM, "cannot evaluate a script");
	*odd = (struct script_odd){ .line = line_of(text, s.p), .what = s.odd };
	return 0;
}

int script_expand(const char *text, struct script_vars *vars, struct strbuf *ret, struct berth_err *err)
{
	cleanup(strbuf_done) struct strbuf quoted = STRBUF_INIT, out = STRBUF_INIT;
	struct script s = { .vars = vars };

	/* So that it is one string between quotes: its own lose their meaning. */
	for (const char *p = text; *p; p++) {
		if (*p == '\\' && p[1] != '\0') {
			strbuf_add(&quoted, p++, 2);
			continue;
		}
		if (*p == '"' || *p == '\\')
			strbuf_puts(&quoted, "\\");
		strbuf_add(&quoted, p, 1);
	}
	s.p = quoted.text ? quoted.text : "";
	s.end = s.p + quoted.len;
	if (!quoted.failed && !script_quoted(&s, '\0', false, &out) && !s.no_memory)
		return 0;
	strbuf_add(ret, out.text ? out.text : "", out.len);
	if (s.no_memory || quoted.failed || !strbuf_ok(ret))
		return berth_fail(err, BERTH_ESYS, ENOMEM, "cannot evaluate a variable");
	return 1;
}
