/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * store.h - what was downloaded and converted, kept by content; `berth cache` shows it.
 *
 *   DIR/                            0700 and the caller's, or it is refused
 *     blobs/sha256/XX/HEX           a blob, whole and of that digest (XX: its first two digits)
 *     images/KEY.sif                an image that was converted, whole
 *     images/KEY.json               what it was made of; its time is when the image was used last
 *     partial/sha256-HEX.HOST       what a download has got so far, to be resumed on that host
 *     locks/NAME                    flock()ed by who downloads a blob or converts an image
 *
 * Runs as:  the calling user, never root for another.   Uses: base, ref, oci's JSON.
 * Promise:  under blobs/ and images/ there are whole files only, whatever kills whom: they appear by one
 *           rename() or linkat(). Of many processes that want one thing one gets it, the others wait.
 *           What is open here is locked (LOCK_SH on the descriptor) and is never removed meanwhile.
 *
 * Where the file system has no flock(), two processes may download the same, each to a file of its own,
 * and nothing is resumed. Some lock within one host only (Lustre's localflock); that is why a partial
 * file has its host's name.
 *
 * A site store is such a directory, readable for all, that root or 'site_owner' fills. It is looked
 * into first and never written to, but by its owner, who makes it his own store.
 *
 * Threads: store_open(), ..._begin() and ..._drop() are one thread's; the rest of a blob's or an image's
 * functions may run in another, one at a time for each.
 */
#ifndef BERTH_STORE_H
#define BERTH_STORE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "libimage/base/growth.h"
#include "libimage/base/source.h"
#include "libimage/ref/digest.h"

struct berth_err;
struct output;
struct store;

enum { STORE_KEY_SIZE = 64 + 1 };     /* a sha256 in hex, NUL */
#define STORE_SIZE_UNKNOWN UINT64_MAX /* of a blob whose source does not say */

struct store_options {
	const char *dir;	 /* NULL: store_default_dir(); relative to the working directory */
	bool create;		 /* make it where it is not there, else it is simply empty */
	bool anonymous;		 /* --disable-cache: files without names below $TMPDIR; vanishes with us */
	const char *const *site; /* site stores; one that is not there is skipped */
	size_t nsite;
	uid_t site_owner; /* beside root */
	uint64_t limit;	  /* bytes; what was not used longest goes after an image was added; 0: none */
	/* We wait for another process: 'who' is "process N" or "process N on HOST", or "another process". */
	void (*waiting)(void *arg, const char *who);
	void *arg;
};

/*
 * Where the caller's store is: $BERTH_CACHEDIR/cache, of APPTAINER_CACHEDIR and SINGULARITY_CACHEDIR
 * likewise, or ~/.berth/cache. A new string in *ret. Fails: BERTH_ENOTFOUND no home.
 */
int store_default_dir(char **ret, struct berth_err *err);

/*
 * Open a store; *ret is the caller's, store_close() takes NULL and returns NULL.
 * Fails: BERTH_EDENIED it is not the caller's alone, or the way to it is not safe; BERTH_ECONFIG a
 *        site store that others could have written; BERTH_ESYS.
 */
int store_open(const struct store_options *o, struct store **ret, struct berth_err *err);
struct store *store_close(struct store *s);

static inline void store_closep(struct store **s)
{
	*s = store_close(*s);
}

/* Absolute; NULL of an anonymous one. Is there such a directory? Are there locks? */
const char *store_path(const struct store *s);
bool store_exists(const struct store *s);
bool store_has_locks(struct store *s);
uint64_t store_limit(const struct store *s);

/* ---- blobs --------------------------------------------------------------------------------- */

struct store_blob;

/*
 * A blob, from the site's or the caller's store, at its start, locked while open. *ret_fd is the caller's.
 * Returns 1 found, 0 not there (or of another size than 'size'), or -1 and *err.
 */
int store_blob_find(struct store *s, const struct digest *d, uint64_t size, int *ret_fd,
		    struct berth_err *err);

/*
 * The same, and if it is not there it is ours to get. Waits while another process does; if that fails, it
 * is ours. Who begins several: in the order of their digests, or two processes wait for each other;
 * store_blobs_begin() does that. A blob that is begun already is the same again, and dropped once more.
 * Returns 1 it is there, 0 download it from store_blob_have() on, or -1 and *err. *ret: store_blob_drop().
 */
int store_blob_begin(struct store *s, const struct digest *d, uint64_t size, struct store_blob **ret,
		     struct berth_err *err);

struct store_want {
	struct digest digest;
	uint64_t size;
};

/* All 'n' of 'want', ret[i] for want[i]; some may be the same. On failure none is begun. */
int store_blobs_begin(struct store *s, const struct store_want *want, size_t n, struct store_blob **ret,
		      struct berth_err *err);

/* Whole, and so there is nothing to download. How much of it there is. */
bool store_blob_is_whole(const struct store_blob *b);
uint64_t store_blob_have(const struct store_blob *b);

/*
 * The next 'n' bytes. Fails: BERTH_EIMAGE more than there may be, or other bytes than before
 * store_blob_restart(); BERTH_ESYS disk full, after which nothing of it is left.
 */
int store_blob_add(struct store_blob *b, const void *bytes, size_t n, struct berth_err *err);

/* The server begins at 0 again: what is there already is compared with what comes, not written. */
void store_blob_restart(struct store_blob *b);

/*
 * All bytes were added: compare the digest, let readers see the end, put the blob on disk and under its name.
 * Fails: BERTH_ENET too few bytes (what there is stays for another try), BERTH_EIMAGE another digest
 *        (nothing stays), BERTH_ESYS.
 */
int store_blob_finish(struct store_blob *b, struct berth_err *err);

/*
 * Its bytes from the start, as far as they have come, waiting for more; also in a process that was forked
 * after ..._begin(). Each reader has an 'r' of its own, which must stay, as must 'b'. The end is seen after
 * the digest was found right, and never where it was not. r->fd is open for reading only.
 */
struct source store_blob_source(struct store_blob *b, struct growth_reader *r);

/* Its descriptor (borrowed), for who wants it whole. */
int store_blob_fd(const struct store_blob *b);

/* Done with it; if it is not whole, readers are told, and what there is stays. NULL-safe; returns NULL. */
struct store_blob *store_blob_drop(struct store_blob *b);

/* ---- images -------------------------------------------------------------------------------- */

struct store_image;

/*
 * What an image is called that is made of 'manifest' for 'platform' by a conversion 'how' (its version and
 * parameters: whatever changes a byte of the result).
 */
int store_image_key(const struct digest *manifest, const char *platform, const char *how,
		    char ret[STORE_KEY_SIZE], struct berth_err *err);

/*
 * An image of the site's or the caller's store. *ret_fd (O_RDONLY, LOCK_SH: in use as long as any process
 * has it open) and *ret_path are the caller's. Returns 1 found, 0 not there, or -1 and *err.
 */
int store_image_find(struct store *s, const char *key, int *ret_fd, char **ret_path, struct berth_err *err);

/*
 * The same, and if it is not there it is ours to make: write it to store_image_output()'s descriptor.
 * Waits as store_blob_begin() does. Begin the image before its blobs.
 * Returns 1 it is there, 0 make it, or -1 and *err. *ret: store_image_drop().
 */
int store_image_begin(struct store *s, const char *key, struct store_image **ret, struct berth_err *err);
struct output *store_image_output(struct store_image *i);

/* What stands beside an image. */
struct store_meta {
	const char *source;   /* "docker://alpine:3.19" */
	const char *platform; /* "linux/amd64" */
	struct digest manifest;
	struct digest sum; /* of the image's bytes; store_image_publish() makes it */
	uint64_t bytes;
	int64_t made; /* seconds since 1970 */
};

/*
 * It is whole: let it appear, then keep the limit. Takes source, platform and manifest of 'm'.
 * If another process was quicker (no flock() there), that one's stays and is as good.
 */
int store_image_publish(struct store_image *i, const struct store_meta *m, struct berth_err *err);

/* Once it is there: its descriptor (borrowed, locked), and its path; NULL in an anonymous store. */
int store_image_fd(const struct store_image *i);
const char *store_image_path(const struct store_image *i);

/* NULL-safe; returns NULL. What was not published is gone. */
struct store_image *store_image_drop(struct store_image *i);

/* ---- housekeeping: the caller's store only -------------------------------------------------- */

enum store_kind {
	STORE_BLOB = 1,
	STORE_IMAGE = 2,
	STORE_PARTIAL = 4,
	STORE_REST = 8, /* what a kill left: empty locks, temporary names, descriptions without image */
	STORE_ALL = 15,
};

struct store_entry {
	enum store_kind kind;
	const char *name; /* a digest, a key, or a file's name */
	uint64_t bytes;
	int64_t made, used;	/* seconds since 1970 */
	bool in_use;		/* somebody has it open or works at it */
	struct store_meta meta; /* of an image; source NULL: it has no description */
};

/* Each entry, in no order; what is passed lives until 'each' returns. 'each' returns 0 to go on, or -1 and *err. */
int store_list(struct store *s, int (*each)(void *arg, const struct store_entry *e, struct berth_err *err),
	       void *arg, struct berth_err *err);

struct store_prune {
	unsigned int kinds;  /* of enum store_kind */
	int64_t idle_s;	     /* not used for so long; 0: however lately */
	uint64_t keep_bytes; /* stop when no more than that is left; 0: remove all such */
	bool dry_run;
	bool (*pick)(void *arg, const struct store_entry *e);	 /* NULL: all of these kinds */
	void (*removed)(void *arg, const struct store_entry *e); /* was, or would be; NULL: who cares */
	void *arg;
};

struct store_pruned {
	uint64_t files, bytes;	 /* removed */
	uint64_t in_use, locked; /* left: in use, and not known to be in use for want of flock() */
};

/*
 * Remove what was not used longest, blobs before images. What is in use stays. Where there is no flock(),
 * what was used in the last 30 days may be in use, and stays.
 */
int store_prune(struct store *s, const struct store_prune *p, struct store_pruned *ret,
		struct berth_err *err);

/*
 * Hash everything. 'bad' is told what is damaged and why; with 'remove' it is removed, unless in use.
 * *ret_checked: how many files were looked at.
 */
int store_verify(struct store *s, bool remove,
		 void (*bad)(void *arg, const struct store_entry *e, const char *why), void *arg,
		 uint64_t *ret_checked, struct berth_err *err);

#endif
