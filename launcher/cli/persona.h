/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * persona.h - the name that berth was called by.
 *
 * Scripts and workflow tools call `apptainer` or `singularity`, look at how messages begin and
 * read a version number. Links of these names (./configure --enable-compat-links) make berth
 * speak so. What it does is the same under each name.
 */
#ifndef BERTH_PERSONA_H
#define BERTH_PERSONA_H

struct persona {
	const char *name;    /* as it is called, and calls itself */
	const char *version; /* the line of --version, without newline */
	const char *number;  /* that of the command 'version' */
	const char *prompt;  /* of the shell inside */
	const char *const *marks; /* what begins messages, see log.h; NULL: "berth: " */
};

/* The one that 'argv0' names, else berth's own; kept for persona(). */
void persona_set(const char *argv0);
const struct persona *persona(void);

/* Is 'argv0' run-singularity, which the first line of SIF files asks for? */
int persona_runs_image(const char *argv0);

#endif
