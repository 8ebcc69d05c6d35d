/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * cmd_pull.c - berth pull [OPTIONS] [OUT.sif] docker://NAME: an image of a registry becomes a file.
 *
 * Runs as:  the user, in berth-image.
 */
#include "config.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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
#include "libimage/base/output.h"
#include "libimage/base/path.h"
#include "libimage/build/pull.h"
#include "libimage/oci/json.h"
#include "libimage/ref/image_ref.h"

struct words {
	const char *out, *image, *name, *dir;
	bool force, json, help;
	struct fetch_options fetch;
};

static int read_options(int argc, char **argv, struct words *w, struct berth_err *err)
{
	static const struct option longs[] = {
		{ "force", no_argument, NULL, 'F' },
		{ "name", required_argument, NULL, 'n' },
		{ "dir", required_argument, NULL, 'd' },
		{ "json", no_argument, NULL, 'j' },
		{ "help", no_argument, NULL, 'h' },
		FETCH_LONG_OPTIONS,
		{ NULL, 0, NULL, 0 },
	};
	int c;

	optind = 0;
	opterr = 0;
	while ((c = getopt_long(argc, argv, "Fjh", longs, NULL)) != -1) {
		if (c == 'F')
			w->force = true;
		else if (c == 'n')
			w->name = optarg;
		else if (c == 'd')
			w->dir = optarg;
		else if (c == 'j')
			w->json = true;
		else if (c == 'h')
			w->help = true;
		else if (!fetch_option(c, optarg, &w->fetch))
			return absent_getopt("pull", argv, err);
	}
	if (w->help)
		return 0;
	if (argc - optind < 1 || argc - optind > 2)
		return berth_fail(err, BERTH_EUSAGE, 0, "pull takes one or two words: [the file to make and] the "
							"image's name");
	w->image = argv[argc - 1];
	w->out = argc - optind == 2 ? argv[optind] : NULL;
	if (w->out && w->name)
		return berth_fail(err, BERTH_EUSAGE, 0, "the file to make is named twice: '%.100s' and --name", w->out);
	return 0;
}

/* The file to make: as named, or as the image is called; below --dir. A new string. */
static char *out_path(const struct words *w, const struct image_ref *ref)
{
	cleanup_free char *made = NULL;
	const char *name = w->out ? w->out : w->name;
	const char *dir = w->dir;

	if (!dir)
		dir = setting("PULLDIR", "PULLFOLDER");
	if (!name) {
		made = image_ref_default_name(ref);
		name = made;
	}
	if (!name)
		return NULL;
	return dir && dir[0] != '\0' ? path_join(dir, name) : strdup(name);
}

static void report(const char *out, const struct pull_result *res)
{
	char size[PROGRESS_SIZE], down[PROGRESS_SIZE];

	progress_size(res->bytes, size);
	progress_size(res->downloaded, down);
	if (res->there)
		log_line(LOG_NOTE, "made '%s': %s, from the store", out, size);
	else if (res->made.inodes == 0)
		log_line(LOG_NOTE, "made '%s': %s", out, size);
	else
		log_line(LOG_NOTE, "made '%s': %s, %" PRIu64 " inodes; %s downloaded", out, size, res->made.inodes,
			 down);
	if (res->made.counts.devices > 0)
		log_line(LOG_NOTE, "left out %" PRIu64 " device nodes: an image's do not work", res->made.counts.devices);
}

/* The same for programs, on standard output. */
static int report_json(const char *image, const char *out, const struct pull_result *res, struct berth_err *err)
{
	cleanup(strbuf_done) struct strbuf text = STRBUF_INIT;
	struct json_out o = { .text = &text, .indent = "\t" };

	json_open(&o, '{');
	json_member(&o, "source", image);
	json_member(&o, "manifest", res->manifest.text);
	json_member(&o, "path", out);
	json_key(&o, "bytes");
	json_put_u64(&o, res->bytes);
	json_key(&o, "downloaded");
	json_put_u64(&o, res->downloaded);
	json_key(&o, "from_store");
	json_put_word(&o, res->there ? "true" : "false");
	json_close(&o, '}');
	if (!strbuf_ok(&text))
		return berth_fail(err, BERTH_ESYS, ENOMEM, "cannot write the report");
	(void)puts(text.text);
	return 0;
}

static int pull_sif(struct fetch *f, const struct image_ref *ref, const char *out, bool force,
		    struct pull_result *res, struct berth_err *err)
{
	cleanup(output_close) struct output o = OUTPUT_INIT;

	if (output_open(&o, out, 0755, force, err) < 0 || fetch_sif(f, ref, o.fd, res, err) < 0)
		return -1;
	return output_publish(&o, force, err);
}

static int pull_words(const struct words *w, struct berth_err *err)
{
	cleanup(image_ref_done) struct image_ref ref = { 0 };
	cleanup(fetch_done) struct fetch f = FETCH_INIT;
	cleanup_free char *out = NULL;
	struct pull_result res = { 0 };

	if (image_ref_parse(w->image, &ref, err) < 0 || fetch_refuse(&ref, w->image, err) < 0)
		return -1;
	out = out_path(w, &ref);
	if (!out)
		return berth_fail(err, BERTH_ESYS, ENOMEM, "cannot name the file to make");
	if (fetch_open(&f, &ref, &w->fetch, err) < 0)
		return -1;
	if ((ref.scheme == REF_ORAS ? pull_sif(&f, &ref, out, w->force, &res, err)
				    : pull_to_file(&f.pull, out, w->force, &res, err)) < 0)
		return berth_context(err, "'%.150s'", w->image);
	fetch_done(&f);
	if (w->json)
		return report_json(w->image, out, &res, err);
	report(out, &res);
	return 0;
}

int cmd_pull(int argc, char **argv)
{
	char berth_word[] = "berth", help_word[] = "help", pull_word[] = "pull";
	char *help_argv[] = { berth_word, help_word, pull_word, NULL };
	struct berth_err err = BERTH_ERR_INIT;
	struct words w = { 0 };

	if (read_options(argc, argv, &w, &err) < 0)
		return cli_fail("pull", &err);
	if (w.help)
		return cmd_help(3, help_argv);
	if (pull_words(&w, &err) < 0) {
		cancel_end();
		return cli_fail("pull", &err);
	}
	return cli_flush();
}
