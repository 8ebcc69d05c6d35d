/* SPDX-License-Identifier: BSD-3-Clause */
/* check_status.c - exit statuses and options are what the manual says they are. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "launcher/cli/flags.h"
#include "launcher/cli/status.h"
#include "launcher/view/options.h"
#include "libimage/base/cleanup.h"
#include "libimage/base/str.h"
#include "tests/unit/unit.h"

static void load_manual(struct strbuf *out)
{
	cleanup_fclose FILE *f = fopen(TOP_SRCDIR "/launcher/cli/berth.1", "re");
	char line[512];

	ck_assert_ptr_nonnull(f);
	while (fgets(line, sizeof(line), f))
		strbuf_puts(out, line);
	ck_assert(strbuf_ok(out) && out->text);
}

START_TEST(every_code)
{
	static const int want[BERTH_ECODES] = {
		[BERTH_OK] = 0,		[BERTH_EUSAGE] = 1,   [BERTH_ECONFIG] = 255,
		[BERTH_EDENIED] = 255,	[BERTH_ENOTFOUND] = 255, [BERTH_EIMAGE] = 255,
		[BERTH_ENET] = 255,	[BERTH_ESYS] = 255,   [BERTH_EBUG] = 255,
	};

	for (int i = 0; i < BERTH_ECODES; i++) {
		ck_assert_ptr_nonnull(status_rows[i].name);
		ck_assert_int_eq(status_of((enum berth_code)i), want[i]);
	}
	ck_assert_int_eq(status_of((enum berth_code)BERTH_ECODES), 255);
	ck_assert_int_eq(status_of((enum berth_code)-1), 255);
}
END_TEST

/* The manual's table has one line a code: ".It 255 Ta text". */
START_TEST(manual_statuses)
{
	cleanup(strbuf_done) struct strbuf page = STRBUF_INIT, want = STRBUF_INIT;
	unsigned int lines = 0;

	load_manual(&page);
	for (int i = 0; i < BERTH_ECODES; i++)
		strbuf_printf(&want, ".It %d Ta %s\n", status_rows[i].status, status_rows[i].what);
	ck_assert_msg(strstr(page.text, want.text) != NULL, "berth.1 should have:\n%s", want.text);
	for (const char *p = page.text; (p = strstr(p, "\n.It ")) != NULL; p++)
		lines += p[5] >= '0' && p[5] <= '9' && strncmp(p + 5 + strspn(p + 5, "0123456789"), " Ta ", 4) == 0;
	ck_assert_uint_eq(lines, BERTH_ECODES); /* and no other line */
}
END_TEST

/* Each option is described under its own name, with its letter, and its variable is named. */
START_TEST(manual_options)
{
	cleanup(strbuf_done) struct strbuf page = STRBUF_INIT;

	load_manual(&page);
	for (size_t i = 0; i < option_count; i++) {
		const struct option_row *r = &option_rows[i];
		char want[128];

		if (!(r->faces & FACE_CLI))
			continue;
		if (r->letter)
			(void)snprintf(want, sizeof(want), "\n.It Fl %c , Fl Fl %s", r->letter, r->name);
		else
			(void)snprintf(want, sizeof(want), "\n.It Fl Fl %s", r->name);
		ck_assert_msg(strstr(page.text, want) != NULL, "berth.1 lacks '%s'", want + 1);
		if (!(r->faces & FACE_ENV))
			continue;
		(void)snprintf(want, sizeof(want), "\n.It Ev BERTH_%s", r->env);
		ck_assert_msg(strstr(page.text, want) != NULL, "berth.1 lacks '%s'", want + 1);
	}
	for (size_t i = 0; i < flag_local_count; i++) {
		char want[128];

		if (flag_locals[i].letter)
			(void)snprintf(want, sizeof(want), "\n.It Fl %c , Fl Fl %s", flag_locals[i].letter,
				       flag_locals[i].name);
		else
			(void)snprintf(want, sizeof(want), "\n.It Fl Fl %s", flag_locals[i].name);
		ck_assert_msg(strstr(page.text, want) != NULL, "berth.1 lacks '%s'", want + 1);
	}
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("status");

	tcase_add_test(tc, every_code);
	tcase_add_test(tc, manual_statuses);
	tcase_add_test(tc, manual_options);
	return unit_run("status", tc);
}
