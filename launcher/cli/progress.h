/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * progress.h - how far downloads have come: a line each, on standard error.
 *
 * On a terminal the lines are drawn again, ten times a second at most. Elsewhere, as in a job's output,
 * each download gets one line when it is there. With --quiet there is neither.
 */
#ifndef BERTH_PROGRESS_H
#define BERTH_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum progress_state { PROGRESS_WAITING, PROGRESS_COMING, PROGRESS_THERE, PROGRESS_DONE };

struct progress;

/* For 'n' things; NULL without memory, which all functions here take. 'quiet' draws nothing. */
struct progress *progress_new(size_t n, bool quiet);

/*
 * How far thing 'i' is: 'done' of 'total' bytes. 'label' is shown as it is, which is why it must not hold
 * what a stranger wrote. PROGRESS_THERE: nothing of it had to be downloaded.
 */
void progress_set(struct progress *p, size_t i, const char *label, uint64_t done, uint64_t total,
		  enum progress_state state);

/* The last lines stay, complete. NULL-safe, returns NULL. */
struct progress *progress_end(struct progress *p);

/* "106.4 MB": decimal units, as registries and users count. For 'out' of PROGRESS_SIZE bytes. */
enum { PROGRESS_SIZE = 16 };
void progress_size(uint64_t bytes, char out[PROGRESS_SIZE]);

/* One line of at most 'width' columns, without its end. For tests. */
void progress_line(const char *label, uint64_t done, uint64_t total, enum progress_state state,
		   unsigned int width, char *out, size_t size);

#endif
