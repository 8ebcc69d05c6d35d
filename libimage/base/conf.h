/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * conf.h - berth.conf: 'key = value' lines, '#' comments.
 *
 * The reader knows the keys it is given and nothing else: an unknown key, a key twice where
 * it may stand once, a missing '=' or a control character is an error with its line number.
 * The file is opened without following links, checked on the descriptor (regular, owned by
 * root or by 'trusted_uid', writable by its owner only, one link, at most CONF_BYTES_MAX) and
 * only then read. In a user namespace without numbers for all, root's files may show as the
 * overflow uid's.
 */
#ifndef BERTH_CONF_H
#define BERTH_CONF_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct berth_err;

enum { CONF_BYTES_MAX = 256 * 1024 }; /* LIMIT: a site's file is a few KiB */

struct conf_key {
	const char *name;
	bool many; /* may stand more than once */
	/* Take 'value' (trimmed, not empty); 'arg' is conf_load's. -1 and *err refuses it. */
	int (*set)(void *arg, const char *value, struct berth_err *err);
};

/*
 * Read 'path' and call the keys' setters in order of appearance. A missing file is no error:
 * every key has a default. The file and every directory above it must be writable by root and
 * 'trusted_uid' only.
 * Fails: BERTH_ECONFIG, text "PATH:LINE: what".
 */
int conf_load(const char *path, uid_t trusted_uid, const struct conf_key *keys, size_t nkeys, void *arg,
	      struct berth_err *err);

/*
 * Is 'uid', a file's owner, root or 'trusted_uid'? In a user namespace that has not everybody's number, root
 * may show as one without.
 */
bool conf_is_trusted(uid_t uid, uid_t trusted_uid);

/* The parser alone, on 'n' bytes; 'name' is for messages. */
int conf_parse(const char *name, const char *text, size_t n, const struct conf_key *keys, size_t nkeys,
	       void *arg, struct berth_err *err);

#endif
