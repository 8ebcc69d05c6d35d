/* SPDX-License-Identifier: BSD-3-Clause */
/* plan.c - the default view as a list of mounts; see plan.h. */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "launcher/view/plan.h"
#include "libimage/base/cleanup.h"
#include "libimage/base/err.h"
#include "libimage/base/path.h"

/* The host's, at their own paths, whatever the user asks for. */
static const struct {
	const char *path;
	unsigned int flags;
} fixed[] = {
	{ "/proc", PLAN_PROC },
	{ "/sys", 0 },
	{ "/dev", PLAN_DEV },
	{ "/tmp", PLAN_OPTIONAL },
	{ "/var/tmp", PLAN_OPTIONAL },
};

static const struct {
	const char *path;
	unsigned int flags;
} files[] = {
	{ "/etc/hosts", PLAN_OPTIONAL | PLAN_READONLY },
	{ "/etc/resolv.conf", PLAN_OPTIONAL | PLAN_READONLY },
	{ "/etc/localtime", PLAN_OPTIONAL | PLAN_READONLY },
};

/* A working directory here stays the image's: binding it would hide the image's own. */
static const char *const cwd_not[] = {
	"/", "/etc", "/bin", "/mnt", "/usr", "/var", "/opt", "/sbin", "/lib", "/lib64",
};
static const char *const cwd_not_below[] = { "/sys", "/proc", "/dev" };

void plan_done(struct plan *p)
{
	for (size_t i = 0; i < p->n; i++) {
		free(p->v[i].source);
		free(p->v[i].target);
	}
	free(p->v);
	memset(p, 0, sizeof(*p));
}

static int add(struct plan *p, enum plan_kind kind, unsigned int flags, const char *source,
	       const char *target, struct berth_err *err)
{
	struct plan_mount *v = reallocarray(p->v, p->n + 1, sizeof(*v));

	if (!v)
		return berth_fail(err, BERTH_ESYS, ENOMEM, "cannot plan the room");
	p->v = v;
	v[p->n] = (struct plan_mount){
		.kind = kind,
		.flags = flags,
		.source = strdup(source),
		.target = strdup(target),
	};
	p->n++; /* also where half of it failed, so that it is freed */
	if (!v[p->n - 1].source || !v[p->n - 1].target)
		return berth_fail(err, BERTH_ESYS, ENOMEM, "cannot plan the room");
	return 0;
}

static bool covered(const struct plan *p, const char *path)
{
	for (size_t i = 0; i < p->n; i++)
		if (p->v[i].kind == PLAN_BIND && path_is_below(path, p->v[i].target))
			return true;
	return false;
}

static bool covered_by_list(const struct bind_list *l, const char *path)
{
	for (size_t i = 0; i < l->n; i++)
		if (path_is_below(path, l->v[i].target))
			return true;
	return false;
}

/* A path that is bound onto itself, in its plain form, or NULL and *err. */
static char *own_place(const char *path, const char *what, struct berth_err *err)
{
	cleanup_free char *plain = strdup(path);

	if (!plain) {
		berth_fail(err, BERTH_ESYS, ENOMEM, "cannot plan the room");
		return NULL;
	}
	path_tidy(plain);
	if (!path_is_target(plain)) {
		berth_fail(err, BERTH_EUSAGE, 0, "%s '%s' is no plain absolute path", what, path);
		return NULL;
	}
	return take_ptr(&plain);
}

static int add_home(struct plan *p, const struct room_spec *spec, struct berth_err *err)
{
	cleanup_free char *home = NULL;

	/* A home that the administrator wrote with ".." is nothing the user could mend. */
	if (!spec->home || !path_is_target(spec->home))
		return 0;
	home = own_place(spec->home, "the home directory", err);
	if (!home)
		return -1;
	if (strcmp(home, "/") == 0 || covered(p, home))
		return 0;
	return add(p, PLAN_BIND, PLAN_OPTIONAL, home, home, err);
}

/* The home as passwd can hold it. */
static const char *passwd_home(const struct room_spec *spec)
{
	if (!spec->home)
		return "/";
	for (const unsigned char *p = (const unsigned char *)spec->home; *p; p++)
		if (*p < 0x20 || *p == 0x7f || *p == ':')
			return "/";
	return spec->home;
}

static int add_ids(struct plan *p, const struct room_spec *spec, struct berth_err *err)
{
	cleanup(strbuf_done) struct strbuf user = STRBUF_INIT, group = STRBUF_INIT;

	/* Who may write to an image as its root means its own files of users. */
	if (spec->writable && (spec->fakeroot || spec->uid == 0))
		return 0;
	if (spec->user)
		strbuf_printf(&user, "%s:x:%u:%u::%s:/bin/sh", spec->fakeroot ? "root" : spec->user,
			      spec->fakeroot ? 0 : spec->uid, spec->fakeroot ? 0 : spec->gid, passwd_home(spec));
	if (spec->group)
		strbuf_printf(&group, "%s:x:%u:", spec->fakeroot ? "root" : spec->group,
			      spec->fakeroot ? 0 : spec->gid);
	if (!strbuf_ok(&user) || !strbuf_ok(&group))
		return berth_fail(err, BERTH_ESYS, ENOMEM, "cannot plan the room");
	if (spec->user && add(p, PLAN_PASSWD, 0, user.text, "/etc/passwd", err) < 0)
		return -1;
	if (spec->group && add(p, PLAN_GROUP, 0, group.text, "/etc/group", err) < 0)
		return -1;
	return 0;
}

static int add_pmix(struct plan *p, const char *dir, struct berth_err *err)
{
	cleanup_free char *plain = NULL;

	if (!dir || dir[0] == '\0')
		return 0;
	plain = own_place(dir, "the PMIx directory", err);
	if (!plain)
		return -1;
	/* Optional: it is there only where --mpi=pmix is used. */
	return add(p, PLAN_BIND, PLAN_OPTIONAL, plain, plain, err);
}

static int add_cwd(struct plan *p, const struct room_spec *spec, const struct site *site,
		   struct berth_err *err)
{
	cleanup_free char *cwd = NULL;

	if (!spec->cwd)
		return 0;
	cwd = own_place(spec->cwd, "the working directory", err);
	if (!cwd)
		return -1;
	for (size_t i = 0; i < ARRAY_SIZE(cwd_not); i++)
		if (strcmp(cwd, cwd_not[i]) == 0)
			return 0;
	for (size_t i = 0; i < ARRAY_SIZE(cwd_not_below); i++)
		if (path_is_below(cwd, cwd_not_below[i]))
			return 0;
	if (covered(p, cwd) || covered_by_list(&site->binds, cwd) || covered_by_list(&spec->binds, cwd))
		return 0;
	return add(p, PLAN_BIND, PLAN_OPTIONAL, cwd, cwd, err);
}

static int add_binds(struct plan *p, const struct bind_list *l, unsigned int flags, struct berth_err *err)
{
	for (size_t i = 0; i < l->n; i++)
		if (add(p, PLAN_BIND, flags | (l->v[i].readonly ? PLAN_READONLY : 0u), l->v[i].source,
			l->v[i].target, err) < 0)
			return -1;
	return 0;
}

static int add_fixed(struct plan *p, const struct room_spec *spec, struct berth_err *err)
{
	for (size_t i = 0; i < ARRAY_SIZE(fixed); i++) {
		bool own = spec->pid && (fixed[i].flags & PLAN_PROC);

		if (add(p, own ? PLAN_PROCFS : PLAN_BIND, own ? 0 : fixed[i].flags, fixed[i].path, fixed[i].path,
			err) < 0)
			return -1;
	}
	return 0;
}

static int add_hostname(struct plan *p, const struct room_spec *spec, struct berth_err *err)
{
	cleanup(strbuf_done) struct strbuf text = STRBUF_INIT;

	if (!spec->hostname)
		return 0;
	strbuf_printf(&text, "%s\n", spec->hostname);
	if (!strbuf_ok(&text))
		return berth_fail(err, BERTH_ESYS, ENOMEM, "cannot plan the room");
	return add(p, PLAN_TEXT, 0, text.text, "/etc/hostname", err);
}

static int make(const struct room_spec *spec, const struct site *site, const char *pmix_dir,
		struct plan *p, struct berth_err *err)
{
	if (add_fixed(p, spec, err) < 0)
		return -1;
	if (add_home(p, spec, err) < 0)
		return -1;
	for (size_t i = 0; i < ARRAY_SIZE(files); i++)
		if (add(p, PLAN_BIND, files[i].flags, files[i].path, files[i].path, err) < 0)
			return -1;
	if (add_ids(p, spec, err) < 0 || add_hostname(p, spec, err) < 0 || add_pmix(p, pmix_dir, err) < 0 ||
	    add_cwd(p, spec, site, err) < 0)
		return -1;
	if (add_binds(p, &site->binds, PLAN_OPTIONAL, err) < 0)
		return -1;
	return add_binds(p, &spec->binds, 0, err);
}

int plan_make(const struct room_spec *spec, const struct site *site, const char *pmix_dir,
	      struct plan *ret, struct berth_err *err)
{
	struct plan p = { 0 };

	if (make(spec, site, pmix_dir, &p, err) < 0) {
		plan_done(&p);
		return -1;
	}
	*ret = p;
	return 0;
}
