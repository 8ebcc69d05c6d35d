/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * cmd_build.c - berth build [OPTIONS] OUT SOURCE: one form of an image becomes another.
 *
 * Runs as:  the user, in berth-image.
 */
#include "config.h"

#include <getopt.h>
#include <unistd.h>

#include "launcher/cli/absent.h"
#include "launcher/cli/build_run.h"
#include "launcher/cli/cancel.h"
#include "launcher/cli/cli.h"
#include "launcher/cli/setting.h"
#include "launcher/cli/status.h"
#include "libimage/base/err.h"

enum { KEEP_OWNER = 1, KEEP_DEVICES, FORMAT, FIX_PERMS, MKSQUASHFS };

static bool take(int c, const char *value, struct build_words *w)
{
	if (c == 'F')
		w->force = true;
	else if (c == 's')
		w->sandbox = true;
	else if (c == KEEP_OWNER)
		w->keep_owner = true;
	else if (c == KEEP_DEVICES)
		w->keep_devices = true;
	else if (c == FORMAT)
		w->format = value;
	else if (c == FIX_PERMS)
		w->fix_modes = true;
	else if (c == MKSQUASHFS)
		w->mksquashfs = value;
	else if (c != 'T') /* there is no test to leave out */
		return fetch_option(c, value, &w->fetch);
	return true;
}

static int read_options(int argc, char **argv, struct build_words *w, bool *help, struct berth_err *err)
{
	static const struct option longs[] = {
		{ "force", no_argument, NULL, 'F' },
		{ "sandbox", no_argument, NULL, 's' },
		{ "notest", no_argument, NULL, 'T' },
		{ "keep-owner", no_argument, NULL, KEEP_OWNER },
		{ "keep-devices", no_argument, NULL, KEEP_DEVICES },
		{ "format", required_argument, NULL, FORMAT },
		{ "fix-perms", no_argument, NULL, FIX_PERMS },
		{ "mksquashfs-args", required_argument, NULL, MKSQUASHFS },
		{ "help", no_argument, NULL, 'h' },
		FETCH_LONG_OPTIONS,
		{ NULL, 0, NULL, 0 },
	};
	int c;

	optind = 0;
	opterr = 0;
	while ((c = getopt_long(argc, argv, "FsTh", longs, NULL)) != -1) {
		if (c == 'h')
			*help = true;
		else if (!take(c, optarg, w))
			return absent_getopt("build", argv, err);
	}
	if (*help)
		return 0;
	if (argc - optind != 2)
		return berth_fail(err, BERTH_EUSAGE, 0, "build takes two words: what to make, and what to make it of");
	w->out = argv[optind];
	w->source = argv[optind + 1];
	if ((w->keep_owner || w->keep_devices) && geteuid() != 0)
		return berth_fail(err, BERTH_EUSAGE, 0, "only root may use --keep-%s", w->keep_owner ? "owner" : "devices");
	w->sandbox = w->sandbox || (!w->format && setting_on("SANDBOX", NULL));
	return 0;
}

int cmd_build(int argc, char **argv)
{
	char berth_word[] = "berth", help_word[] = "help", build_word[] = "build";
	char *help_argv[] = { berth_word, help_word, build_word, NULL };
	struct berth_err err = BERTH_ERR_INIT;
	struct build_words w = { 0 };
	bool help = false;

	if (read_options(argc, argv, &w, &help, &err) < 0)
		return cli_fail("build", &err);
	if (help)
		return cmd_help(3, help_argv);
	if (build_run(&w, &err) < 0) {
		cancel_end();
		return cli_fail("build", &err);
	}
	return STATUS_OK;
}
