/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * cli.h - what the subcommands share: the table of them, the flags given before them, and the
 * one way to end with an error.
 */
#ifndef BERTH_CLI_H
#define BERTH_CLI_H

#include <stdbool.h>
#include <stddef.h>

#include "launcher/cli/cmd.h"

struct berth_err;

extern const struct command commands[];
extern const size_t command_count;
const struct command *command_find(const char *name);
/* Refuse the command 'name', and say which was meant. Always fails: BERTH_EUSAGE. */
int command_unknown(const char *name, struct berth_err *err);

/* "berth -v COMMAND": set by main() before the subcommand runs. */
struct cli_global {
	bool verbose, quiet;
};
extern struct cli_global cli_global;

/* Set what log.h lets through. */
void cli_log_level(bool verbose, bool quiet);

/* Print the error (and, for a usage error of 'command', where its help is); the exit status. */
int cli_fail(const char *command, struct berth_err *err);

/* Flush standard output; the exit status: a full disk behind it is an error, not a success. */
int cli_flush(void);

#endif
