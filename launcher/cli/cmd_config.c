/* SPDX-License-Identifier: BSD-3-Clause */
/* cmd_config.c - berth config show: the site's settings as they are in effect. */
#include "config.h"
#include "paths.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "launcher/cli/absent.h"
#include "launcher/cli/cli.h"
#include "launcher/cli/doctor.h"
#include "launcher/view/site.h"
#include "libimage/base/cleanup.h"
#include "libimage/base/err.h"
#include "libimage/base/str.h"

/* What holds where the file says nothing, as etc/berth.conf shows it; tests/lint/docs compares. */
static const struct {
	const char *key, *value; /* value NULL: none */
} config_defaults[] = {
	{ "bind path", NULL },
	{ "kernel mount", "no" },
	{ "start timeout", "30" },
	{ "block cache", "8" },
	{ "site store", NULL },
	{ "site store owner", "0" },
	{ "cache limit", "0" },
	{ "registry mirror", NULL },
	{ "insecure registry", NULL },
	{ "registry ca", NULL },
};

static void put(const char *key, size_t n, const char *value, const char *from)
{
	char shown[1024];

	str_escape(value, shown, sizeof(shown));
	(void)printf("%.*s = %-*s # %s\n", (int)n, key, n < 40 ? (int)(40 - n) : 1, shown, from);
}

/* The lines of 'text', a file that site_load() has taken, that set 'key'; how many there are. */
static size_t put_set(const char *text, const char *key)
{
	size_t count = 0, n = strlen(key);

	for (const char *p = text; p; p = strchr(p, '\n'), p = p ? p + 1 : NULL) {
		char value[1024];

		p += strspn(p, " \t");
		if (strncmp(p, key, n) != 0 || p[n + strspn(p + n, " \t")] != '=')
			continue;
		p += n + strspn(p + n, " \t") + 1;
		p += strspn(p, " \t");
		(void)snprintf(value, sizeof(value), "%.*s", (int)strcspn(p, "\n"), p);
		put(key, n, value, "set");
		count++;
	}
	return count;
}

static int show(struct berth_err *err)
{
	cleanup(site_done) struct site site = { 0 };
	cleanup_free char *text = NULL;

	if (site_load(&site, err) < 0)
		return -1;
	text = doctor_read(BERTH_CONF);
	(void)printf("# %s%s\n", BERTH_CONF, text ? "" : " is not there");
	for (size_t i = 0; i < ARRAY_SIZE(config_defaults); i++) {
		const char *key = config_defaults[i].key, *value = config_defaults[i].value;

		if (text && put_set(text, key) > 0)
			continue;
		if (value)
			put(key, strlen(key), value, "default");
		else
			(void)printf("# %s: none\n", key);
	}
	return 0;
}

int cmd_config(int argc, char **argv)
{
	struct berth_err err = BERTH_ERR_INIT;

	if (argc == 2 && argv[1][0] == '-')
		(void)absent_option("config", argv[1], &err);
	else if (argc != 2 || strcmp(argv[1], "show") != 0) {
		berth_fail(&err, BERTH_EUSAGE, 0, "config has one command: show");
		berth_hint(&err, "the site's settings are in berth.conf, see berth.conf(5)");
	} else if (show(&err) == 0) {
		return cli_flush();
	}
	return cli_fail("config", &err);
}
