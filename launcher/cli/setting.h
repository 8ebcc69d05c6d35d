/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * setting.h - settings that are in the environment only: BERTH_NAME, then APPTAINER_NAME, then
 * SINGULARITY_NAME. Those that are options too are in the option table (view/options.h).
 */
#ifndef BERTH_SETTING_H
#define BERTH_SETTING_H

#include <stdbool.h>

/* The first of these variables that is set, and not to nothing; 'also' (may be NULL) is another NAME. */
const char *setting(const char *name, const char *also);

/* The same of one that is said yes to: "1", "true" or "yes". */
bool setting_on(const char *name, const char *also);

#endif
