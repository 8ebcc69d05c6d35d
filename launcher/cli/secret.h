/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * secret.h - a password from whoever calls: typed unseen at the terminal, or on standard input.
 */
#ifndef BERTH_SECRET_H
#define BERTH_SECRET_H

struct berth_err;

enum { SECRET_MAX = 64 * 1024 }; /* LIMIT: bytes; tokens have a few KiB */

/* LIMIT: bytes; a mail address has less */
enum { SECRET_NAME_MAX = 255 };

/*
 * Ask for a user's name, if standard input is a terminal; 'out' is of SECRET_NAME_MAX + 1 bytes.
 * Fails: BERTH_EUSAGE there is nobody to ask, or no answer.
 */
int secret_ask_name(char *out, struct berth_err *err);

/*
 * Ask on the terminal, without an echo, and put what was typed in 'out' of SECRET_MAX + 1 bytes.
 * Fails: BERTH_EUSAGE there is no terminal, or Ctrl-C; BERTH_ESYS.
 */
int secret_ask(const char *prompt, char *out, struct berth_err *err);

/* All of standard input, less one newline at its end. Fails: BERTH_EUSAGE nothing, too much; BERTH_ESYS. */
int secret_read(char *out, struct berth_err *err);

#endif
