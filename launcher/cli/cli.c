/* SPDX-License-Identifier: BSD-3-Clause */
/* cli.c - what the subcommands share; see cli.h. */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "launcher/cli/cli.h"
#include "launcher/cli/mend.h"
#include "launcher/cli/persona.h"
#include "launcher/cli/status.h"
#include "libimage/base/err.h"
#include "libimage/base/log.h"

struct cli_global cli_global;

void cli_log_level(bool verbose, bool quiet)
{
	log_marks(persona()->marks);
	log_init("berth", quiet ? LOG_ERROR : verbose ? LOG_DETAIL : LOG_NOTE);
}

int cli_fail(const char *command, struct berth_err *err)
{
	if (err->code == BERTH_EUSAGE && err->hint[0] == '\0')
		berth_hint(err, "see: %s help%s%s", persona()->name, command ? " " : "", command ? command : "");
	mend_limits(err);
	log_err(err);
	return status_of(err->code);
}

int cli_flush(void)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return STATUS_OK;
	log_line(LOG_ERROR, "cannot write to standard output: %s", strerror(errno));
	return STATUS_FAILED;
}
