/* SPDX-License-Identifier: BSD-3-Clause */
/* absent.c - flags and commands that are not there; see absent.h. */
#include "config.h"

#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "launcher/cli/absent.h"
#include "launcher/cli/flags.h"
#include "launcher/cli/nearest.h"
#include "launcher/view/options.h"
#include "libimage/base/cleanup.h"
#include "libimage/base/err.h"

#define ENTER "exec run shell test" /* the commands that enter an image */

#define GPU "the devices are there; bind the driver's libraries and name their directory with " \
	    "--env LD_LIBRARY_PATH=DIR"
#define READ_ONLY "an image is read-only; write to /tmp, to your home or to a directory that you --bind"
#define BIND "--bind SRC:DST[:ro] puts a directory or file of the host there"
#define NETWORK "the network is the host's, or with --net none"
#define PRIVILEGE "nobody is granted a capability: root keeps those of --add-caps, others have none"
#define SETUID "a set-user-ID program is a plain one inside, for root too: start it as who it should run as, with " \
	       "--security uid:N or --add-caps"
#define LIMITS "limits are those that you start it with: Slurm's, or of 'systemd-run --user --scope'"
#define ALWAYS "it is always so: leave the option out"
#define REGISTRY "there is no library service here: 'berth pull' gets docker:// and oras:// images by their names"
#define CRYPT "this version opens no encrypted image"
#define RECIPE "this version builds from images, not from definition files"
#define SIGNED "this version checks no signatures"

static const struct absent {
	const char *commands; /* the option's; NULL: before any */
	const char *name;
	char letter;
	const char *instead;
} absent_options[] = {
	{ NULL, "build-config", 0, "'berth config show' has the site's settings" },
	{ ENTER, "nvccli", 0, GPU },
	{ ENTER, "fusemount", 0, BIND },
	{ "build", "fakeroot", 'f', "'berth build' makes root the owner of every file as it is" },
	{ ENTER, "netns-path", 0, NETWORK },
	{ ENTER, "network-args", 0, NETWORK }, { ENTER, "unsquash", 0, "an image is never unpacked" },
	{ ENTER, "underlay", 0, ALWAYS }, { ENTER, "sif-fuse", 0, ALWAYS },
	{ ENTER, "tmpdir", 0, "an image is never unpacked" }, { ENTER, "tmp-sandbox", 0, "an image is never unpacked" },
	{ ENTER, "no-tmp-sandbox", 0, ALWAYS }, { ENTER, "no-compat", 0, ALWAYS }, { ENTER, "no-oci", 0, ALWAYS },
	{ ENTER, "containlibs", 0, BIND },
	{ ENTER, "passphrase", 0, CRYPT }, { ENTER, "pem-path", 0, CRYPT },
	{ ENTER, "allow-setuid", 0, SETUID },
	{ ENTER, "apply-cgroups", 0, LIMITS }, { ENTER, "cpus", 0, LIMITS }, { ENTER, "memory", 0, LIMITS },
	{ "build", "update", 'u', "images do not change: build another" },
	{ "build", "remote", 'r', REGISTRY },
	{ "build", "section", 0, RECIPE }, { "build", "build-arg", 0, RECIPE }, { "build", "json", 0, RECIPE },
	{ "build", "encrypt", 'e', "this version makes no encrypted images" },
};

static const struct {
	const char *name, *instead;
} absent_commands[] = {
	{ "search", REGISTRY }, { "remote", REGISTRY },
	{ "instance", "a room lives as long as its program: 'berth exec IMAGE PROGRAM &'" },
	{ "overlay", READ_ONLY }, { "capability", PRIVILEGE },
	{ "key", SIGNED }, { "keyserver", SIGNED }, { "sign", SIGNED }, { "verify", SIGNED },
};

/* Is 'word' one of the words of 'list', which blanks separate? */
static bool has_word(const char *list, const char *word)
{
	size_t n = strlen(word);

	for (const char *p = list; p; p = strchr(p, ' ') ? strchr(p, ' ') + 1 : NULL)
		if (strncmp(p, word, n) == 0 && (p[n] == ' ' || p[n] == '\0'))
			return true;
	return false;
}

static bool is_row(const struct absent *a, const char *command, const char *shown)
{
	if (!a->commands != !command || (command && !has_word(a->commands, command)))
		return false;
	if (strncmp(shown, "--", 2) == 0)
		return strcmp(shown + 2, a->name) == 0;
	return a->letter != 0 && shown[1] == a->letter && shown[2] == '\0';
}

/* Has 'command' the options of the common table? */
static bool enters(const char *command)
{
	return has_word(ENTER, command);
}

/* The option of 'command' that 'shown' is nearest to, without its dashes; NULL: none. */
static const char *nearest_option(const char *command, const char *shown)
{
	static const char *const global[] = { "verbose", "quiet", "silent", "debug", "nocolor", "version" };
	struct nearest near = { .word = shown + 2 };

	/* One letter for another says nothing. */
	if (strncmp(shown, "--", 2) != 0)
		return NULL;
	nearest_look(&near, "help");
	for (size_t i = 0; !command && i < ARRAY_SIZE(global); i++)
		nearest_look(&near, global[i]);
	for (size_t i = 0; command && i < flag_local_count; i++)
		if (strcmp(flag_locals[i].command, command) == 0)
			nearest_look(&near, flag_locals[i].name);
	for (size_t i = 0; command && enters(command) && i < option_count; i++) {
		if (!(option_rows[i].faces & FACE_CLI))
			continue;
		nearest_look(&near, option_rows[i].name);
		nearest_look(&near, option_rows[i].also);
	}
	return near.found;
}

int absent_option(const char *command, const char *shown, struct berth_err *err)
{
	const char *near;

	for (size_t i = 0; i < ARRAY_SIZE(absent_options); i++) {
		if (!is_row(&absent_options[i], command, shown))
			continue;
		berth_fail(err, BERTH_EUSAGE, 0, "this version has no option '%s'", shown);
		return berth_hint(err, "%s", absent_options[i].instead);
	}
	near = nearest_option(command, shown);
	if (near)
		return berth_fail(err, BERTH_EUSAGE, 0, "unknown option '%.100s': did you mean '--%s'?", shown, near);
	return berth_fail(err, BERTH_EUSAGE, 0, "unknown option '%.100s'", shown);
}

int absent_getopt(const char *command, char **argv, struct berth_err *err)
{
	char letter[] = { '-', (char)optopt, '\0' }, word[64];
	const char *eq = strchr(argv[optind - 1], '=');

	/* A letter of "-abc": optind is not past the word yet. A name has no letter, unless it is
	 * one that exists and was given an argument. */
	if (optopt != 0 && !eq)
		return absent_option(command, letter, err);
	(void)snprintf(word, sizeof(word), "%s", argv[optind - 1]);
	word[strcspn(word, "=")] = '\0';
	if (optopt != 0)
		return berth_fail(err, BERTH_EUSAGE, 0, "%s takes no argument", word);
	return absent_option(command, word, err);
}

int absent_command(const char *name, struct berth_err *err)
{
	for (size_t i = 0; i < ARRAY_SIZE(absent_commands); i++) {
		if (strcmp(absent_commands[i].name, name) != 0)
			continue;
		berth_fail(err, BERTH_EUSAGE, 0, "this version has no command '%s'", name);
		return berth_hint(err, "%s", absent_commands[i].instead);
	}
	return berth_fail(err, BERTH_EUSAGE, 0, "unknown command '%.100s'", name);
}
