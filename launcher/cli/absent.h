/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * absent.h - what other container commands have and berth has not, and what to do instead.
 *
 * Who comes from them types their flags by habit. "Unknown option" would make him look for a
 * typing error.
 */
#ifndef BERTH_ABSENT_H
#define BERTH_ABSENT_H

struct berth_err;

/*
 * Refuse the option 'shown', "--name" or "-l", of 'command'; NULL: before a command.
 * Always fails: BERTH_EUSAGE.
 */
int absent_option(const char *command, const char *shown, struct berth_err *err);

/* The same for an option that getopt_long() has just refused, with its own variables. */
int absent_getopt(const char *command, char **argv, struct berth_err *err);

/* Refuse the command 'name'. Always fails: BERTH_EUSAGE. */
int absent_command(const char *name, struct berth_err *err);

#endif
