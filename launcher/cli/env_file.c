/* SPDX-License-Identifier: BSD-3-Clause */
/* env_file.c - the variables of --env-file; see env_file.h. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "launcher/cli/env_file.h"
#include "launcher/inside/shell_env.h"
#include "launcher/view/env.h"
#include "launcher/view/script.h"
#include "libimage/base/cleanup.h"
#include "libimage/base/err.h"
#include "libimage/base/fd.h"
#include "libimage/base/log.h"

enum { FILE_MAX = 64 * 1024 }; /* LIMIT: a shell gets it as one argument, of which the kernel takes 128 KiB */

static int no_memory(struct berth_err *err)
{
	return berth_fail(err, BERTH_ESYS, ENOMEM, "cannot read the variables");
}

/* Add NAME=VALUE, in the form that stands for itself when values are expanded. */
static int add(const struct room_spec *spec, const char *name, const char *value, struct strlist *ret,
	       struct berth_err *err)
{
	cleanup(strbuf_done) struct strbuf pair = STRBUF_INIT;

	if (strcmp(name, "HOME") == 0) {
		log_line(LOG_WARN, "HOME cannot be set: it is always the home directory that is bound");
		return 0;
	}
	strbuf_printf(&pair, "%s=", name);
	for (const char *p = value; *p; p++) {
		if (!spec->no_eval && strchr("\\$`\"", *p))
			strbuf_puts(&pair, "\\");
		strbuf_add(&pair, p, 1);
	}
	if (!strbuf_ok(&pair))
		return no_memory(err);
	strlist_add(ret, pair.text);
	return strlist_ok(ret) ? 0 : no_memory(err);
}

static int read_text(const char *path, struct strbuf *ret, struct berth_err *err)
{
	cleanup_close int fd = open(path, O_RDONLY | O_NOCTTY | O_CLOEXEC);
	cleanup_free char *bytes = malloc(FILE_MAX + 1);
	ssize_t n;

	if (fd < 0)
		return berth_fail(err, errno == ENOENT ? BERTH_ENOTFOUND : BERTH_EDENIED, errno,
				  "cannot open '%s'", path);
	if (!bytes)
		return no_memory(err);
	n = fd_read_full(fd, bytes, FILE_MAX + 1);
	if (n < 0)
		return berth_fail(err, BERTH_ESYS, errno, "cannot read '%s'", path);
	if (n > FILE_MAX || memchr(bytes, '\0', (size_t)n)) {
		berth_fail(err, BERTH_EUSAGE, 0, "'%s' is no file of variables", path);
		return berth_hint(err, "it is a shell script, of at most 64 KiB: NAME=VALUE lines");
	}
	strbuf_add(ret, bytes, (size_t)n);
	return strbuf_ok(ret) ? 0 : no_memory(err);
}

/* Returns 1, 0: not plain, -1. */
static int run_plain(const struct room_spec *spec, const struct strbuf *text, struct strlist *ret,
		     struct berth_err *err)
{
	cleanup(script_vars_done) struct script_vars vars = SCRIPT_VARS_INIT;
	struct script_odd odd;
	int rc;

	for (char **e = environ; *e; e++) {
		size_t n = strcspn(*e, "=");
		cleanup_free char *name = strndup(*e, n);

		if (!name)
			return no_memory(err);
		if ((*e)[n] == '=' && script_vars_set(&vars, name, *e + n + 1, true, err) < 0)
			return -1;
	}
	rc = script_run(text->text, text->len, &vars, &odd, err);
	for (size_t i = 0; rc == 1 && i < vars.n; i++)
		if (vars.v[i].assigned && vars.v[i].value &&
		    add(spec, vars.v[i].name, vars.v[i].value, ret, err) < 0)
			return -1;
	return rc;
}

static int run_shell(const struct room_spec *spec, const char *path, const struct strbuf *text,
		     struct strlist *ret, struct berth_err *err)
{
	cleanup(strlist_done) struct strlist all = STRLIST_INIT;
	cleanup(strbuf_done) struct strbuf whole = STRBUF_INIT;
	int rc;

	strbuf_printf(&whole, "set -a\n%s", text->text);
	if (!strbuf_ok(&whole))
		return no_memory(err);
	rc = shell_env_run(whole.text, environ, spec->eval_s, &all, err);
	if (rc == 0)
		err->code = BERTH_EUSAGE;
	if (rc <= 0)
		return berth_context(err, "'%s'", path);
	for (size_t i = 0; i < all.n; i++) {
		size_t n = strcspn(all.v[i], "=");
		cleanup_free char *name = strndup(all.v[i], n);
		const char *was = name ? env_host_value((const char *const *)environ, name) : NULL;

		if (!name)
			return no_memory(err);
		if ((!was || strcmp(was, all.v[i] + n + 1) != 0) &&
		    add(spec, name, all.v[i] + n + 1, ret, err) < 0)
			return -1;
	}
	return 0;
}

int env_files_load(struct room_spec *spec, struct berth_err *err)
{
	struct strlist all = STRLIST_INIT;
	int rc = 0;

	for (size_t i = 0; rc >= 0 && i < spec->env_files.n; i++) {
		cleanup(strbuf_done) struct strbuf text = STRBUF_INIT;

		rc = read_text(spec->env_files.v[i], &text, err);
		if (rc == 0)
			rc = run_plain(spec, &text, &all, err);
		if (rc == 0)
			rc = run_shell(spec, spec->env_files.v[i], &text, &all, err);
	}
	if (rc < 0 || spec->env_files.n == 0) {
		strlist_done(&all);
		return rc;
	}
	for (size_t i = 0; i < spec->env.n; i++)
		strlist_add(&all, spec->env.v[i]);
	if (!strlist_ok(&all)) {
		strlist_done(&all);
		return no_memory(err);
	}
	strlist_done(&spec->env);
	spec->env = all;
	return 0;
}
