/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * fetch.h - docker://NAME where a job is submitted: berth-image gets it, with its progress on the user's
 * terminal, and says which file of the user's store it is.
 *
 * Runs as:  the user, in srun, sbatch and salloc, which do nothing else meanwhile. Ctrl-C ends it, as it
 *           does whatever runs in the terminal; no deadline does.
 */
#ifndef BERTH_FETCH_H
#define BERTH_FETCH_H

#include "libimage/base/capture.h"

/*
 * ret->line becomes the file's path, which is not removed from the store before capture_end(ret).
 * Fails: BERTH_ENET, after berth-image has told why on standard error.
 */
int fetch_image(const char *reference, struct capture *ret, struct berth_err *err);

#endif
