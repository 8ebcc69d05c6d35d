/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * spawn.h - start berth-launcher --step and hand it the step's request.
 *
 * Runs as: root in slurmstepd. Does not wait for the launcher.
 */
#ifndef BERTH_SPAWN_H
#define BERTH_SPAWN_H

#include <stdint.h>
#include <sys/types.h>

struct berth_err;
struct room_spec;

enum {
	/* LIMIT: ms for the room to be up, whatever the site says: the longest 'start timeout' that
	 * berth.conf may set. The launcher takes the site's where that is shorter. */
	ROOM_WAIT_MS = 120000,
};

struct spawn_request {
	const struct room_spec *spec;
	const gid_t *groups; /* Slurm's own list, as it will be set for the tasks */
	int ngroups;
	uint32_t ntasks, job, step;
};

/* On success the caller owns *ret_sock (O_CLOEXEC). BERTH_ENOTFOUND, BERTH_ESYS, BERTH_EBUG. */
int spawn_launcher(const struct spawn_request *rq, int *ret_sock, pid_t *ret_pid,
		   struct berth_err *err);

#endif
