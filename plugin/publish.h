/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * publish.h - put a step's wishes into the environment that Slurm carries to the nodes.
 *
 * Runs as:  the user, in srun, sbatch and salloc. Opens the image with the user's rights.
 */
#ifndef BERTH_PUBLISH_H
#define BERTH_PUBLISH_H

#include <stdbool.h>

struct berth_err;
struct option_row;

/* Remove every SLURM_BERTH_ variable. */
void publish_forget(void);

/*
 * SLURM: the last argument of each of a plugin's options is left in the environment too, and any
 * srun that inherits that takes it for its own: a job's --berth would contradict the step's
 * --container. What we carry is in SLURM_BERTH_ only.
 */
void publish_forget_copies(void);

/* The nodes shall refuse, and say this. */
void publish_refusal(const struct berth_err *err);

/*
 * Resolve and pin 'text' ("none": turn an inherited image off). A path that does not exist
 * here is published unpinned, with a warning: nodes may have what the login host has not.
 * Of docker://NAME the file in the store is published, once it is there (fetch.h); so the nodes,
 * and what inherits it, only open that.
 * Fails: BERTH_EUSAGE, BERTH_EDENIED, BERTH_EIMAGE, BERTH_ENET.
 */
int publish_image(const char *text, struct berth_err *err);

/*
 * A row's lines as given on this command line, or NULL. They are added to what was inherited
 * from the job or, with an 'image' and where nothing was, to the user's BERTH_X, APPTAINER_X or
 * SINGULARITY_X: such a variable must not get in the way of a step that has no container.
 */
int publish_setting(const struct option_row *row, const char *lines, bool image, struct berth_err *err);

/* Who starts the step, and where; 'named': this command itself named the image. */
int publish_step(bool named, struct berth_err *err);

/* Is it an OCI bundle on a site that has Slurm run those? Then it stays Slurm's. */
bool publish_is_bundle(const char *text);

#endif
