/* SPDX-License-Identifier: BSD-3-Clause */
/* values.c - rules about what users type; see values.h. */
#include "config.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "launcher/view/options.h"
#include "libimage/base/cleanup.h"
#include "libimage/base/err.h"
#include "plugin/names.h"
#include "plugin/values.h"

int value_check(const char *what, const char *text, struct berth_err *err)
{
	size_t n = strlen(text);

	if (n == 0)
		return berth_fail(err, BERTH_EUSAGE, 0, "%s is empty", what);
	if (n > VALUE_MAX)
		return berth_fail(err, BERTH_EUSAGE, 0, "%s has %zu bytes (at most %d are allowed)",
				  what, n, VALUE_MAX);
	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)text[i];

		if (c < 0x20 || c == 0x7f)
			return berth_fail(err, BERTH_EUSAGE, 0,
					  "%s has a control character (byte %zu is 0x%02x)",
					  what, i + 1, (unsigned int)c);
	}
	return 0;
}

static int apply_line(const struct option_row *row, const char *line, struct room_spec *spec,
		      struct berth_err *err)
{
	char what[96];

	(void)snprintf(what, sizeof(what), "--container-%s", row->name);
	if (!row->arg && strcmp(line, "1") != 0)
		return 0;
	if (!row->arg)
		line = NULL;
	else if (value_check(what, line, err) < 0)
		return -1;
	if (row->set(spec, line, err) < 0)
		return berth_context(err, "%s", what);
	return 0;
}

int setting_apply(const struct option_row *row, const char *lines, struct room_spec *spec,
		  struct berth_err *err)
{
	cleanup_free char *copy = NULL;
	char *at, *line;

	if (strlen(lines) > SETTING_MAX)
		return berth_fail(err, BERTH_EUSAGE, 0,
				  "--container-%s: more than %d bytes altogether", row->name, SETTING_MAX);
	copy = at = strdup(lines);
	if (!copy)
		return berth_fail(err, BERTH_ESYS, errno, "--container-%s", row->name);
	while ((line = strsep(&at, "\n")))
		if (apply_line(row, line, spec, err) < 0)
			return -1;
	return 0;
}

bool setting_has(const char *lines, const char *text)
{
	size_t n = strlen(text);

	for (const char *p = lines; p; p = strchr(p, '\n') ? strchr(p, '\n') + 1 : NULL)
		if (strncmp(p, text, n) == 0 && (p[n] == '\n' || p[n] == '\0'))
			return true;
	return false;
}
