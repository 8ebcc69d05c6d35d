/* SPDX-License-Identifier: BSD-3-Clause */
/* report.c - say it once per node; see report.h. */
#include "config.h"

#include <dlfcn.h>
#include <slurm/spank.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/utsname.h>

#include "libimage/base/err.h"
#include "libimage/base/str.h"
#include "plugin/report.h"

struct page {
	atomic_bool error, note, image;
};

static struct page *page;

void report_open(void)
{
	void *p;

	if (page)
		return;
	p = mmap(NULL, sizeof(*page), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	page = p == MAP_FAILED ? NULL : p;
}

void report_close(void)
{
	if (page)
		(void)munmap(page, sizeof(*page));
	page = NULL;
}

void report_error(const struct berth_err *err)
{
	/* LIMIT: an escaped byte is four characters. */
	char line[4 * (BERTH_TEXT_MAX + BERTH_HINT_MAX) + 8], raw[BERTH_TEXT_MAX + BERTH_HINT_MAX + 8];

	if (page && atomic_exchange(&page->error, true))
		return;
	/* The launcher's text may quote the image; '%.*s' also ends a text without a NUL. */
	(void)snprintf(raw, sizeof(raw), err->hint[0] ? "%.*s (%.*s)" : "%.*s%.*s",
		       BERTH_TEXT_MAX - 1, err->text, BERTH_HINT_MAX - 1, err->hint);
	str_escape(raw, line, sizeof(line));
	slurm_error("berth: %s", line);
}

bool report_first(void)
{
	return !page || !atomic_exchange(&page->image, true);
}

void report_note(const char *text)
{
	void (*say)(const char *, ...) __attribute__((format(printf, 1, 2))) = slurm_info;
	struct utsname host;
	char line[2048];
	void *sym;

	if (!text[0] || (page && atomic_exchange(&page->note, true)))
		return;
	/* SLURM: from a task slurm_info() reaches only slurmd's log; slurm_spank_log() reaches
	 * the user too, where this release has it. */
	sym = dlsym(RTLD_DEFAULT, "slurm_spank_log");
	if (sym)
		memcpy(&say, &sym, sizeof(sym));
	str_escape(text, line, sizeof(line));
	/* Nothing else says which node's note it is. */
	say("berth: on %s: %s", uname(&host) == 0 ? host.nodename : "?", line);
}
