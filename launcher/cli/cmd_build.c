/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * cmd_build.c - berth build [--force] OUT.sif DIR
 *
 * Runs as:  the user; root may keep owners and device nodes.
 */
#include "config.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "launcher/cli/absent.h"
#include "launcher/cli/build_metadata.h"
#include "launcher/cli/cli.h"
#include "launcher/cli/epoch.h"
#include "launcher/cli/status.h"
#include "libimage/base/cleanup.h"
#include "libimage/base/err.h"
#include "libimage/base/log.h"
#include "libimage/build/build.h"
#include "libimage/sif/sif.h"

static void report(const char *out, const struct build_result *res)
{
	log_line(LOG_NOTE, "made '%s': %" PRIu64 " bytes, %" PRIu64 " inodes, for %s", out, res->bytes,
		 res->inodes, sif_arch_name(res->arch));
	if (res->devices_left_out > 0)
		log_line(LOG_NOTE, "left out %" PRIu64 " device nodes: only root may put them into an "
				   "image", res->devices_left_out);
}

static int read_options(int argc, char **argv, struct build_options *opt, bool *help,
			struct berth_err *err)
{
	static const struct option longs[] = {
		{ "force", no_argument, NULL, 'F' },
		{ "keep-owner", no_argument, NULL, 'k' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	int c;

	optind = 0;
	opterr = 0;
	while ((c = getopt_long(argc, argv, "+Fh", longs, NULL)) != -1) {
		if (c == 'F')
			opt->force = true;
		else if (c == 'k')
			opt->keep_owner = true;
		else if (c == 'h')
			*help = true;
		else
			return absent_getopt("build", argv, err);
	}
	if (*help)
		return 0;
	if (argc - optind != 2)
		return berth_fail(err, BERTH_EUSAGE, 0, "build takes two words: the image to make and the "
							"directory to make it of");
	if (strstr(argv[optind + 1], "://")) {
		berth_fail(err, BERTH_EUSAGE, 0, "cannot build from '%.200s': not a directory",
			   argv[optind + 1]);
		return berth_hint(err, "this version reads no registry: make a directory of it with another "
				       "tool, as mmdebstrap or umoci, and name that");
	}
	if (opt->keep_owner && geteuid() != 0)
		return berth_fail(err, BERTH_EUSAGE, 0, "only root may use --keep-owner");
	return epoch_read(&opt->epoch, err);
}

int cmd_build(int argc, char **argv)
{
	struct build_options opt = { .keep_devices = geteuid() == 0 };
	char berth_word[] = "berth", help_word[] = "help", build_word[] = "build";
	char *help_argv[] = { berth_word, help_word, build_word, NULL };
	struct berth_err err = BERTH_ERR_INIT;
	cleanup(build_metadata_done) struct build_metadata meta = { .n = 0 };
	struct build_result res;
	bool help = false;

	if (read_options(argc, argv, &opt, &help, &err) < 0)
		return cli_fail("build", &err);
	if (help)
		return cmd_help(3, help_argv);
	if (build_metadata(argv[optind + 1], opt.epoch, &meta, &err) < 0)
		return cli_fail("build", &err);
	opt.objects = meta.v;
	opt.nobjects = meta.n;
	if (build_sif_from_dir(argv[optind + 1], argv[optind], &opt, &res, &err) < 0)
		return cli_fail("build", &err);
	report(argv[optind], &res);
	return STATUS_OK;
}
