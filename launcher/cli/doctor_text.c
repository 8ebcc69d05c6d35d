/* SPDX-License-Identifier: BSD-3-Clause */
/* doctor_text.c - small parsers, and the two ways to show findings; see doctor_text.h. */
#include "config.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "launcher/cli/doctor.h"
#include "launcher/cli/doctor_text.h"
#include "libimage/base/cleanup.h"
#include "libimage/base/num.h"
#include "libimage/base/path.h"

#define BLANKS " \t\r"

/* The digits at 'text' as a number, and what follows them; false where there are none. */
static bool take_number(const char **text, uint64_t max, uint64_t *ret)
{
	size_t n = strspn(*text, "0123456789");
	char digits[24];

	if (n == 0 || n >= sizeof(digits))
		return false;
	memcpy(digits, *text, n);
	digits[n] = '\0';
	if (num_parse_u64(digits, max, ret) < 0)
		return false;
	*text += n;
	return true;
}

bool text_release_from(const char *release, unsigned int major, unsigned int minor)
{
	uint64_t have_major = 0, have_minor = 0;

	if (!take_number(&release, UINT32_MAX, &have_major) || *release++ != '.' ||
	    !take_number(&release, UINT32_MAX, &have_minor))
		return false;
	return have_major > major || (have_major == major && have_minor >= minor);
}

int text_number(const char *text, uint64_t *ret)
{
	uint64_t v = 0;

	if (!take_number(&text, UINT64_MAX, &v) || (text[0] != '\0' && strcmp(text, "\n") != 0))
		return -1;
	*ret = v;
	return 0;
}

/* Copy the line at *text without its end into 'out' and go on to the next; false: there is none. */
static bool next_line(const char **text, char *out, size_t size)
{
	size_t n;

	if ((*text)[0] == '\0')
		return false;
	n = strcspn(*text, "\n");
	(void)snprintf(out, size, "%.*s", (int)(n < size ? n : size - 1), *text);
	*text += n + ((*text)[n] == '\n');
	return true;
}

unsigned int text_hidepid(const char *mounts)
{
	static const struct {
		const char *value;
		unsigned int n;
	} words[] = { { "off", 0 }, { "noaccess", 1 }, { "invisible", 2 }, { "ptraceable", 4 },
		      { "0", 0 },   { "1", 1 },	       { "2", 2 },	   { "4", 4 } };
	unsigned int found = 0;
	char line[1024];

	while (next_line(&mounts, line, sizeof(line))) {
		const char *p = strstr(line, " /proc proc "), *value;

		if (!p)
			continue;
		found = 0; /* the last mount on /proc is the one that is seen */
		value = strstr(p, "hidepid=");
		if (!value)
			continue;
		value += strlen("hidepid=");
		for (size_t i = 0; i < ARRAY_SIZE(words); i++)
			if (strlen(words[i].value) == strcspn(value, ", ") &&
			    strncmp(value, words[i].value, strlen(words[i].value)) == 0)
				found = words[i].n;
	}
	return found;
}

bool text_slurm_key(const char *text, const char *key, char *out, size_t size)
{
	char line[1024];

	while (next_line(&text, line, sizeof(line))) {
		const char *p = line + strspn(line, BLANKS);
		size_t n = strlen(key);

		if (strncasecmp(p, key, n) != 0)
			continue;
		p += n + strspn(p + n, BLANKS);
		if (*p++ != '=')
			continue;
		p += strspn(p, BLANKS);
		n = strcspn(p, BLANKS "#");
		if (n == 0 || n >= size)
			continue;
		memcpy(out, p, n);
		out[n] = '\0';
		return true;
	}
	return false;
}

/* SLURM: plugstack.c takes a line apart at blanks: flag, path, arguments; '#' begins a comment. */
enum plug_kind text_plug_line(const char *line, char *out, size_t size)
{
	static const struct {
		const char *word;
		enum plug_kind kind;
	} words[] = { { "required", PLUG_REQUIRED }, { "optional", PLUG_OPTIONAL }, { "include", PLUG_INCLUDE } };
	size_t n;

	line += strspn(line, BLANKS);
	n = strcspn(line, BLANKS "#\n");
	if (n == 0)
		return PLUG_NONE;
	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		if (strlen(words[i].word) != n || strncmp(line, words[i].word, n) != 0)
			continue;
		line += n + strspn(line + n, BLANKS);
		n = strcspn(line, BLANKS "#\n");
		if (n == 0 || n >= size)
			return PLUG_BAD;
		memcpy(out, line, n);
		out[n] = '\0';
		return words[i].kind;
	}
	return PLUG_BAD;
}

bool text_is_ours(const char *path)
{
	return strcmp(path_base(path), "spank_berth.so") == 0;
}

/* n bytes of a text, with what could drive a terminal made visible. */
static void add_escaped(struct strbuf *b, const char *text, size_t n, bool json)
{
	char part[FINDING_MEND_MAX], shown[4 * FINDING_MEND_MAX];

	(void)snprintf(part, sizeof(part), "%.*s", (int)n, text);
	str_escape(part, shown, sizeof(shown));
	for (const char *p = shown; *p; p++) {
		if (json && (*p == '"' || *p == '\\'))
			strbuf_puts(b, "\\");
		strbuf_add(b, p, 1);
	}
}

static void json_string(struct strbuf *b, const char *text)
{
	strbuf_puts(b, "\"");
	for (;;) {
		size_t n = strcspn(text, "\n");

		add_escaped(b, text, n, true);
		if (text[n] == '\0')
			break;
		strbuf_puts(b, "\\n");
		text += n + 1;
	}
	strbuf_puts(b, "\"");
}

static const char *const results[] = { [FINDING_OK] = "ok", [FINDING_WARN] = "warning", [FINDING_FAIL] = "failure" };

void text_json(struct strbuf *b, const struct finding *v, size_t n)
{
	strbuf_puts(b, "[");
	for (size_t i = 0; i < n; i++) {
		strbuf_printf(b, "%s\n  {\"result\": \"%s\", \"check\": ", i > 0 ? "," : "", results[v[i].result]);
		json_string(b, v[i].check);
		strbuf_puts(b, ", \"text\": ");
		json_string(b, v[i].text);
		if (v[i].mend[0] != '\0') {
			strbuf_puts(b, ", \"mend\": ");
			json_string(b, v[i].mend);
		}
		strbuf_puts(b, "}");
	}
	strbuf_puts(b, "\n]\n");
}

void text_lines(struct strbuf *b, const struct finding *v)
{
	const char *p = v->mend;

	strbuf_printf(b, "%-8s %s: ", results[v->result], v->check);
	add_escaped(b, v->text, strlen(v->text), false);
	strbuf_puts(b, "\n");
	while (p[0] != '\0') {
		size_t n = strcspn(p, "\n");

		strbuf_puts(b, "         ");
		add_escaped(b, p, n, false);
		strbuf_puts(b, "\n");
		p += n + (p[n] == '\n');
	}
}
