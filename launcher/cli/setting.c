/* SPDX-License-Identifier: BSD-3-Clause */
/* setting.c - settings that are in the environment only; see setting.h. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "launcher/cli/setting.h"
#include "libimage/base/cleanup.h"

enum { NAME_SIZE = 64 };

const char *setting(const char *name, const char *also)
{
	static const char *const prefixes[] = { "BERTH_", "APPTAINER_", "SINGULARITY_" };
	const char *names[] = { name, also };

	for (size_t i = 0; i < ARRAY_SIZE(prefixes); i++) {
		for (size_t k = 0; k < ARRAY_SIZE(names) && names[k]; k++) {
			char full[NAME_SIZE];
			const char *value;

			(void)snprintf(full, sizeof(full), "%s%s", prefixes[i], names[k]);
			value = getenv(full);
			if (value && value[0] != '\0')
				return value;
		}
	}
	return NULL;
}

bool setting_on(const char *name, const char *also)
{
	const char *value = setting(name, also);

	return value && (strcmp(value, "1") == 0 || strcasecmp(value, "true") == 0 || strcasecmp(value, "yes") == 0);
}
