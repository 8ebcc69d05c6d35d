/* SPDX-License-Identifier: BSD-3-Clause */
/* fds.c - descriptors that a process beside the program must not hold; see fds.h. */
#include "config.h"

#include "launcher/room/fds.h"
#include "launcher/room/sys.h"

int fds_keep(const int *keep, size_t n)
{
	unsigned int from = 0;

	/* The lowest that is left each time: there are few. */
	for (size_t done = 0; done < n; done++) {
		unsigned int low = ~0U;

		for (size_t i = 0; i < n; i++)
			if ((unsigned int)keep[i] >= from && (unsigned int)keep[i] < low)
				low = (unsigned int)keep[i];
		if (low > from && sys_close_range(from, low - 1, 0) < 0)
			return -1;
		from = low + 1;
	}
	return sys_close_range(from, ~0U, 0);
}
