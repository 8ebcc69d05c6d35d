/* SPDX-License-Identifier: BSD-3-Clause */
/* conf.c - berth.conf; see conf.h. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "libimage/base/cleanup.h"
#include "libimage/base/conf.h"
#include "libimage/base/err.h"
#include "libimage/base/fd.h"

enum {
	CONF_KEYS_MAX = 64,   /* LIMIT: bits of conf_line.seen */
	UID_OVERFLOW = 65534, /* KERNEL: fs.overflowuid, which nobody changes */
};

struct conf_reader {
	const char *name;
	const struct conf_key *keys;
	size_t nkeys;
	void *arg;
	unsigned long long seen;
};

static char *trim(char *s)
{
	char *end;

	s += strspn(s, " \t");
	end = s + strlen(s);
	while (end > s && (end[-1] == ' ' || end[-1] == '\t'))
		*--end = '\0';
	return s;
}

static int refuse(struct conf_reader *r, unsigned int line, struct berth_err *err, const char *what,
		  const char *subject)
{
	return berth_fail(err, BERTH_ECONFIG, 0, "%s:%u: %s%s%s%s", r->name, line, what,
			  subject ? " '" : "", subject ? subject : "", subject ? "'" : "");
}

/* One line, without its newline. */
static int read_line(struct conf_reader *r, char *line, unsigned int n, struct berth_err *err)
{
	char *text = trim(line), *eq, *key, *value;

	for (const char *p = text; *p; p++)
		if (((unsigned char)*p < 0x20 && *p != '\t') || *p == 0x7f) {
			refuse(r, n, err, "control character", NULL);
			return *p == '\r' ? berth_hint(err, "lines end with LF alone, not CR LF") : -1;
		}
	if (text[0] == '\0' || text[0] == '#')
		return 0;
	eq = strchr(text, '=');
	if (!eq)
		return refuse(r, n, err, "not 'key = value':", text);
	*eq = '\0';
	key = trim(text);
	value = trim(eq + 1);
	for (size_t i = 0; i < r->nkeys && i < CONF_KEYS_MAX; i++) {
		if (strcmp(key, r->keys[i].name) != 0)
			continue;
		if (value[0] == '\0')
			return refuse(r, n, err, "no value for", key);
		if (!r->keys[i].many && (r->seen & 1ULL << i))
			return refuse(r, n, err, "a second", key);
		r->seen |= 1ULL << i;
		if (r->keys[i].set(r->arg, value, err) < 0) {
			err->code = BERTH_ECONFIG;
			return berth_context(err, "%s:%u: %s", r->name, n, key);
		}
		return 0;
	}
	return refuse(r, n, err, "unknown key", key);
}

int conf_parse(const char *name, const char *text, size_t n, const struct conf_key *keys, size_t nkeys,
	       void *arg, struct berth_err *err)
{
	struct conf_reader r = { .name = name, .keys = keys, .nkeys = nkeys, .arg = arg };
	cleanup_free char *copy = NULL;
	unsigned int line = 0;

	if (memchr(text, '\0', n))
		return berth_fail(err, BERTH_ECONFIG, 0, "%s: not a text file", name);
	copy = strndup(text, n);
	if (!copy)
		return berth_fail(err, BERTH_ESYS, ENOMEM, "cannot read '%s'", name);
	for (char *p = copy, *end; p; p = end) {
		end = strchr(p, '\n');
		if (end)
			*end++ = '\0';
		if (read_line(&r, p, ++line, err) < 0)
			return -1;
	}
	return 0;
}

/*
 * KERNEL: a line of uid_map is the first number inside, the first outside, and how many; the machine's
 * first namespace has one line for all. What has no number inside shows as UID_OVERFLOW.
 */
static bool some_have_no_number(void)
{
	cleanup_fclose FILE *f = fopen("/proc/self/uid_map", "re");
	unsigned int inside, outside, count;

	return f && fscanf(f, "%u %u %u", &inside, &outside, &count) == 3 && count != UINT32_MAX;
}

/*
 * In a room of a user's, where Berth runs again, the machine's root and strangers look alike; there
 * nothing that is read gives more than the user has.
 */
bool conf_is_trusted(uid_t uid, uid_t trusted_uid)
{
	return uid == 0 || uid == trusted_uid || (uid == UID_OVERFLOW && some_have_no_number());
}

static int check_file(int fd, const char *path, uid_t trusted_uid, struct stat *st, struct berth_err *err)
{
	if (fstat(fd, st) < 0)
		return berth_fail(err, BERTH_ESYS, errno, "cannot stat '%s'", path);
	if (!S_ISREG(st->st_mode) || st->st_nlink != 1 || st->st_size > CONF_BYTES_MAX)
		return berth_fail(err, BERTH_ECONFIG, 0,
				  "'%s' must be a regular file with one link, of at most %d bytes", path,
				  CONF_BYTES_MAX);
	if (!conf_is_trusted(st->st_uid, trusted_uid) || (st->st_mode & 022)) {
		berth_fail(err, BERTH_ECONFIG, 0, "'%s' could have been changed by others", path);
		return berth_hint(err, "it must belong to root and be writable by root only");
	}
	return 0;
}

/*
 * Who can write a directory on the way can put another file there. A sticky one (/tmp) is
 * no way to replace what is another's.
 */
static int check_parents(const char *path, uid_t trusted_uid, struct berth_err *err)
{
	cleanup_free char *dir = strdup(path);
	struct stat st;

	if (!dir)
		return berth_fail(err, BERTH_ESYS, ENOMEM, "cannot read '%s'", path);
	for (char *end = strrchr(dir, '/'); end; end = strrchr(dir, '/')) {
		cleanup_close int fd = -1;

		*end = '\0';
		fd = fd_open_strict(dir[0] ? dir : "/", O_PATH | O_DIRECTORY);
		if (fd < 0 || fstat(fd, &st) < 0)
			return berth_fail(err, BERTH_ECONFIG, errno, "'%s': cannot check the directory '%s'",
					  path, dir);
		if (!conf_is_trusted(st.st_uid, trusted_uid) ||
		    ((st.st_mode & 022) && !(st.st_mode & S_ISVTX))) {
			berth_fail(err, BERTH_ECONFIG, 0, "'%s' could have been changed by others", path);
			return berth_hint(err, "the directory '%s' must belong to root and be writable by "
					       "root only", dir[0] ? dir : "/");
		}
	}
	return 0;
}

int conf_load(const char *path, uid_t trusted_uid, const struct conf_key *keys, size_t nkeys, void *arg,
	      struct berth_err *err)
{
	cleanup_close int fd = fd_open_strict(path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
	cleanup_free char *text = NULL;
	struct stat st;
	ssize_t n;

	if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
		return 0;
	if (fd < 0) {
		int sys = errno;

		berth_fail(err, BERTH_ECONFIG, sys, "cannot open '%s'", path);
		return berth_hint(err, sys == ELOOP ? "no part of its path may be a symbolic link"
						    : "everybody must be able to read it");
	}
	if (check_file(fd, path, trusted_uid, &st, err) < 0 || check_parents(path, trusted_uid, err) < 0)
		return -1;
	text = malloc((size_t)st.st_size + 1);
	if (!text)
		return berth_fail(err, BERTH_ESYS, ENOMEM, "cannot read '%s'", path);
	n = fd_read_full(fd, text, (size_t)st.st_size);
	if (n < 0)
		return berth_fail(err, BERTH_ESYS, errno, "cannot read '%s'", path);
	return conf_parse(path, text, (size_t)n, keys, nkeys, arg, err);
}
