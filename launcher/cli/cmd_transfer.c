/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * cmd_transfer.c - berth create DIR, berth import IMAGE [TAR], berth export IMAGE [TAR]: as Singularity 2.x
 * spelled them, where an image was made empty and then filled.
 *
 * Runs as:  the user, in berth-image.
 */
#include "config.h"

#include <errno.h>
#include <getopt.h>
#include <string.h>
#include <sys/stat.h>

#include "launcher/cli/absent.h"
#include "launcher/cli/build_run.h"
#include "launcher/cli/cancel.h"
#include "launcher/cli/cli.h"
#include "launcher/cli/status.h"
#include "libimage/base/err.h"
#include "libimage/base/log.h"

struct words {
	struct build_words build;
	int n;
	char **v;
	bool help;
};

static int read_options(int argc, char **argv, struct words *w, struct berth_err *err)
{
	static const struct option longs[] = {
		{ "force", no_argument, NULL, 'F' },
		{ "tmpdir", required_argument, NULL, FETCH_TMPDIR },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	int c;

	optind = 0;
	opterr = 0;
	while ((c = getopt_long(argc, argv, "Fh", longs, NULL)) != -1) {
		if (c == 'h')
			w->help = true;
		else if (c == 'F')
			w->build.force = true;
		else if (!fetch_option(c, optarg, &w->build.fetch))
			return absent_getopt(argv[0], argv, err);
	}
	w->n = argc - optind;
	w->v = argv + optind;
	return 0;
}

static bool is_dir(const char *path)
{
	size_t n = strlen(path);
	struct stat st;

	return (n > 0 && path[n - 1] == '/') || (stat(path, &st) == 0 && S_ISDIR(st.st_mode));
}

/* Help, what went wrong, or what was done, as the exit status. */
static int end(const char *command, const struct words *w, int rc, struct berth_err *err)
{
	char berth_word[] = "berth", help_word[] = "help", name[16];
	char *help_argv[] = { berth_word, help_word, name, NULL };

	if (rc == 0 && w->help) {
		(void)strncpy(name, command, sizeof(name) - 1);
		name[sizeof(name) - 1] = '\0';
		return cmd_help(3, help_argv);
	}
	if (rc == 0)
		return STATUS_OK;
	cancel_end();
	return cli_fail(command, err);
}

/* ---- create ------------------------------------------------------------------------------------ */

static int create(const struct words *w, struct berth_err *err)
{
	const char *path = w->n == 1 ? w->v[0] : "";
	size_t n = strlen(path);

	if (w->n != 1)
		return berth_fail(err, BERTH_EUSAGE, 0, "create takes one word: the directory to make");
	if (path[n - 1] != '/') {
		berth_fail(err, BERTH_EUSAGE, 0, "'%.200s': images here are never empty, and never change", path);
		return berth_hint(err, "make one at once: berth build IMAGE.sif SOURCE; or a directory to fill, whose name "
				       "ends with a slash: berth create DIR/");
	}
	if (mkdir(path, 0777) < 0)
		return berth_fail(err, errno == EEXIST || errno == EACCES ? BERTH_EDENIED : BERTH_ESYS, errno,
				  "cannot make '%s'", path);
	log_line(LOG_NOTE, "made '%s', which 'import' fills", path);
	return 0;
}

int cmd_create(int argc, char **argv)
{
	struct berth_err err = BERTH_ERR_INIT;
	struct words w = { .n = 0 };
	int rc = read_options(argc, argv, &w, &err);

	if (rc == 0 && !w.help)
		rc = create(&w, &err);
	return end("create", &w, rc, &err);
}

/* ---- import and export ------------------------------------------------------------------------- */

int cmd_import(int argc, char **argv)
{
	struct berth_err err = BERTH_ERR_INIT;
	struct words w = { .n = 0 };
	int rc = read_options(argc, argv, &w, &err);

	if (rc == 0 && !w.help) {
		if (w.n != 1 && w.n != 2)
			rc = berth_fail(&err, BERTH_EUSAGE, 0, "import takes one or two words: the image to make, and the "
					"archive to make it of; standard input if there is none");
		if (rc == 0) {
			w.build.out = w.v[0];
			w.build.source = w.n == 2 ? w.v[1] : "-";
			w.build.sandbox = is_dir(w.v[0]);
			rc = build_run(&w.build, &err);
		}
	}
	return end("import", &w, rc, &err);
}

int cmd_export(int argc, char **argv)
{
	struct berth_err err = BERTH_ERR_INIT;
	struct words w = { .n = 0 };
	int rc = read_options(argc, argv, &w, &err);

	if (rc == 0 && !w.help) {
		if (w.n != 1 && w.n != 2)
			rc = berth_fail(&err, BERTH_EUSAGE, 0, "export takes one or two words: the image, and the archive to "
					"make; standard output if there is none");
		if (rc == 0) {
			w.build.source = w.v[0];
			w.build.out = w.n == 2 ? w.v[1] : "-";
			w.build.format = "tar";
			rc = build_run(&w.build, &err);
		}
	}
	return end("export", &w, rc, &err);
}
