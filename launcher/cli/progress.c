/* SPDX-License-Identifier: BSD-3-Clause */
/* progress.c - how far downloads have come; see progress.h. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "launcher/cli/progress.h"
#include "libimage/base/cleanup.h"
#include "libimage/base/log.h"

enum {
	LABEL_MAX = 32,	   /* LIMIT: bytes; "sha256:" and twelve digits are 19 */
	LINES_MAX = 24,	   /* LIMIT: lines drawn; an image has five layers, some have a hundred */
	LINE_MAX_BYTES = 256,
	REDRAW_MS = 100,   /* LIMIT: no more often than that */
	WIDTH_USUAL = 80,
	WIDTH_LEAST = 40,
	BAR_LEAST = 8,
};

struct item {
	char label[LABEL_MAX];
	uint64_t done, total;
	enum progress_state state;
};

struct progress {
	bool quiet, terminal;
	size_t n, drawn; /* lines that are on the screen */
	int64_t last_ms;
	struct item item[];
};

void progress_size(uint64_t bytes, char out[PROGRESS_SIZE])
{
	static const char *const units[] = { "B", "kB", "MB", "GB", "TB" };
	double v = (double)bytes;
	size_t u = 0;

	while (v >= 999.95 && u + 1 < ARRAY_SIZE(units)) {
		v /= 1000;
		u++;
	}
	(void)snprintf(out, PROGRESS_SIZE, u == 0 ? "%.0f %s" : "%.1f %s", v, units[u]);
}

/* What is said in place of a bar; NULL: a bar. */
static const char *const state_words[] = {
	[PROGRESS_WAITING] = "waiting", [PROGRESS_COMING] = NULL, [PROGRESS_THERE] = "was there already", [PROGRESS_DONE] = "done",
};

void progress_line(const char *label, uint64_t done, uint64_t total, enum progress_state state,
		   unsigned int width, char *out, size_t size)
{
	char have[PROGRESS_SIZE], all[PROGRESS_SIZE], bar[LINE_MAX_BYTES] = "";
	const char *word = state_words[state];
	unsigned int room, full;

	progress_size(done, have);
	progress_size(total, all);
	if (word) {
		(void)snprintf(out, size, "%-20s %9s  %s", label, all, word);
		return;
	}
	/* "LABEL [####      ]  45.2 MB of 106.4 MB" */
	room = width > 20 + 4 + 24 ? width - 20 - 4 - 24 : 0;
	if (room > sizeof(bar) - 1)
		room = sizeof(bar) - 1;
	if (room < BAR_LEAST) {
		(void)snprintf(out, size, "%-20s %9s of %s", label, have, all);
		return;
	}
	full = total > 0 && done < total ? (unsigned int)((double)done / (double)total * room) : room;
	memset(bar, ' ', room);
	memset(bar, '#', full);
	(void)snprintf(out, size, "%-20s [%s] %9s of %s", label, bar, have, all);
}

static int64_t now_ms(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static unsigned int terminal_width(void)
{
	struct winsize w;

	if (ioctl(STDERR_FILENO, TIOCGWINSZ, &w) < 0 || w.ws_col < WIDTH_LEAST)
		return WIDTH_USUAL;
	return w.ws_col;
}

struct progress *progress_new(size_t n, bool quiet)
{
	struct progress *p = calloc(1, sizeof(*p) + n * sizeof(p->item[0]));
	const char *term = getenv("TERM");

	if (!p)
		return NULL;
	p->quiet = quiet;
	p->terminal = isatty(STDERR_FILENO) && term && strcmp(term, "dumb") != 0;
	p->n = n;
	return p;
}

/* The lines that matter, when there are more than fit: those that move. */
static void draw(struct progress *p)
{
	unsigned int width = terminal_width() - 1;
	char line[LINE_MAX_BYTES];
	size_t lines = p->n < LINES_MAX ? p->n : LINES_MAX, n = 0;

	if (p->drawn > 0)
		(void)fprintf(stderr, "\033[%zuA", p->drawn);
	for (size_t i = 0; i < p->n && n < lines; i++) {
		const struct item *it = &p->item[i];
		size_t left = p->n - i;

		/* what is complete is left out first */
		if (left > lines - n && (it->state == PROGRESS_DONE || it->state == PROGRESS_THERE))
			continue;
		progress_line(it->label, it->done, it->total, it->state, width, line, sizeof(line));
		(void)fprintf(stderr, "\r%.*s\033[K\n", (int)width, line);
		n++;
	}
	p->drawn = n > p->drawn ? n : p->drawn;
	for (; n < p->drawn; n++)
		(void)fputs("\r\033[K\n", stderr);
	(void)fflush(stderr);
}

void progress_set(struct progress *p, size_t i, const char *label, uint64_t done, uint64_t total,
		  enum progress_state state)
{
	struct item *it;
	bool news;
	int64_t now;

	if (!p || p->quiet || i >= p->n)
		return;
	it = &p->item[i];
	news = it->state != state;
	(void)snprintf(it->label, sizeof(it->label), "%s", label);
	it->done = done;
	it->total = total;
	it->state = state;
	if (!p->terminal) {
		char line[LINE_MAX_BYTES];

		if (news && (state == PROGRESS_DONE || state == PROGRESS_THERE)) {
			progress_line(label, done, total, state, WIDTH_USUAL, line, sizeof(line));
			log_line(LOG_NOTE, "%s", line);
		}
		return;
	}
	now = now_ms();
	if (!news && now - p->last_ms < REDRAW_MS)
		return;
	p->last_ms = now;
	draw(p);
}

struct progress *progress_end(struct progress *p)
{
	if (p && p->terminal && !p->quiet && p->drawn > 0)
		draw(p);
	free(p);
	return NULL;
}
