/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * registry.h - a repository in a registry: its manifests and blobs, to and fro (the OCI distribution
 * protocol, which is Docker's registry API version 2).
 *
 * Runs as:  the user, never root under Slurm.   Uses: libcurl, in one thread.
 * Promise:  - what was asked for by digest is what is returned: documents are checked here, of blobs the
 *             bytes are counted and whoever takes them sums them up.
 *           - a password or token goes to the scheme, host and port it is for, or, by TLS, to the token
 *             server that belongs to it; no redirect carries one elsewhere. Memory that held one is
 *             cleared. No error text, note or log has one.
 *           - https with certificates checked, but for hosts that the caller names as insecure.
 *           - no other host is asked than the one named, or the mirrors named for it.
 *           - every wait ends, and ends at once when 'cancel_fd' becomes readable (BERTH_ESYS, EINTR).
 *
 * What is lost on the way is asked for again, later each time and at most a few times; a blob goes on
 * where it stopped. "429 Too Many Requests" is obeyed.
 */
#ifndef BERTH_REGISTRY_H
#define BERTH_REGISTRY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "libimage/base/str.h"
#include "libimage/ref/digest.h"

struct berth_err;
struct registry;

/* Lists end with NULL and may be NULL themselves. Everything is the caller's and must stay. */
struct registry_options {
	bool plain_http;	       /* this registry speaks http (--no-https) */
	const char *const *insecure;   /* hosts, HOST[:PORT], where a certificate is not looked at and, if
					* there is no TLS, http is spoken */
	const char *const *mirrors;    /* HOST[:PORT][/PREFIX] to ask, in this order, and no other: the registry
					* itself only where it is among them; for reading only */
	const char *ca_file;	       /* authorities in place of the system's */
	const char *user, *password;   /* for this registry; NULL: look in the files */
	const char *const *authfiles;  /* Docker's config.json, of any place; the first that knows a host counts */
	unsigned int parallel;	       /* blobs at a time; 0: 3 */
	unsigned int silence_s;	       /* a connection without data for so long is lost; 0: 60 */
	bool push;		       /* ask for the right to write, too */
	int cancel_fd;		       /* -1: none */
	void (*note)(void *arg, const char *text); /* what a person who waits should know; NULL: nobody waits */
	void *note_arg;
};

/*
 * The repository 'repo' ("library/alpine"; NULL: the registry as a whole) at 'host', HOST[:PORT].
 * Nothing is asked yet. registry_close() is NULL-safe and returns NULL.
 * Fails: BERTH_EUSAGE no such name, BERTH_ESYS.
 */
int registry_open(const char *host, const char *repo, const struct registry_options *opt, struct registry **ret,
		  struct berth_err *err);
struct registry *registry_close(struct registry *r);

static inline void registry_closep(struct registry **r)
{
	*r = registry_close(*r);
}

/*
 * Is there a registry, and does it accept the user? For `berth registry login`.
 * Fails: BERTH_EDENIED, BERTH_ENET; BERTH_ENOTFOUND something else answers there.
 */
int registry_ping(struct registry *r, struct berth_err *err);

/* A document, as it came. */
struct registry_doc {
	struct strbuf bytes;
	char *type;	      /* Content-Type, without parameters */
	struct digest digest; /* of the bytes */
};
void registry_doc_done(struct registry_doc *d);

/*
 * The manifest or index 'what': a tag, or a digest, which is then compared.
 * Fails: BERTH_ENOTFOUND, BERTH_EDENIED, BERTH_ENET, BERTH_EIMAGE the bytes are not what was asked for.
 */
int registry_manifest(struct registry *r, const char *what, struct registry_doc *ret, struct berth_err *err);

/* Which manifest the tag 'tag' names now, without its bytes, where the registry says so: else with. */
int registry_resolve(struct registry *r, const char *tag, struct digest *ret, struct berth_err *err);

/* A blob of 'size' bytes, at most 'max', into memory; compared with its digest. */
int registry_small_blob(struct registry *r, const struct digest *digest, uint64_t size, size_t max,
			struct strbuf *ret, struct berth_err *err);

/* One blob that is to be fetched. */
struct registry_job {
	struct digest digest;
	uint64_t size; /* what its manifest says: not a byte more is taken */
	uint64_t have; /* how many are there already, of an earlier attempt; goes on while it runs */
	/* The next bytes. -1 and *err ends everything. */
	int (*data)(void *arg, const void *bytes, size_t n, struct berth_err *err);
	/* What is there is forgotten, it begins again: the server cannot go on in the middle. */
	int (*restart)(void *arg, struct berth_err *err);
	/* All came, 'size' bytes; NULL: nobody wants to know. */
	int (*end)(void *arg, struct berth_err *err);
	void *arg;
};

/*
 * Fetch 'n' blobs, some at a time, started in this order. With the first that cannot be had all end;
 * what came stays counted in 'have'. The callbacks are called in this thread.
 */
int registry_fetch(struct registry *r, struct registry_job *v, size_t n, struct berth_err *err);

/* Is there such a blob? 1, 0, or -1 and *err. */
int registry_has_blob(struct registry *r, const struct digest *digest, struct berth_err *err);

/*
 * Let the registry have a blob: 'size' bytes of the file 'fd' from 'at' on. Nothing is sent where it has
 * it already, be it in its other repository 'from' (NULL: not known). Goes on where a connection broke.
 */
int registry_push_blob(struct registry *r, const struct digest *digest, int fd, uint64_t at, uint64_t size,
		       const char *from, struct berth_err *err);

/* The manifest 'bytes' of the media type 'type' as 'what', a tag or its digest. */
int registry_push_manifest(struct registry *r, const char *what, const void *bytes, size_t n, const char *type,
			   struct berth_err *err);

#endif
