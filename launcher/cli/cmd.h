/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * cmd.h - the subcommands of berth: each is one function that returns the exit status.
 *
 * Runs as:  the calling user. argv[0] is the subcommand's name; a subcommand writes its
 *           result on standard output and messages through log.h.
 */
#ifndef BERTH_CMD_H
#define BERTH_CMD_H

struct command {
	const char *name, *args, *summary;
	int (*run)(int argc, char **argv);
};

int cmd_exec(int argc, char **argv);
int cmd_run(int argc, char **argv);
int cmd_shell(int argc, char **argv);
int cmd_completion(int argc, char **argv);
int cmd_config(int argc, char **argv);
int cmd_doctor(int argc, char **argv);
int cmd_enter(int argc, char **argv);
int cmd_test(int argc, char **argv);
int cmd_help(int argc, char **argv);
int cmd_version(int argc, char **argv);
int cmd_image(int argc, char **argv); /* those below, in berth-image */

int cmd_build(int argc, char **argv);
int cmd_cache(int argc, char **argv);
int cmd_create(int argc, char **argv);
int cmd_export(int argc, char **argv);
int cmd_import(int argc, char **argv);
int cmd_inspect(int argc, char **argv);
int cmd_registry(int argc, char **argv);
int cmd_pull(int argc, char **argv);
int cmd_resolve(int argc, char **argv); /* no user's */
int cmd_push(int argc, char **argv);
int cmd_run_help(int argc, char **argv);
int cmd_sif(int argc, char **argv);

#endif
