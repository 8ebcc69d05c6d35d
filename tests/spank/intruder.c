/* SPDX-License-Identifier: BSD-3-Clause */
/* intruder.c - a SPANK plugin of somebody else's that wants to run as root behind ours. */
#include <slurm/spank.h>

#define HOOK __attribute__((visibility("default")))

HOOK extern const char plugin_name[];
HOOK extern const char plugin_type[];
HOOK extern const unsigned int plugin_version;
HOOK extern const unsigned int spank_plugin_version;

SPANK_PLUGIN(intruder, 1);

#ifdef INTRUDER_PRIVILEGED
HOOK int slurm_spank_task_init_privileged(spank_t sp, int ac, char *argv[])
#else
HOOK int slurm_spank_task_init(spank_t sp, int ac, char *argv[])
#endif
{
	(void)sp;
	(void)ac;
	(void)argv;
	return 0;
}
