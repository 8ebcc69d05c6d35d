/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * cmd_push.c - berth push [OPTIONS] IMAGE oras://NAME | docker://NAME.
 *
 * Runs as:  the user, in berth-image.
 */
#include "config.h"

#include <getopt.h>
#include <inttypes.h>

#include "launcher/cli/absent.h"
#include "launcher/cli/cancel.h"
#include "launcher/cli/cli.h"
#include "launcher/cli/fetch.h"
#include "launcher/cli/progress.h"
#include "launcher/cli/setting.h"
#include "launcher/cli/status.h"
#include "libimage/base/cleanup.h"
#include "libimage/base/err.h"
#include "libimage/base/log.h"
#include "libimage/build/push.h"
#include "libimage/ref/image_ref.h"

struct words {
	const char *image, *to;
	bool help, zstd;
	struct fetch_options fetch;
};

enum { ZSTD = 1 };

static int read_options(int argc, char **argv, struct words *w, struct berth_err *err)
{
	static const struct option longs[] = {
		{ "zstd", no_argument, NULL, ZSTD },
		{ "help", no_argument, NULL, 'h' },
		FETCH_LONG_OPTIONS,
		{ NULL, 0, NULL, 0 },
	};
	int c;

	optind = 0;
	opterr = 0;
	while ((c = getopt_long(argc, argv, "Uh", longs, NULL)) != -1) {
		if (c == 'h')
			w->help = true;
		else if (c == ZSTD)
			w->zstd = true;
		else if (c != 'U' && !fetch_option(c, optarg, &w->fetch))
			return absent_getopt("push", argv, err);
	}
	if (w->help)
		return 0;
	if (argc - optind != 2)
		return berth_fail(err, BERTH_EUSAGE, 0, "push takes two words: the image, and its name in a registry");
	w->image = argv[optind];
	w->to = argv[optind + 1];
	return 0;
}

static int push_words(const struct words *w, struct berth_err *err)
{
	cleanup(image_ref_done) struct image_ref from = { 0 }, to = { 0 };
	cleanup(basis_done) struct basis b = BASIS_INIT;
	cleanup(fetch_done) struct fetch f = FETCH_INIT;
	struct make_options opt = {
		.layer = w->zstd ? FLAT_ZSTD : FLAT_GZIP,
		.scratch = w->fetch.tmpdir ? w->fetch.tmpdir : setting("TMPDIR", NULL),
	};
	const struct basis_options bo = { .platform = w->fetch.platform, .scratch = opt.scratch };
	struct push_result res = { 0 };
	char size[PROGRESS_SIZE];
	int rc;

	if (image_ref_parse(w->image, &from, err) < 0 || image_ref_parse(w->to, &to, err) < 0)
		return -1;
	if (to.scheme != REF_ORAS && to.scheme != REF_DOCKER) {
		berth_fail(err, BERTH_EUSAGE, 0, "'%.200s' is in no registry", w->to);
		return berth_hint(err, "oras://HOST/NAME:TAG is for a SIF file as it is, docker://HOST/NAME:TAG for other "
				       "runtimes");
	}
	if (from.scheme == REF_DOCKER || from.scheme == REF_ORAS)
		return berth_fail(err, BERTH_EUSAGE, 0, "'%.200s' is in a registry already; pull it first", w->image);
	if (basis_open(&from, &bo, &b, err) < 0 || fetch_open(&f, &to, &w->fetch, err) < 0)
		return -1;
	opt.cancel_fd = f.cancel_fd;
	opt.squash.epoch = f.pull.opt.image.squash.epoch;
	rc = to.scheme == REF_ORAS ? push_sif(&b, &to, f.pull.registry, &res, err)
				   : push_image(&b, &to, f.pull.registry, &opt, &res, err);
	if (rc < 0)
		return berth_context(err, "'%.150s'", w->to);
	progress_size(res.bytes, size);
	log_line(LOG_NOTE, "pushed '%s': %s, %s", w->to, size, res.manifest.text);
	return 0;
}

int cmd_push(int argc, char **argv)
{
	char berth_word[] = "berth", help_word[] = "help", push_word[] = "push";
	char *help_argv[] = { berth_word, help_word, push_word, NULL };
	/* nothing of it is for the store */
	struct words w = { .fetch = { .push = true, .disable_cache = true } };
	struct berth_err err = BERTH_ERR_INIT;

	if (read_options(argc, argv, &w, &err) < 0)
		return cli_fail("push", &err);
	if (w.help)
		return cmd_help(3, help_argv);
	if (push_words(&w, &err) < 0) {
		cancel_end();
		return cli_fail("push", &err);
	}
	return STATUS_OK;
}
