/* SPDX-License-Identifier: BSD-3-Clause */
/* status.c - exit statuses; see status.h. */
#include "config.h"

#include "launcher/cli/status.h"

const struct status_row status_rows[BERTH_ECODES] = {
	[BERTH_OK] = { "OK", STATUS_OK, "success" },
	[BERTH_EUSAGE] = { "EUSAGE", STATUS_USAGE, "the command line or a variable is wrong" },
	[BERTH_ECONFIG] = { "ECONFIG", STATUS_FAILED, "the site's configuration is wrong or unsafe" },
	[BERTH_EDENIED] = { "EDENIED", STATUS_FAILED, "no permission, or the program is not executable" },
	[BERTH_ENOTFOUND] = { "ENOTFOUND", STATUS_FAILED, "no such image, bind source or program" },
	[BERTH_EIMAGE] = { "EIMAGE", STATUS_FAILED, "the image is damaged, of an unknown form or for "
						    "another machine" },
	[BERTH_ENET] = { "ENET", STATUS_FAILED, "the image server did not answer" },
	[BERTH_ESYS] = { "ESYS", STATUS_FAILED, "a system call failed" },
	[BERTH_EBUG] = { "EBUG", STATUS_FAILED, "a defect of Berth" },
};

int status_of(enum berth_code code)
{
	/* A code from elsewhere (the wire) may be no code at all: it is no success then. */
	return (unsigned int)code < BERTH_ECODES ? status_rows[code].status : STATUS_FAILED;
}
