/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * flags.h - the flags of exec, run, shell and test, by the table of options.h.
 *
 * --NAME VALUE, --NAME=VALUE, -L VALUE, -LVALUE; letters without argument may stand together
 * (-vB /data). Flags end at the first word that is none, the image, or at "--": all that
 * follows the image belongs to the program.
 */
#ifndef BERTH_FLAGS_H
#define BERTH_FLAGS_H

#include <stdbool.h>
#include <stddef.h>

#include "launcher/view/options.h"
#include "launcher/view/spec.h"

/* A flag of one subcommand only. Those of build and inspect are here for their help: getopt reads
 * them, in berth-image. */
struct flag_local {
	const char *command, *name;
	char letter;
	const char *arg, *help;
};
extern const struct flag_local flag_locals[];
extern const size_t flag_local_count;

struct flags {
	int first;	   /* index of the first word after the flags */
	bool help;	   /* --help or -h was among them: nothing after it was looked at */
	const char *shell; /* --shell, or NULL; points into argv */
};

/* argv[0] is the subcommand. Fails: BERTH_EUSAGE, which names the flag. */
int flags_parse(int argc, char **argv, struct room_spec *spec, struct flags *ret, struct berth_err *err);

#endif
