/* SPDX-License-Identifier: BSD-3-Clause */
/* challenge.c - WWW-Authenticate; see challenge.h. RFC 9110, section 11. */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "libimage/base/cleanup.h"
#include "libimage/base/err.h"
#include "libimage/base/str.h"
#include "libimage/registry/challenge.h"

enum { CHALLENGE_TEXT_MAX = 16 * 1024 }; /* LIMIT: bytes; real ones have some hundred */

struct word {
	const char *p;
	size_t n;
};

static bool is_token(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       (c != '\0' && strchr("!#$%&'*+-.^_`|~", c));
}

static const char *skip(const char *p, const char *over)
{
	return p + strspn(p, over);
}

/* A run of token characters at *p, which moves behind it. */
static struct word token(const char **p)
{
	struct word w = { .p = *p };

	while (is_token(w.p[w.n]))
		w.n++;
	*p += w.n;
	return w;
}

static bool is(const struct word *w, const char *name)
{
	return w->n == strlen(name) && strncasecmp(w->p, name, w->n) == 0;
}

/* The value at *p, a token or a quoted string, as a new string; NULL if it is neither, or no memory. */
static char *value(const char **p)
{
	cleanup(strbuf_done) struct strbuf out = STRBUF_INIT;
	const char *q = *p;

	if (*q != '"') {
		struct word w = token(p);

		return w.n > 0 ? strndup(w.p, w.n) : NULL;
	}
	for (q++; *q != '"'; q++) {
		if (*q == '\\')
			q++;
		if ((unsigned char)*q < ' ' || *q == 0x7f)
			return NULL;
		strbuf_add(&out, q, 1);
	}
	*p = q + 1;
	if (out.len == 0)
		return strdup("");
	return strbuf_ok(&out) ? take_ptr(&out.text) : NULL;
}

/* Where a parameter of the first Bearer is kept; NULL: nobody asks for it. */
static char **place_of(struct challenge *c, const struct word *name)
{
	return is(name, "realm") ? &c->realm : is(name, "service") ? &c->service :
	       is(name, "scope") ? &c->scope : is(name, "error") ? &c->error : NULL;
}

/*
 * The parameters of one challenge, up to the next one or the end. 'c' is NULL where they are of no
 * interest. Returns 0, or -1 where the text is no list of parameters.
 */
static int parameters(const char **at, struct challenge *c)
{
	const char *p = skip(*at, " \t");

	/* token68, as in "Negotiate YWJj==": one word, and no parameter */
	for (const char *q = p; *q && *q != ','; q++) {
		if (is_token(*q) || *q == '/')
			continue;
		q = skip(skip(q, "="), " \t");
		if (q > p && (*q == ',' || *q == '\0')) {
			*at = q;
			return 0;
		}
		break;
	}
	for (;;) {
		const char *start = p;
		struct word name = token(&p);
		cleanup_free char *v = NULL;
		char **place;

		p = skip(p, " \t");
		if (name.n == 0 || *p != '=') { /* the next challenge's scheme, or the end */
			*at = start;
			return 0;
		}
		p = skip(p + 1, " \t");
		v = value(&p);
		if (!v)
			return -1;
		place = c ? place_of(c, &name) : NULL;
		if (place && *place)
			return -1;
		if (place)
			*place = take_ptr(&v);
		p = skip(p, " \t");
		if (*p != ',' && *p != '\0')
			return -1;
		p = skip(p, ", \t");
		*at = p;
		if (*p == '\0')
			return 0;
	}
}

static int parse(const char *p, struct challenge *c)
{
	for (p = skip(p, ", \t"); *p; p = skip(p, ", \t")) {
		struct word scheme = token(&p);
		bool bearer = is(&scheme, "Bearer"), first = bearer && !c->bearer;

		if (scheme.n == 0 || (*p != ' ' && *p != '\t' && *p != ',' && *p != '\0'))
			return -1;
		c->basic = c->basic || is(&scheme, "Basic");
		c->bearer = c->bearer || bearer;
		if (*p == ',' || *p == '\0')
			continue;
		if (parameters(&p, first ? c : NULL) < 0)
			return -1;
	}
	return 0;
}

int challenge_parse(const char *text, struct challenge *ret, struct berth_err *err)
{
	struct challenge c = CHALLENGE_INIT;

	if (strlen(text) > CHALLENGE_TEXT_MAX || parse(text, &c) < 0) {
		challenge_done(&c);
		return berth_fail(err, BERTH_ENET, 0, "the server's WWW-Authenticate is not understood");
	}
	*ret = c;
	return 0;
}

void challenge_done(struct challenge *c)
{
	free(c->realm);
	free(c->service);
	free(c->scope);
	free(c->error);
	*c = (struct challenge)CHALLENGE_INIT;
}
