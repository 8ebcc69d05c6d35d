/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * options.h - the one table of settings: name, argument, help, variable, faces.
 *
 * From it come the command line's flags (--bind), Slurm's options (--container-bind), the
 * variables (BERTH_BIND, then APPTAINER_BIND, then SINGULARITY_BIND), --help and the man
 * page's table. A setting is parsed here and nowhere else. It lives in view/, not in cli/,
 * because the plugin uses it too and must not include the command line.
 */
#ifndef BERTH_OPTIONS_H
#define BERTH_OPTIONS_H

#include <stddef.h>

#include "launcher/view/spec.h"

enum option_face {
	FACE_CLI = 1 << 0,   /* berth exec|run|shell --NAME */
	FACE_SLURM = 1 << 1, /* srun|sbatch|salloc --container-NAME */
	FACE_ENV = 1 << 2,   /* BERTH_ENV, APPTAINER_ENV, SINGULARITY_ENV */
	FACE_STEP = 1 << 3,  /* the variable concerns a step too, as SLURM_BERTH_ENV on the nodes */
	FACE_FETCH = 1 << 4, /* of an image in a registry: for whoever gets it, as berth-image at submission */
	FACE_STEPS = FACE_SLURM | FACE_STEP, /* either: the setting means something under Slurm */
};

struct option_row {
	const char *name;     /* "bind" */
	const char *also;     /* another name for it, or NULL */
	char letter;	      /* 'B', or 0 */
	const char *arg;      /* "SRC[:DST[:ro]],...", or NULL: takes no argument */
	const char *help;
	const char *env;      /* "BIND" */
	const char *env_also; /* another variable, "BINDPATH", or NULL */
	unsigned int faces;
	/* 'arg' is NULL where the row takes none. BERTH_EUSAGE; does not name the option. */
	int (*set)(struct room_spec *spec, const char *arg, struct berth_err *err);
};

extern const struct option_row option_rows[];
extern const size_t option_count;

const struct option_row *option_by_name(const char *name);
const struct option_row *option_by_letter(char letter);

/*
 * Apply the variables of 'env' to 'spec', for rows of FACE_ENV: BERTH_X, else APPTAINER_X, else
 * SINGULARITY_X; an empty one counts as not set. A row without argument takes 1, yes, true, on
 * or 0, no, false, off. Call it before the command line's flags. BERTH_EUSAGE names the variable.
 * Binds are relative to spec->cwd where that is known.
 */
int options_from_env(const char *const *env, struct room_spec *spec, struct berth_err *err);

#endif
