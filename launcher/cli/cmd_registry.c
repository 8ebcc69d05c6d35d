/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * cmd_registry.c - berth registry login|logout|list: who the user is at which registry, kept in
 * Docker's config.json or by the credential helper that it names.
 *
 * Runs as:  the user, in berth-image. No password is an argument: arguments are for all to see.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "launcher/cli/absent.h"
#include "launcher/cli/cli.h"
#include "launcher/cli/registry_access.h"
#include "launcher/cli/secret.h"
#include "launcher/cli/status.h"
#include "libimage/base/cleanup.h"
#include "libimage/base/err.h"
#include "libimage/base/fd.h"
#include "libimage/base/log.h"
#include "libimage/oci/authfile.h"
#include "libimage/oci/json.h"
#include "libimage/registry/helper.h"

struct words {
	const char *verb, *authfile, *user;
	char *host; /* HOST[:PORT] that is spoken to */
	bool password_stdin, no_https, help;
};

/* "docker://HOST/...", "https://HOST" or "HOST": the host, as libimage/registry calls it. */
static char *host_of(const char *text)
{
	const char *scheme = strstr(text, "://");
	const char *name = scheme ? scheme + 3 : text;
	cleanup_free char *host = strndup(name, strcspn(name, "/"));

	return host ? strdup(site_registry_host(host)) : NULL;
}

static int read_options(int argc, char **argv, struct words *w, struct berth_err *err)
{
	static const struct option longs[] = {
		{ "username", required_argument, NULL, 'u' },
		{ "password", required_argument, NULL, 'p' },
		{ "password-stdin", no_argument, NULL, 'P' },
		{ "authfile", required_argument, NULL, 'a' },
		{ "no-https", no_argument, NULL, 'n' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	int c;

	optind = 0;
	opterr = 0;
	while ((c = getopt_long(argc, argv, "u:p:h", longs, NULL)) != -1) {
		if (c == 'u')
			w->user = optarg;
		else if (c == 'P')
			w->password_stdin = true;
		else if (c == 'a')
			w->authfile = optarg;
		else if (c == 'n')
			w->no_https = true;
		else if (c == 'h')
			w->help = true;
		else if (c == 'p') {
			explicit_bzero(optarg, strlen(optarg));
			berth_fail(err, BERTH_EUSAGE, 0, "a password is no argument: everybody on this host can read those");
			return berth_hint(err, "leave it out to be asked, or give it to --password-stdin");
		} else {
			return absent_getopt("registry", argv, err);
		}
	}
	w->verb = argv[optind];
	return 0;
}

/* The words that are no options: the verb, and a host where it needs one. */
static int read_words(int argc, char **argv, struct words *w, struct berth_err *err)
{
	bool list = w->verb && strcmp(w->verb, "list") == 0;

	if (!w->verb || (!list && strcmp(w->verb, "login") != 0 && strcmp(w->verb, "logout") != 0))
		return berth_fail(err, BERTH_EUSAGE, 0, "registry is followed by login, logout or list");
	if (argc - optind != (list ? 1 : 2))
		return berth_fail(err, BERTH_EUSAGE, 0, list ? "registry list takes no further word"
							    : "registry %s takes one word more: the registry's name",
				  w->verb);
	if (list)
		return 0;
	w->host = host_of(argv[optind + 1]);
	if (!w->host)
		return berth_fail(err, BERTH_ESYS, ENOMEM, "cannot read the command line");
	return 0;
}

/* The directory of Docker's file is made where it is missing, for the user alone. */
static int make_directory(const char *path, struct berth_err *err)
{
	cleanup_free char *copy = strdup(path);
	const char *dir = copy ? dirname(copy) : NULL;

	if (!dir)
		return berth_fail(err, BERTH_ESYS, ENOMEM, "cannot write '%s'", path);
	if (mkdir(dir, 0700) < 0 && errno != EEXIST)
		return berth_fail(err, errno == EACCES ? BERTH_EDENIED : BERTH_ESYS, errno, "cannot make '%s'", dir);
	return 0;
}

/* Keep it with the helper of this host, or in the file. */
static int keep(const char *path, const struct words *w, const char *password, struct berth_err *err)
{
	cleanup(authfile_freep) struct authfile *file = NULL;
	cleanup(credential_done) struct credential old = { 0 };

	if (authfile_load(path, &file, err) < 0 || authfile_find(file, w->host, NULL, &old, err) < 0)
		return -1;
	if (old.helper[0] != '\0') {
		if (helper_store(old.helper, old.helper_key, w->user, password, err) < 0)
			return -1;
		log_line(LOG_NOTE, "logged in to '%s'; docker-credential-%s keeps it", w->host, old.helper);
		return 0;
	}
	if (authfile_set(file, w->host, w->user, password, err) < 0 || make_directory(path, err) < 0 ||
	    authfile_save(file, err) < 0)
		return -1;
	log_line(LOG_NOTE, "logged in to '%s'; '%s' keeps the password", w->host, path);
	return 0;
}

/* Does the registry take it? */
static int try_login(const struct words *w, const char *password, struct berth_err *err)
{
	cleanup(registry_access_done) struct registry_access access = { 0 };
	cleanup(registry_closep) struct registry *r = NULL;

	if (registry_access_get(w->host, w->authfile, w->no_https, &access, err) < 0)
		return -1;
	access.opt.user = w->user;
	access.opt.password = password;
	access.opt.mirrors = NULL;
	if (registry_open(w->host, NULL, &access.opt, &r, err) < 0)
		return -1;
	if (registry_ping(r, err) == 0)
		return 0;
	if (err->code == BERTH_EDENIED)
		berth_hint(err, "the name or the password is not what the registry expects; nothing was kept");
	return -1;
}

static int login_as(struct words *w, const char *path, char *password, struct berth_err *err)
{
	char user[SECRET_NAME_MAX + 1];

	if (!w->user) {
		if (secret_ask_name(user, err) < 0)
			return -1;
		w->user = user;
	}
	if (w->user[0] == '\0' || strchr(w->user, ':'))
		return berth_fail(err, BERTH_EUSAGE, 0, "a user's name is not empty and has no ':'");
	if ((w->password_stdin ? secret_read(password, err) : secret_ask("Password: ", password, err)) < 0)
		return -1;
	if (try_login(w, password, err) < 0)
		return -1;
	return keep(path, w, password, err);
}

static int login(struct words *w, const char *path, struct berth_err *err)
{
	char *password = malloc(SECRET_MAX + 2);
	int rc;

	if (!password)
		return berth_fail(err, BERTH_ESYS, ENOMEM, "cannot log in");
	rc = login_as(w, path, password, err);
	explicit_bzero(password, SECRET_MAX + 2);
	free(password);
	return rc;
}

static int logout(const struct words *w, const char *path, struct berth_err *err)
{
	cleanup(authfile_freep) struct authfile *file = NULL;
	cleanup(credential_done) struct credential old = { 0 };

	if (authfile_load(path, &file, err) < 0)
		return -1;
	if (authfile_find(file, w->host, NULL, &old, err) < 0)
		return -1;
	if (old.helper[0] != '\0' && helper_erase(old.helper, old.helper_key, err) < 0)
		return -1;
	if (authfile_remove(file, w->host) == 1) {
		if (authfile_save(file, err) < 0)
			return -1;
	} else if (old.helper[0] == '\0') {
		log_line(LOG_NOTE, "'%s' has no login at '%s'", path, w->host);
		return 0;
	}
	log_line(LOG_NOTE, "logged out of '%s'", w->host);
	return 0;
}

static void put_keys(const struct json *root, const char *object, const char *how, const char *path)
{
	struct berth_err ignored = BERTH_ERR_INIT;
	const struct json *obj = NULL;

	if (json_get_object(root, object, &obj, &ignored) < 0 || !obj)
		return;
	for (struct json_each e = JSON_EACH(obj); json_next(&e);) {
		char host[512], helper[128], from[512];

		str_escape(e.key, host, sizeof(host));
		str_escape(json_text(e.value) ? json_text(e.value) : "", helper, sizeof(helper));
		str_escape(path, from, sizeof(from));
		(void)printf("%s\t%s%s\t%s\n", host, how, helper, from);
	}
}

/* Each registry of each file, no password. */
static int list(const char *authfile, struct berth_err *err)
{
	cleanup(registry_access_done) struct registry_access access = { 0 };

	if (registry_access_get("docker.io", authfile, false, &access, err) < 0)
		return -1;
	for (size_t i = 0; i < access.authfiles.n; i++) {
		cleanup_free char *bytes = NULL;
		cleanup(json_wipep) struct json *root = NULL;
		cleanup_close int fd = fd_open_user(access.authfiles.v[i], O_RDONLY);
		ssize_t n;

		if (fd < 0 && errno == ENOENT)
			continue;
		bytes = malloc(AUTHFILE_BYTES_MAX + 1);
		n = fd >= 0 && bytes ? fd_read_full(fd, bytes, AUTHFILE_BYTES_MAX + 1) : -1;
		if (n < 0 || n > AUTHFILE_BYTES_MAX)
			return berth_fail(err, BERTH_ESYS, n < 0 ? errno : EFBIG, "cannot read '%s'",
					  access.authfiles.v[i]);
		if (n > 0 && json_parse(bytes, (size_t)n, &root, err) < 0)
			return berth_context(err, "'%s'", access.authfiles.v[i]);
		explicit_bzero(bytes, (size_t)n);
		if (root) {
			put_keys(root, "auths", "file", access.authfiles.v[i]);
			put_keys(root, "credHelpers", "docker-credential-", access.authfiles.v[i]);
		}
	}
	return 0;
}

static int act(struct words *w, struct berth_err *err)
{
	cleanup_free char *path = registry_access_file(w->authfile);

	if (!path) {
		berth_fail(err, BERTH_EUSAGE, 0, "there is no place to keep a login: HOME is not set");
		return berth_hint(err, "--authfile names one");
	}
	if (strcmp(w->verb, "login") == 0)
		return login(w, path, err);
	return strcmp(w->verb, "logout") == 0 ? logout(w, path, err) : list(w->authfile, err);
}

int cmd_registry(int argc, char **argv)
{
	char berth_word[] = "berth", help_word[] = "help", registry_word[] = "registry";
	char *help_argv[] = { berth_word, help_word, registry_word, NULL };
	struct berth_err err = BERTH_ERR_INIT;
	struct words w = { 0 };
	int rc;

	if (read_options(argc, argv, &w, &err) < 0)
		return cli_fail("registry", &err);
	if (w.help)
		return cmd_help(3, help_argv);
	if (read_words(argc, argv, &w, &err) < 0)
		return cli_fail("registry", &err);
	rc = act(&w, &err);
	free(w.host);
	return rc < 0 ? cli_fail("registry", &err) : cli_flush();
}
