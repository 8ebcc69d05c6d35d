/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * challenge.h - what WWW-Authenticate says: with which scheme a server wants to be asked again.
 *
 * Text in, text out: the bytes are a stranger's. Both schemes that registries use are understood,
 * others (Negotiate, Digest) are read over.
 */
#ifndef BERTH_REGISTRY_CHALLENGE_H
#define BERTH_REGISTRY_CHALLENGE_H

#include <stdbool.h>

struct berth_err;

struct challenge {
	bool basic, bearer;
	char *realm, *service, *scope, *error; /* of the first Bearer; NULL: not said */
};

#define CHALLENGE_INIT { 0 }

/*
 * Read the value of one or of several headers, commas between: 'Bearer realm="https://x/token",
 * service="x", Basic realm="x"'.
 * Fails: BERTH_ENET it is no such list, a parameter stands twice, a value has control characters.
 */
int challenge_parse(const char *text, struct challenge *ret, struct berth_err *err);
void challenge_done(struct challenge *c);

#endif
