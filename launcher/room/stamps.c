/* SPDX-License-Identifier: BSD-3-Clause */
/* stamps.c - how long each phase of a start took; see room.h. */
#include "config.h"

#include <stdio.h>
#include <time.h>

#include "launcher/room/build.h"

void room_stamp(struct room_stamps *stamps, enum room_phase phase)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	stamps->ns[phase] = (unsigned long long)ts.tv_sec * 1000000000ULL + (unsigned long long)ts.tv_nsec;
}

void room_stamps_format(const struct room_stamps *stamps, char *out, size_t size)
{
	static const char *const names[PHASES] = {
		[PHASE_ASKED] = "request",
		[PHASE_USERNS] = "user namespace", [PHASE_SERVER] = "server",
		[PHASE_SETTLED] = "settings",
		[PHASE_JOIN] = "join",
		[PHASE_NS] = "mount namespace",	   [PHASE_OPEN] = "open",
		[PHASE_ROOT] = "root",		   [PHASE_BINDS] = "binds",
		[PHASE_PIVOT] = "pivot",	   [PHASE_DROP] = "drop",
		[PHASE_FOUND] = "program",
	};
	unsigned long long last = stamps->ns[PHASE_START];
	size_t at = 0;

	out[0] = '\0';
	for (int i = PHASE_START + 1; i < PHASES && at < size; i++) {
		if (stamps->ns[i] == 0)
			continue;
		at += (size_t)snprintf(out + at, size - at, "%s %.3f ms, ", names[i],
				       (double)(stamps->ns[i] - last) / 1e6);
		last = stamps->ns[i];
	}
	if (at < size)
		(void)snprintf(out + at, size - at, "total %.3f ms",
			       (double)(last - stamps->ns[PHASE_START]) / 1e6);
}
