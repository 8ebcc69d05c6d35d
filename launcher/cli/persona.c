/* SPDX-License-Identifier: BSD-3-Clause */
/* persona.c - berth under other names; see persona.h. */
#include "config.h"

#include <stddef.h>
#include <string.h>

#include "launcher/cli/persona.h"
#include "libimage/base/cleanup.h"
#include "libimage/base/log.h"
#include "libimage/base/path.h"

/*
 * Tools compare this number to know which options there are: that of the Apptainer whose command
 * line berth follows. Apptainer's own link `singularity` says the same. What follows '+' is a local
 * part to those who read versions as Python packages or semver do.
 */
#define LIKE_VERSION "1.4.5+berth." PACKAGE_VERSION

/* Apptainer's, 8 columns and a blank; by enum log_level. */
static const char *const marks[] = {
	[LOG_ERROR] = "FATAL:   ",
	[LOG_WARN] = "WARNING: ",
	[LOG_NOTE] = "INFO:    ",
	[LOG_DETAIL] = "VERBOSE: ",
};

static const struct persona personas[] = {
	{ "berth", "berth " PACKAGE_VERSION, "berth " PACKAGE_VERSION, "Berth> ", NULL },
	{ "apptainer", "apptainer version " LIKE_VERSION, LIKE_VERSION, "Apptainer> ", marks },
	{ "singularity", "apptainer version " LIKE_VERSION, LIKE_VERSION, "Singularity> ", marks },
};

static const struct persona *current = &personas[0];

void persona_set(const char *argv0)
{
	current = &personas[persona_runs_image(argv0) ? 1 : 0];
	for (size_t i = 1; i < ARRAY_SIZE(personas); i++)
		if (strcmp(path_base(argv0), personas[i].name) == 0)
			current = &personas[i];
}

const struct persona *persona(void)
{
	return current;
}

int persona_runs_image(const char *argv0)
{
	return strcmp(path_base(argv0), "run-singularity") == 0;
}
