/* SPDX-License-Identifier: BSD-3-Clause */
/* set_view.c - options that change what is seen inside; see set_view.h. */
#include "config.h"

#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "launcher/view/set_view.h"
#include "libimage/base/cleanup.h"
#include "libimage/base/err.h"
#include "libimage/base/path.h"

static int no_memory(struct berth_err *err)
{
	return berth_fail(err, BERTH_ESYS, ENOMEM, "cannot keep an option");
}

int set_home(struct room_spec *spec, const char *arg, struct berth_err *err)
{
	cleanup(bind_list_done) struct bind_list one = { 0 };

	if (bind_parse_at(arg, spec->cwd, &one, err) < 0)
		return -1;
	if (one.v[0].readonly || path_is_below(one.v[0].target, "/dev")) {
		berth_fail(err, BERTH_EUSAGE, 0, "the home '%.200s' cannot be read-only or in /dev", arg);
		return berth_hint(err, "a home is SOURCE[:/TARGET]");
	}
	free(spec->home);
	free(spec->home_source);
	spec->home = take_ptr(&one.v[0].target);
	spec->home_source = take_ptr(&one.v[0].source);
	spec->no_mount &= ~(unsigned int)NO_MOUNT_HOME;
	return 0;
}

int set_no_home(struct room_spec *spec, const char *arg, struct berth_err *err)
{
	(void)arg;
	(void)err;
	spec->no_mount |= NO_MOUNT_HOME;
	free(spec->home_source);
	spec->home_source = NULL;
	return 0;
}

static const struct {
	const char *word;
	unsigned int bit;
} no_mount_words[] = {
	{ "proc", NO_MOUNT_PROC },
	{ "sys", NO_MOUNT_SYS },
	{ "dev", NO_MOUNT_DEV },
	{ "devpts", NO_MOUNT_DEVPTS },
	{ "home", NO_MOUNT_HOME },
	{ "tmp", NO_MOUNT_TMP },
	{ "cwd", NO_MOUNT_CWD },
	{ "bind-paths", NO_MOUNT_BIND_PATHS },
	{ "hostfs", 0 }, /* what other runtimes can be told to bind, and this one never does */
};

static int no_mount_one(struct room_spec *spec, const char *word, struct berth_err *err)
{
	cleanup_free char *path = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(no_mount_words); i++) {
		if (strcmp(word, no_mount_words[i].word) != 0)
			continue;
		spec->no_mount |= no_mount_words[i].bit;
		return 0;
	}
	if (!path_is_target(word)) {
		berth_fail(err, BERTH_EUSAGE, 0, "'%.100s' is nothing that is mounted", word);
		return berth_hint(err, "it takes proc, sys, dev, devpts, home, tmp, hostfs, cwd, bind-paths or the "
				       "absolute target of one of the site's binds");
	}
	path = path_from("/", word);
	if (!path)
		return no_memory(err);
	strlist_add(&spec->no_mount_paths, path);
	return strlist_ok(&spec->no_mount_paths) ? 0 : no_memory(err);
}

int set_no_mount(struct room_spec *spec, const char *arg, struct berth_err *err)
{
	cleanup_free char *copy = strdup(arg);
	char *at = copy, *word;

	if (!copy)
		return no_memory(err);
	while ((word = strsep(&at, ",")))
		if (word[0] != '\0' && no_mount_one(spec, word, err) < 0)
			return -1;
	return 0;
}

int set_contain(struct room_spec *spec, const char *arg, struct berth_err *err)
{
	(void)arg;
	(void)err;
	spec->contain = true;
	return 0;
}

int set_cleanenv(struct room_spec *spec, const char *arg, struct berth_err *err)
{
	(void)arg;
	(void)err;
	spec->cleanenv = true;
	return 0;
}

int set_containall(struct room_spec *spec, const char *arg, struct berth_err *err)
{
	spec->pid = spec->ipc = true;
	(void)set_cleanenv(spec, arg, err);
	return set_contain(spec, arg, err);
}

int set_compat(struct room_spec *spec, const char *arg, struct berth_err *err)
{
	spec->writable_tmpfs = spec->no_init = spec->no_umask = spec->no_eval = true;
	return set_containall(spec, arg, err);
}

/* Add each member of 'arg' that 'good' takes to 'list', all or none. */
static int add_words(struct strlist *list, const char *arg, int (*good)(const char *word, struct berth_err *err),
		     struct berth_err *err)
{
	cleanup_free char *copy = strdup(arg), *again = strdup(arg);
	char *at = copy, *word;

	if (!copy || !again)
		return no_memory(err);
	while ((word = strsep(&at, ",")))
		if (word[0] != '\0' && good(word, err) < 0)
			return -1;
	at = again;
	while ((word = strsep(&at, ",")))
		if (word[0] != '\0')
			strlist_add(list, word);
	return strlist_ok(list) ? 0 : no_memory(err);
}

/* It becomes a line of resolv.conf, so it must be nothing but an address. */
static int good_address(const char *word, struct berth_err *err)
{
	struct in6_addr any;

	if (inet_pton(AF_INET, word, &any) == 1 || inet_pton(AF_INET6, word, &any) == 1)
		return 0;
	berth_fail(err, BERTH_EUSAGE, 0, "'%.100s' is no address of a name server", word);
	return berth_hint(err, "give it as 192.0.2.1 or 2001:db8::1, several with commas");
}

int set_dns(struct room_spec *spec, const char *arg, struct berth_err *err)
{
	return add_words(&spec->dns, arg, good_address, err);
}

static int good_name(const char *word, struct berth_err *err)
{
	size_t good = strspn(word, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_");

	if (word[good] == '\0' && !(word[0] >= '0' && word[0] <= '9'))
		return 0;
	return berth_fail(err, BERTH_EUSAGE, 0, "'%.100s' cannot be the name of a variable", word);
}

int set_no_env(struct room_spec *spec, const char *arg, struct berth_err *err)
{
	return add_words(&spec->no_env, arg, good_name, err);
}

int set_workdir(struct room_spec *spec, const char *arg, struct berth_err *err)
{
	cleanup_free char *path = NULL;

	if (arg[0] == '\0')
		return berth_fail(err, BERTH_EUSAGE, 0, "the directory's name is empty");
	if (arg[0] != '/' && !spec->cwd)
		return berth_fail(err, BERTH_EUSAGE, 0, "'%.200s' is relative to a directory that is gone", arg);
	path = path_from(arg[0] == '/' ? "/" : spec->cwd, arg);
	if (!path)
		return no_memory(err);
	if (strlen(path) >= PATH_MAX)
		return berth_fail(err, BERTH_EUSAGE, ENAMETOOLONG, "'%.100s...'", path);
	free(spec->workdir);
	spec->workdir = take_ptr(&path);
	return 0;
}

int set_scratch(struct room_spec *spec, const char *arg, struct berth_err *err)
{
	cleanup(bind_list_done) struct bind_list all = { 0 };
	cleanup_free char *copy = strdup(arg);
	char *at = copy, *word;

	if (!copy)
		return no_memory(err);
	/* Where nothing can be bound there can be no such directory either. */
	while ((word = strsep(&at, ",")))
		if (word[0] != '\0' && bind_add(&all, "/", word, false, NULL, err) < 0)
			return -1;
	for (size_t i = 0; i < all.n; i++)
		strlist_add(&spec->scratch, all.v[i].target);
	return strlist_ok(&spec->scratch) ? 0 : no_memory(err);
}
