/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * authfile.h - who the user is at which registry: Docker's config.json, which podman's auth.json
 * is a subset of.
 *
 * Runs as:  the user, never root.
 * Promise:  passwords and tokens are overwritten when their memory is given back; no error text
 *           holds one. A file that is written keeps what it had and we know nothing of.
 *
 * A helper's name ("docker-credential-NAME") is what a file says; it is letters, digits, '.', '_'
 * and '-', so that it names no other directory. This room starts no program.
 */
#ifndef BERTH_AUTHFILE_H
#define BERTH_AUTHFILE_H

#include <stdbool.h>
#include <stddef.h>

struct authfile;
struct berth_err;

enum {
	AUTHFILE_BYTES_MAX = 1 << 20, /* LIMIT: a login has 200 bytes */
	AUTH_HELPER_MAX = 64,	      /* LIMIT: bytes of a helper's name; they are words */
};

/* What there is for one registry; NULL or "": there is none of the kind. */
struct credential {
	char *user, *password;
	char *identity_token;  /* for the token server, in place of a password */
	char *registry_token;  /* for the registry itself, as it is */
	char helper[AUTH_HELPER_MAX + 1]; /* ask this one first; the rest is for when it has nothing */
	char helper_key[512];  /* what it is to be asked for: LIMIT: a host's name and a path's */
};

void credential_done(struct credential *c);

/*
 * The file 'path'; one that is not there is as good as an empty one.
 * Fails: BERTH_ECONFIG it is not such a file, BERTH_EDENIED it may not be read, BERTH_ESYS.
 */
int authfile_load(const char *path, struct authfile **ret, struct berth_err *err);

/* The same of 'n' bytes; 'path' for messages. */
int authfile_parse(const char *path, const void *bytes, size_t n, struct authfile **ret,
		   struct berth_err *err);

/* NULL-safe; overwrites. Returns NULL. */
struct authfile *authfile_free(struct authfile *a);

static inline void authfile_freep(struct authfile **a)
{
	*a = authfile_free(*a);
}

/*
 * What the file has for 'repo' at 'host' ("registry-1.docker.io" is Docker Hub, by whichever of
 * its names the file calls it): podman's "host/a/b" before "host/a" before "host"; URLs as Docker
 * writes them. Returns 1, or 0 and an empty *ret if there is nothing.
 * Fails: BERTH_ECONFIG the entry is damaged.
 */
int authfile_find(const struct authfile *a, const char *host, const char *repo, struct credential *ret,
		  struct berth_err *err);

/* Add or replace the entry of 'host'. The file is as before until authfile_save(). */
int authfile_set(struct authfile *a, const char *host, const char *user, const char *password,
		 struct berth_err *err);

/* Returns 1 if there was an entry of 'host', else 0. */
int authfile_remove(struct authfile *a, const char *host);

/* Put it at its path, mode 0600, complete or not at all; directories are not made. */
int authfile_save(const struct authfile *a, struct berth_err *err);

/* What a helper answered to "get": {"Username": ..., "Secret": ...}. Fails: BERTH_EDENIED. */
int credential_parse(const void *bytes, size_t n, struct credential *ret, struct berth_err *err);

#endif
