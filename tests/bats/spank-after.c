/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * spank-after.c - some site's plugin that runs a command as root before each task.
 *
 * For srun-refuse.bats: listed before Berth's it runs on the host, as it always did. Listed
 * after, it would run the image's /bin/sh as root, so Berth must refuse.
 * The command appends the operating system it finds itself in to the file given as argument.
 */
#include <slurm/spank.h>
#include <stdio.h>

SPANK_PLUGIN(after, 1)

int slurm_spank_task_init_privileged(spank_t sp, int ac, char **av)
{
	char command[4200];
	FILE *f;

	(void)sp;
	if (ac < 1)
		return 0;
	(void)snprintf(command, sizeof(command), "grep PRETTY_NAME /etc/os-release >>%s", av[0]);
	f = popen(command, "r");
	if (f)
		(void)pclose(f);
	return 0;
}
