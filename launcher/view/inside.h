/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * inside.h - the environment of a program with what the image's author and the user add to it.
 *
 * From least to most: the host's variables (env.h), those of the image's scripts, those the user
 * sets for inside. Scripts do not see the host's. Under Slurm there is env.h alone.
 */
#ifndef BERTH_INSIDE_H
#define BERTH_INSIDE_H

#include "launcher/view/env.h"
#include "launcher/view/script.h"
#include "launcher/view/spec.h"

#define INSIDE_PROMPT "Berth> "
#define INSIDE_ENV_DIR "/.singularity.d/env"
#define INSIDE_LIBS "/.singularity.d/libs"

/*
 * What a script finds: PATH, HOME, the names of image and app, and, not exported, the prompt.
 * 'ret' is empty before.
 */
int inside_vars(const struct room_spec *spec, struct script_vars *ret, struct berth_err *err);

/* Append the usual directories that PATH lacks, as after the script that sets an OCI image's PATH. */
int inside_fix_path(struct script_vars *vars, struct berth_err *err);

/*
 * The environment inside, NULL-terminated. 'vars': what the scripts left, or what inside_vars()
 * made if there are none ('scripts' false). 'command' is "exec", "run" ... Names of variables of
 * the user's whose value could not be expanded and stands as it is are added to 'literal'.
 */
int inside_env(const char *const *host, const struct room_spec *spec, const char *command,
	       struct script_vars *vars, bool scripts, struct strlist *ret, struct strlist *literal,
	       struct berth_err *err);

#endif
