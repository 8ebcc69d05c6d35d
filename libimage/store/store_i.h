/* SPDX-License-Identifier: BSD-3-Clause */
/* store_i.h - what the files of this room share; see store.h. */
#ifndef BERTH_STORE_I_H
#define BERTH_STORE_I_H

#include <limits.h>
#include <sys/stat.h>

#include "libimage/base/err.h"
#include "libimage/base/output.h"
#include "libimage/store/store.h"

enum {
	STORE_NAME_SIZE = 256,	      /* a file's name, NUL */
	STORE_READ_BYTES = 1 << 20,   /* a read of who hashes a file */
	STORE_META_MAX = 64 * 1024,   /* LIMIT: bytes of a description; it has a reference and two digests */
	STORE_UNKNOWN_S = 30 * 86400, /* LIMIT: without flock(): a job that takes longer is rare */
	STORE_REST_S = 86400,	      /* LIMIT: a temporary file that old is nobody's: no pull takes a day */
};

/* A directory of a store's layout. */
struct place {
	int fd;	    /* O_PATH; -1: it is not there */
	char *path; /* as it is called */
	bool site;  /* read-only: files must be root's or 'owner's */
	uid_t owner;
};

#define PLACE_NONE                                                                                           \
	{                                                                                                    \
		.fd = -1                                                                                     \
	}

struct store {
	struct place own; /* path NULL: anonymous */
	struct place *site;
	size_t nsite;
	bool anonymous;
	char *tmp; /* of an anonymous one: where its files without names lie */
	mode_t dir_mode, file_mode;
	uint64_t limit;
	void (*waiting)(void *arg, const char *who);
	void *arg;
	struct store_blob *blobs; /* begun and not dropped */
	char host[HOST_NAME_MAX + 1];
};

struct store_lock {
	int dir_fd, fd;
	char name[STORE_NAME_SIZE];
};

#define STORE_LOCK_NONE                                                                                      \
	{                                                                                                    \
		.dir_fd = -1, .fd = -1                                                                       \
	}

/* place.c */

/* Open the directory 'path' by a way that nobody else can change; *ret_fd -1: it is not there. */
int place_walk(const char *path, bool create, int *ret_fd, struct berth_err *err);

/* A directory below, "blobs/sha256/ab"; made where 'mode' is not 0. Returns 1, 0 it is not there, or -1. */
int place_dir(const struct place *p, const char *below, mode_t mode, int *ret_fd, struct berth_err *err);

/* A file in it, O_RDONLY, locked; *st is its. Returns 1, 0 it is not there (or just going), or -1. */
int place_file(const struct place *p, int dir_fd, const char *name, int *ret_fd, struct stat *st,
	       struct berth_err *err);

/* lock.c */

/* Does errno say that there are no locks here? */
bool lock_is_unknown(int sys);

/*
 * Be the one who works at 'name'; waits. Returns 1, 0 where there are no locks, or -1 and *err.
 * lock_release() takes what lock_take() did not fill, too.
 */
int lock_take(struct store *s, const char *name, struct store_lock *l, struct berth_err *err);
void lock_release(struct store_lock *l);

/* The same without waiting. Returns 1, or 0: somebody has it, or nobody can tell. */
int lock_try(struct store *s, const char *name, struct store_lock *l);

/* blob.c: "sha256/ab" below blobs/, and the name of a lock, "sha256-HEX". */
void blob_dir(const struct digest *d, char ret[STORE_NAME_SIZE]);
void blob_lock_name(const struct digest *d, char ret[STORE_NAME_SIZE]);

/* hash.c: the digest of the next bytes of 'fd' up to 'bytes' or the end; they are added to 'h'. */
struct hasher;
int store_hash(int fd, uint64_t bytes, struct hasher *h, struct berth_err *err);
int store_hash_whole(int fd, const char *algorithm, struct digest *ret, struct berth_err *err);

/* note.c: KEY.json. note_parse() fills 'm' with texts that *ret_doc holds. */
struct json;
struct strbuf;
void note_format(const struct store_meta *m, struct strbuf *text);
int note_parse(const void *bytes, size_t n, struct store_meta *m, struct json **ret_doc,
	       struct berth_err *err);
int note_read(int dir_fd, const char *name, struct store_meta *m, struct json **ret_doc,
	      struct berth_err *err);

/* image.c: is it 64 digits, as a key is? */
bool store_key_is_valid(const char *key, size_t n);

/* list.c: an entry, and where its file lies. What is borrowed is valid until 'each' returns. */
struct entry_at {
	struct store_entry e;
	const char *below; /* "blobs/sha256/ab" */
	const char *file;
	const char *lock; /* of a partial file or a lock: the name of the lock */
};
int store_entries(struct store *s, int (*each)(void *arg, const struct entry_at *at, struct berth_err *err),
		  void *arg, struct berth_err *err);

/* prune.c: what became of it. */
enum removal { REMOVAL_DONE, REMOVAL_IN_USE, REMOVAL_UNKNOWN, REMOVAL_FAILED };

/*
 * Remove an entry unless it is in use; 'lately': it was used so lately that it may be, where nobody can
 * tell. REMOVAL_FAILED: see *err.
 */
enum removal entry_remove(struct store *s, const struct entry_at *at, bool lately, struct berth_err *err);

/* Bring the store below its limit. */
int store_trim(struct store *s, struct berth_err *err);

/* "cannot write '%s'", with what to do if the disk is full. */
int store_fail_write(const char *path, int sys, struct berth_err *err);

#endif
