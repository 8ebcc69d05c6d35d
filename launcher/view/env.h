/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * env.h - the environment of a task: which host variables stay out, which Berth sets.
 *
 * A pure decision as a list of edits, so that the command line can apply it to an envp and the
 * plugin to Slurm's. The host's PATH, LD_LIBRARY_PATH, LD_PRELOAD (and the rest of ld.so's
 * variables) never enter; PMI*, PMIX*, SLURM*, OMPI* and the rest stay. BERTH_*, APPTAINER_*
 * and SINGULARITY_* settings are dropped; BERTHENV_X, APPTAINERENV_X, SINGULARITYENV_X set X.
 * With spec->cleanenv nothing enters but TERM, proxies and what an MPI program was started with.
 */
#ifndef BERTH_ENV_H
#define BERTH_ENV_H

#include <stddef.h>

#include "launcher/view/spec.h"

struct env_edit {
	char *name;
	char *value; /* NULL: unset */
};

struct env_edits {
	struct env_edit *v;
	size_t n;
};

#define ENV_DEFAULT_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

int env_plan(const char *const *host, const struct room_spec *spec, struct env_edits *ret,
	     struct berth_err *err);
void env_edits_done(struct env_edits *e);

/*
 * What the user sets for inside, NAME=VALUE; the last of a name counts: SINGULARITYENV_X,
 * APPTAINERENV_X, BERTHENV_X of 'host', then --env.
 */
int env_injected(const char *const *host, const struct room_spec *spec, struct strlist *ret,
		 struct berth_err *err);
/* "before:whole:after" without those that are NULL or empty. */
int env_join(const char *before, const char *whole, const char *after, struct strbuf *ret,
	     struct berth_err *err);
/* The value of 'name' in 'host', or NULL. */
const char *env_host_value(const char *const *host, const char *name);

/* Append an edit (value NULL: unset); the last edit of a name is the one that counts. */
int env_edits_add(struct env_edits *e, const char *name, const char *value, struct berth_err *err);
/* Does an edit of 'e' give 'name' a value? */
bool env_edits_set_by(const struct env_edits *e, const char *name);

/* 'host' with the edits done, as a new NULL-terminated vector in 'ret'. */
int env_apply(const char *const *host, const struct env_edits *edits, struct strlist *ret,
	      struct berth_err *err);

#endif
