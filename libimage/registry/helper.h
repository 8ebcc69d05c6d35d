/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * helper.h - programs that keep passwords: docker-credential-NAME, as Docker runs them.
 *
 * Runs as:  the user. The program is one of the user's PATH and gets what the user's programs get,
 *           less the variables that hold other passwords; no secret is in its arguments. It has
 *           HELPER_MAX_MS to answer.
 */
#ifndef BERTH_REGISTRY_HELPER_H
#define BERTH_REGISTRY_HELPER_H

struct berth_err;
struct credential;

/*
 * What 'name' has for 'key'. Returns 1; 0: nothing.
 * Fails: BERTH_ENOTFOUND no such program, BERTH_EDENIED it failed, BERTH_ENET it did not answer.
 */
int helper_get(const char *name, const char *key, struct credential *ret, struct berth_err *err);

/* Let it keep, or forget, a login. As above. */
int helper_store(const char *name, const char *key, const char *user, const char *password, struct berth_err *err);
int helper_erase(const char *name, const char *key, struct berth_err *err);

#endif
