/* SPDX-License-Identifier: BSD-3-Clause */
/* fit_locale.c - no locale in the environment that the image lacks; see fit_locale.h. */
#include "config.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "launcher/inside/fit_locale.h"
#include "launcher/view/locale.h"
#include "libimage/base/cleanup.h"
#include "libimage/base/fd.h"
#include "libimage/base/log.h"

#define LOCALES "/usr/lib/locale"

/* What is known of the image's locales; nothing is looked up before it is needed. */
struct locales {
	bool looked;
	int dir;       /* -1: the image has no glibc, or no locales */
	char *strings; /* names in the archive */
	size_t n;
};

static void locales_done(struct locales *l)
{
	cleanup_close_fn(&l->dir);
	free(l->strings);
}

static void read_archive(struct locales *l)
{
	cleanup_close int fd = openat(l->dir, "locale-archive", O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	unsigned char head[LOCALE_HEAD_BYTES];
	size_t at, n;

	if (fd < 0 || fd_pread_full(fd, head, sizeof(head), 0) < 0 || !locale_strings(head, &at, &n))
		return;
	l->strings = malloc(n + 1);
	if (l->strings && fd_pread_full(fd, l->strings, n, (off_t)at) == 0)
		l->n = n;
}

static bool has_file(int dir, const char *name)
{
	char path[LOCALE_NAME_MAX + sizeof("/LC_CTYPE")];

	(void)snprintf(path, sizeof(path), "%s/LC_CTYPE", name);
	return faccessat(dir, path, R_OK, 0) == 0;
}

static bool has(struct locales *l, const char *name)
{
	char plain[LOCALE_NAME_MAX];

	if (locale_is_built_in(name))
		return true;
	if (!l->looked) {
		l->looked = true;
		l->dir = open(LOCALES, O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (l->dir >= 0)
			read_archive(l);
	}
	/* musl knows every name, and has no such directory. */
	if (l->dir < 0)
		return true;
	return locale_plain(name, plain) &&
	       (locale_among(l->strings ? l->strings : "", l->n, plain) || has_file(l->dir, plain) ||
		(strlen(name) < LOCALE_NAME_MAX && has_file(l->dir, name)));
}

static bool set_for_inside(const struct room_spec *spec, const char *entry, size_t name_len)
{
	for (size_t i = 0; i < spec->env.n; i++)
		if (strncmp(spec->env.v[i], entry, name_len + 1) == 0)
			return true;
	return false;
}

/* Is 'entry', NAME=VALUE, as 'host' has it? */
static bool is_callers(const char *const *host, const char *entry)
{
	for (const char *const *e = host; *e; e++)
		if (strcmp(*e, entry) == 0)
			return true;
	return false;
}

void fit_locale(const char *const *host, const struct room_spec *spec, struct strlist *env)
{
	cleanup(locales_done) struct locales l = { .dir = -1 };

	for (size_t i = 0; i < env->n; i++) {
		size_t n = strcspn(env->v[i], "=");
		const char *value = env->v[i] + n + 1, *instead;
		char *entry;

		if (!locale_is_variable(env->v[i], n) || env->v[i][n] != '=' || value[0] == '\0' ||
		    has(&l, value) || set_for_inside(spec, env->v[i], n) || !is_callers(host, env->v[i]))
			continue;
		instead = has(&l, "C.UTF-8") ? "C.UTF-8" : "C";
		if (asprintf(&entry, "%.*s=%s", (int)n, env->v[i], instead) < 0)
			return;
		log_line(LOG_DETAIL, "the image has no locale '%s': %s", value, entry);
		free(env->v[i]);
		env->v[i] = entry;
	}
}
