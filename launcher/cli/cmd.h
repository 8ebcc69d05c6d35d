/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * cmd.h - the subcommands of berth: one file each, one function each.
 *
 * argv[0] is the subcommand's name. Returns the process's exit status: 0, 1 for a usage
 * error, 255 for Berth's own errors, or what the program in the container ended with.
 */
#ifndef BERTH_CMD_H
#define BERTH_CMD_H

struct command {
	const char *name, *args, *summary;
	int (*run)(int argc, char **argv);
};

int cmd_build(int argc, char **argv);
int cmd_inspect(int argc, char **argv);
int cmd_exec(int argc, char **argv);
int cmd_run(int argc, char **argv);
int cmd_shell(int argc, char **argv);
int cmd_help(int argc, char **argv);
int cmd_version(int argc, char **argv);

#endif
