/* SPDX-License-Identifier: BSD-3-Clause */
/* store.c - where a store is, and opening it; see store.h. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "libimage/base/cleanup.h"
#include "libimage/base/conf.h"
#include "libimage/base/fd.h"
#include "libimage/base/path.h"
#include "libimage/store/store_i.h"

static const char tmp_default[] = "/var/tmp"; /* where a disk is, more often than behind /tmp */

int store_default_dir(char **ret, struct berth_err *err)
{
	static const struct {
		const char *name, *below;
	} places[] = {
		{ "BERTH_CACHEDIR", "cache" },
		{ "APPTAINER_CACHEDIR", "cache" },
		{ "SINGULARITY_CACHEDIR", "cache" },
		{ "HOME", ".berth/cache" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		const char *dir = getenv(places[i].name);

		if (!dir || dir[0] == '\0')
			continue;
		if (dir[0] != '/') {
			berth_fail(err, BERTH_EUSAGE, 0, "%s is '%.200s', which is no absolute path",
				   places[i].name, dir);
			return berth_hint(err, "a job would look for it elsewhere than you do");
		}
		*ret = path_join(dir, places[i].below);
		return *ret ? 0 : berth_fail(err, BERTH_ESYS, ENOMEM, "cannot name the store");
	}
	berth_fail(err, BERTH_ENOTFOUND, 0, "there is no place for a store: HOME is not set");
	return berth_hint(err, "BERTH_CACHEDIR names one");
}

static void place_done(struct place *p)
{
	cleanup_close_fn(&p->fd);
	free(take_ptr(&p->path));
}

struct store *store_close(struct store *s)
{
	if (!s)
		return NULL;
	for (size_t i = 0; i < s->nsite; i++)
		place_done(&s->site[i]);
	free(s->site);
	place_done(&s->own);
	free(s->tmp);
	free(s);
	return NULL;
}

/* Sites that are there. */
static int open_sites(struct store *s, const struct store_options *o, struct berth_err *err)
{
	s->site = calloc(o->nsite + 1, sizeof(*s->site));
	if (!s->site)
		return berth_fail(err, BERTH_ESYS, ENOMEM, "cannot open the site's stores");
	for (size_t i = 0; i < o->nsite; i++) {
		struct place *p = &s->site[s->nsite];
		struct stat st;

		*p = (struct place){ .fd = fd_open_user(o->site[i], O_PATH | O_DIRECTORY),
				     .site = true,
				     .owner = o->site_owner };
		if (p->fd < 0)
			continue;
		s->nsite++;
		p->path = strdup(o->site[i]);
		if (!p->path)
			return berth_fail(err, BERTH_ESYS, ENOMEM, "cannot open the site's stores");
		if (fstat(p->fd, &st) < 0)
			return berth_fail(err, BERTH_ESYS, errno, "cannot use '%s'", p->path);
		if (conf_is_trusted(st.st_uid, p->owner) && !(st.st_mode & 022))
			continue;
		berth_fail(err, BERTH_ECONFIG, 0,
			   "site store '%s': others than its owner could have changed it", p->path);
		return berth_hint(err, "the administrator must make it root's, or 'site store owner's, and "
				       "writable by that user only");
	}
	return 0;
}

/* Is the caller's own store one of the site's? Then he is its owner, and fills it for all. */
static bool is_site(const struct store *s, const struct stat *own)
{
	struct stat st;

	for (size_t i = 0; i < s->nsite; i++)
		if (fstat(s->site[i].fd, &st) == 0 && st.st_dev == own->st_dev && st.st_ino == own->st_ino)
			return true;
	return false;
}

static int check_own(struct store *s, struct berth_err *err)
{
	struct stat st;

	if (fstat(s->own.fd, &st) < 0)
		return berth_fail(err, BERTH_ESYS, errno, "cannot use '%s'", s->own.path);
	if (st.st_uid != geteuid()) {
		berth_fail(err, BERTH_EDENIED, 0, "the store '%s' is not yours", s->own.path);
		return berth_hint(err, "BERTH_CACHEDIR names another place");
	}
	if (is_site(s, &st) && !(st.st_mode & 022)) {
		s->dir_mode = 0755;
		s->file_mode = 0644;
		return 0;
	}
	if (!(st.st_mode & 077))
		return 0;
	berth_fail(err, BERTH_EDENIED, 0, "the store '%s' is open to others: its mode is %03o", s->own.path,
		   (unsigned int)st.st_mode & 0777);
	return berth_hint(err, "chmod 700 it, or remove it; BERTH_CACHEDIR names another place");
}

static int open_own(struct store *s, const struct store_options *o, struct berth_err *err)
{
	char cwd[PATH_MAX];

	if (!o->dir && store_default_dir(&s->own.path, err) < 0)
		return -1;
	if (o->dir) {
		if (o->dir[0] != '/' && !getcwd(cwd, sizeof(cwd)))
			return berth_fail(err, BERTH_ESYS, errno, "cannot find '%s'", o->dir);
		s->own.path = path_join(o->dir[0] == '/' ? "/" : cwd, o->dir);
		if (!s->own.path)
			return berth_fail(err, BERTH_ESYS, ENOMEM, "cannot name the store");
	}
	path_tidy(s->own.path);
	if (place_walk(s->own.path, o->create, &s->own.fd, err) < 0)
		return -1;
	return s->own.fd < 0 ? 0 : check_own(s, err);
}

static int open_anonymous(struct store *s, struct berth_err *err)
{
	const char *tmp = getenv("TMPDIR");

	s->anonymous = true;
	s->tmp = strdup(tmp && tmp[0] == '/' ? tmp : tmp_default);
	return s->tmp ? 0 : berth_fail(err, BERTH_ESYS, ENOMEM, "cannot name the store");
}

int store_open(const struct store_options *o, struct store **ret, struct berth_err *err)
{
	cleanup(store_closep) struct store *s = calloc(1, sizeof(*s));

	if (!s)
		return berth_fail(err, BERTH_ESYS, ENOMEM, "cannot open the store");
	s->own = (struct place)PLACE_NONE;
	s->dir_mode = 0700;
	s->file_mode = 0600;
	s->limit = o->limit;
	s->waiting = o->waiting;
	s->arg = o->arg;
	if (gethostname(s->host, sizeof(s->host) - 1) < 0 || strchr(s->host, '/') || s->host[0] == '\0')
		(void)snprintf(s->host, sizeof(s->host), "localhost");
	if ((!o->anonymous && open_sites(s, o, err) < 0) ||
	    (o->anonymous ? open_anonymous(s, err) : open_own(s, o, err)) < 0)
		return -1;
	*ret = take_ptr(&s);
	return 0;
}

const char *store_path(const struct store *s)
{
	return s->own.path;
}

bool store_exists(const struct store *s)
{
	return s->own.fd >= 0;
}

uint64_t store_limit(const struct store *s)
{
	return s->limit;
}
