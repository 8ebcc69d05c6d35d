/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * prime.h - ask the image server early for what every program needs.
 *
 * The kernel asks a FUSE server for one name or a few pages at a time, when somebody stands
 * still for them. What the first program will need is known before: the entries of the root
 * directory, for the mount points and every path, and the pages of the ELF interpreter and the
 * C library. Here the kernel is made to ask for them in few large requests, the pages' without
 * waiting, while the launcher attaches the binds.
 *
 * Runs as:  the user. PRIV: never root under Slurm, not even by descriptor: it reads a directory
 *           and looks names up in an image whose server may not answer.
 * Promise:  never fails; an image of another make, or without any program, costs some requests.
 */
#ifndef BERTH_PRIME_H
#define BERTH_PRIME_H

#include <stdbool.h>

/* 'root_fd' is the root of a served image. Before the first name is looked up in it. */
void prime_names(int root_fd);

/* What will be executed, as execvp() would find it. */
struct prime_program {
	const char *name, *path; /* argv[0] and PATH inside */
};

/* Ask for the pages now. 'program' may be NULL. */
void prime_pages(int root_fd, const struct prime_program *program);

/*
 * The same beside the caller, in a thread that the execution of the program ends if it has not ended
 * by then. 'program' is copied. False: it could not be started.
 */
bool prime_start(int root_fd, const struct prime_program *program);

#endif
