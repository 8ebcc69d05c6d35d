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
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "launcher/cli/cmd.h"
#include "libimage/base/err.h"
#include "libimage/base/log.h"
#include "libimage/base/num.h"
#include "libimage/build/build.h"
#include "libimage/sif/sif.h"



static int usage(const char *what, const char *subject)
{
	log_line(LOG_ERROR, "build: %s%s%s%s", what, subject ? " '" : "", subject ? subject : "",
		 subject ? "'" : "");
	log_line(LOG_ERROR, "usage: berth build [--force] [--keep-owner] OUT.sif DIR");
	return STATUS_USAGE;
}

/* SOURCE_DATE_EPOCH, as reproducible-builds.org specifies it. */
static int read_epoch(int64_t *ret, struct berth_err *err)
{
	const char *text = getenv("SOURCE_DATE_EPOCH");
	uint64_t v;

	*ret = -1;
	if (!text || text[0] == '\0')
		return 0;
	if (num_parse_u64(text, UINT32_MAX, &v) < 0)
		return berth_fail(err, BERTH_EUSAGE, 0,
				  "SOURCE_DATE_EPOCH is '%s', not seconds since 1970", text);
	*ret = (int64_t)v;
	return 0;
}

static void report(const char *out, const struct build_result *res)
{
	log_line(LOG_NOTE, "made '%s': %" PRIu64 " bytes, %" PRIu64 " inodes, for %s", out, res->bytes,
		 res->inodes, sif_arch_name(res->arch));
	if (res->devices_left_out > 0)
		log_line(LOG_NOTE, "left out %" PRIu64 " device nodes: only root may put them into an "
				   "image", res->devices_left_out);
}

int cmd_build(int argc, char **argv)
{
	static const struct option longs[] = {
		{ "force", no_argument, NULL, 'F' },
		{ "keep-owner", no_argument, NULL, 'k' },
		{ NULL, 0, NULL, 0 },
	};
	struct build_options opt = { .keep_devices = geteuid() == 0 };
	struct berth_err err = BERTH_ERR_INIT;
	struct build_result res;
	int c;

	optind = 0;
	opterr = 0;
	while ((c = getopt_long(argc, argv, "+F", longs, NULL)) != -1) {
		if (c == 'F')
			opt.force = true;
		else if (c == 'k')
			opt.keep_owner = true;
		else
			return usage("unknown option", argv[optind - 1]);
	}
	if (argc - optind != 2)
		return usage(argc - optind < 2 ? "needs an image to make and a directory"
					       : "takes one image and one directory", NULL);
	if (strstr(argv[optind + 1], "://"))
		return usage("builds from directories, not from", argv[optind + 1]);
	if (opt.keep_owner && geteuid() != 0)
		return usage("only root may use", "--keep-owner");
	if (read_epoch(&opt.epoch, &err) < 0 ||
	    build_sif_from_dir(argv[optind + 1], argv[optind], &opt, &res, &err) < 0) {
		log_err(&err);
		return STATUS_ERROR;
	}
	report(argv[optind], &res);
	return 0;
}
