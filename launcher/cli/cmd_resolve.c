/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * cmd_resolve.c - berth-image resolve [OPTIONS] docker://NAME: print which file of the store the image is,
 * getting it first where it is not there. For berth exec and for srun, not for users.
 *
 * The file is locked, so that nobody removes it, until standard input ends: who asks opens it meanwhile.
 * With --disable-cache it is a file that we remove then.
 *
 * Runs as:  the user.
 */
#include "config.h"

#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "launcher/cli/absent.h"
#include "launcher/cli/cancel.h"
#include "launcher/cli/cli.h"
#include "launcher/cli/fetch_temporary.h"
#include "launcher/cli/status.h"
#include "libimage/base/cleanup.h"
#include "libimage/base/err.h"

static int read_options(int argc, char **argv, struct fetch_options *o, struct berth_err *err)
{
	static const struct option longs[] = {
		FETCH_LONG_OPTIONS,
		{ NULL, 0, NULL, 0 },
	};
	int c;

	optind = 0;
	opterr = 0;
	while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1)
		if (!fetch_option(c, optarg, o))
			return absent_getopt("exec", argv, err);
	if (argc - optind != 1)
		return berth_fail(err, BERTH_EUSAGE, 0, "no image given");
	return 0;
}

static int tell(const char *path)
{
	ssize_t n;
	char c;

	(void)printf("%s\n", path);
	if (cli_flush() != STATUS_OK)
		return STATUS_FAILED;
	/* A signal, which cancel.h has taken, means the caller too; if that goes on, so does the file. */
	do
		n = read(STDIN_FILENO, &c, 1);
	while (n > 0 || (n < 0 && errno == EINTR));
	return STATUS_OK;
}

static int resolve_stored(const char *text, const struct fetch_options *o, int *status, struct berth_err *err)
{
	cleanup_free char *path = NULL;
	cleanup_close int fd = -1;

	if (fetch_to_store(text, o, &fd, &path, err) < 0)
		return -1;
	*status = tell(path);
	return 0;
}

static int resolve_temporary(const char *text, const struct fetch_options *o, int *status, struct berth_err *err)
{
	cleanup(fetch_temporary_done) struct fetch_temporary t = { 0 };

	if (fetch_temporary_get(text, o, &t, err) < 0)
		return -1;
	*status = tell(t.path);
	return 0;
}

int cmd_resolve(int argc, char **argv)
{
	struct berth_err err = BERTH_ERR_INIT;
	struct fetch_options o = { 0 };
	int status = STATUS_OK;

	/* Who asked and is gone needs it no more. */
	(void)prctl(PR_SET_PDEATHSIG, SIGTERM);
	(void)signal(SIGPIPE, SIG_IGN); /* the same, said later: clean up first */
	if (read_options(argc, argv, &o, &err) < 0)
		return cli_fail(NULL, &err);
	if ((o.disable_cache ? resolve_temporary : resolve_stored)(argv[optind], &o, &status, &err) < 0) {
		cancel_end();
		return cli_fail(NULL, &err);
	}
	return status;
}
