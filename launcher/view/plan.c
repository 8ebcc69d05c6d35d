/* SPDX-License-Identifier: BSD-3-Clause */
/* plan.c - the default view as a list of mounts; see plan.h. */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "launcher/view/plan.h"
#include "libimage/base/cleanup.h"
#include "libimage/base/err.h"
#include "libimage/base/path.h"

#define RESOLV "/etc/resolv.conf"

/* The host's, at their own paths, whatever the user asks for. */
static const struct {
	const char *path;
	unsigned int flags;
	unsigned int no; /* the NO_MOUNT_* that leaves it out */
} fixed[] = {
	{ "/proc", PLAN_PROC, NO_MOUNT_PROC },
	{ "/sys", 0, NO_MOUNT_SYS },
	{ "/dev", PLAN_DEV, NO_MOUNT_DEV },
	{ "/tmp", PLAN_OPTIONAL, NO_MOUNT_TMP },
	{ "/var/tmp", PLAN_OPTIONAL, NO_MOUNT_TMP },
};

static const struct {
	const char *path;
	unsigned int no;
} files[] = {
	{ "/etc/hosts", NO_MOUNT_BIND_PATHS },
	{ RESOLV, 0 },
	{ "/etc/localtime", NO_MOUNT_BIND_PATHS },
};

/* The devices of a small /dev. */
static const char *const nodes[] = {
	"/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom", "/dev/tty",
};

/*
 * What steers the machine and belongs to uid 0, who needs no capability to write there. For root the
 * room shows it read-only: an image's program has no business there, whoever runs it.
 */
static const struct {
	const char *path;
	unsigned int no;
} machine[] = {
	{ "/proc/sys", NO_MOUNT_PROC }, { "/proc/sysrq-trigger", NO_MOUNT_PROC }, { "/proc/irq", NO_MOUNT_PROC },
	{ "/proc/bus", NO_MOUNT_PROC }, { "/proc/fs", NO_MOUNT_PROC },		  { "/sys", NO_MOUNT_SYS },
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

/* Did the user leave out what is bound for everybody on 'target'? */
static bool is_left_out(const struct room_spec *spec, const char *target)
{
	for (size_t i = 0; i < spec->no_mount_paths.n; i++)
		if (strcmp(spec->no_mount_paths.v[i], target) == 0)
			return true;
	return false;
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

/* Will a bind of the site's that is not left out show 'path'? */
static bool site_covers(const struct room_spec *spec, const struct site *site, const char *path)
{
	if (spec->no_mount & NO_MOUNT_BIND_PATHS)
		return false;
	for (size_t i = 0; i < site->binds.n; i++)
		if (!is_left_out(spec, site->binds.v[i].target) &&
		    path_is_below(path, site->binds.v[i].target))
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

/*
 * An own directory for 'target': 'name' in the room's memory, or below the working directory that
 * the user named for such.
 */
static int add_own(struct plan *p, const struct room_spec *spec, const char *name, const char *target,
		   unsigned int flags, struct berth_err *err)
{
	cleanup_free char *path = NULL;

	if (!spec->workdir)
		return add(p, PLAN_EMPTY, flags, name, target, err);
	path = path_join(spec->workdir, name);
	if (!path)
		return berth_fail(err, BERTH_ESYS, ENOMEM, "cannot plan the room");
	return add(p, PLAN_BIND, flags | PLAN_MAKE, path, target, err);
}

static int add_scratch(struct plan *p, const struct room_spec *spec, struct berth_err *err)
{
	for (size_t i = 0; i < spec->scratch.n; i++) {
		cleanup_free char *name = NULL;
		int rc;

		/* On a disk by its path, so that it is found again; in memory any name will do. */
		rc = spec->workdir ? asprintf(&name, "scratch%s", spec->scratch.v[i])
				   : asprintf(&name, "scratch%zu", i);
		if (rc < 0) {
			name = NULL;
			return berth_fail(err, BERTH_ESYS, ENOMEM, "cannot plan the room");
		}
		if (add_own(p, spec, name, spec->scratch.v[i], 0, err) < 0)
			return -1;
	}
	return 0;
}

static int add_small_dev(struct plan *p, const struct room_spec *spec, struct berth_err *err)
{
	if (add(p, PLAN_SMALL_DEV, 0, "", "/dev", err) < 0)
		return -1;
	for (size_t i = 0; i < ARRAY_SIZE(nodes); i++)
		if (add(p, PLAN_NODE, PLAN_OPTIONAL, nodes[i], nodes[i], err) < 0)
			return -1;
	if (add(p, PLAN_SHM, 0, "", "/dev/shm", err) < 0)
		return -1;
	return spec->no_mount & NO_MOUNT_DEVPTS ? 0 : add(p, PLAN_PTS, 0, "", "/dev/pts", err);
}

/* One of fixed[] in a contained room. */
static int add_contained(struct plan *p, const struct room_spec *spec, const char *path,
			 unsigned int flags, struct berth_err *err)
{
	if (strcmp(path, "/dev") == 0)
		return add_small_dev(p, spec, err);
	if (strcmp(path, "/tmp") == 0)
		return add_own(p, spec, "tmp", path, PLAN_PUBLIC, err);
	if (strcmp(path, "/var/tmp") == 0)
		return add_own(p, spec, "var_tmp", path, PLAN_PUBLIC, err);
	return add(p, PLAN_BIND, flags, path, path, err);
}

/* Below what is the kernel's there is no place for a directory. */
static bool is_kernels(const char *path)
{
	return path_is_below(path, "/proc") || path_is_below(path, "/sys") || path_is_below(path, "/dev");
}

static int add_home(struct plan *p, const struct room_spec *spec, struct berth_err *err)
{
	cleanup_free char *home = NULL;

	if (spec->no_mount & NO_MOUNT_HOME)
		return 0;
	if (spec->home_source)
		return add(p, PLAN_BIND, 0, spec->home_source, spec->home, err);
	/* A home that the administrator wrote with ".." is nothing the user could mend. */
	if (!spec->home || !path_is_target(spec->home))
		return 0;
	home = own_place(spec->home, "the home directory", err);
	if (!home)
		return -1;
	if (spec->contain && strcmp(home, "/") != 0 && !is_kernels(home))
		return add_own(p, spec, "home", home, 0, err);
	if (spec->contain || strcmp(home, "/") == 0 || covered(p, home))
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

	if (!spec->cwd || spec->contain || (spec->no_mount & NO_MOUNT_CWD))
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
	if (covered(p, cwd) || site_covers(spec, site, cwd) || covered_by_list(&spec->binds, cwd))
		return 0;
	return add(p, PLAN_BIND, PLAN_OPTIONAL, cwd, cwd, err);
}

static int add_bind(struct plan *p, const struct room_spec *spec, const struct bind *b, unsigned int flags,
		    struct berth_err *err)
{
	const bool in_dev = path_is_below(b->target, "/dev"), whole = strcmp(b->target, "/dev") == 0;

	if (b->readonly)
		flags |= PLAN_READONLY;
	if (!in_dev)
		return add(p, PLAN_BIND, flags, b->source, b->target, err);
	if (!spec->contain && !(spec->no_mount & NO_MOUNT_DEV))
		return 0; /* the whole of it is there */
	return add(p, whole ? PLAN_BIND : PLAN_NODE, whole ? flags | PLAN_DEV : flags, b->source, b->target, err);
}

static int add_site(struct plan *p, const struct room_spec *spec, const struct site *site,
		    struct berth_err *err)
{
	if (spec->contain || (spec->no_mount & NO_MOUNT_BIND_PATHS))
		return 0;
	for (size_t i = 0; i < site->binds.n; i++)
		if (!is_left_out(spec, site->binds.v[i].target) &&
		    add_bind(p, spec, &site->binds.v[i], PLAN_OPTIONAL, err) < 0)
			return -1;
	return 0;
}

static int add_files(struct plan *p, const struct room_spec *spec, struct berth_err *err)
{
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		const char *path = files[i].path;

		if ((spec->no_mount & files[i].no) || is_left_out(spec, path) ||
		    (spec->dns.n > 0 && strcmp(path, RESOLV) == 0))
			continue;
		if (add(p, PLAN_BIND, PLAN_OPTIONAL | PLAN_READONLY, path, path, err) < 0)
			return -1;
	}
	return 0;
}

static int add_fixed(struct plan *p, const struct room_spec *spec, struct berth_err *err)
{
	for (size_t i = 0; i < ARRAY_SIZE(fixed); i++) {
		const char *path = fixed[i].path;
		int rc;

		if (spec->no_mount & fixed[i].no)
			continue;
		if (spec->pid && (fixed[i].flags & PLAN_PROC))
			rc = add(p, PLAN_PROCFS, 0, path, path, err);
		else if (spec->contain)
			rc = add_contained(p, spec, path, fixed[i].flags, err);
		else
			rc = add(p, PLAN_BIND, fixed[i].flags, path, path, err);
		if (rc < 0)
			return -1;
	}
	return 0;
}

static int add_machine(struct plan *p, const struct room_spec *spec, struct berth_err *err)
{
	/* Root of a user namespace of its own is nobody to these files. */
	if (spec->uid != 0 || spec->fakeroot || spec->userns)
		return 0;
	for (size_t i = 0; i < ARRAY_SIZE(machine); i++)
		if (!(spec->no_mount & machine[i].no) && add(p, PLAN_BIND, PLAN_READONLY | PLAN_OPTIONAL,
							     machine[i].path, machine[i].path, err) < 0)
			return -1;
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

static int add_resolv(struct plan *p, const struct room_spec *spec, struct berth_err *err)
{
	cleanup(strbuf_done) struct strbuf text = STRBUF_INIT;

	if (spec->dns.n == 0)
		return 0;
	for (size_t i = 0; i < spec->dns.n; i++)
		strbuf_printf(&text, "nameserver %s\n", spec->dns.v[i]);
	if (!strbuf_ok(&text))
		return berth_fail(err, BERTH_ESYS, ENOMEM, "cannot plan the room");
	return add(p, PLAN_TEXT, 0, text.text, RESOLV, err);
}

static int make(const struct room_spec *spec, const struct site *site, const char *pmix_dir,
		struct plan *p, struct berth_err *err)
{
	if (add_fixed(p, spec, err) < 0 || add_machine(p, spec, err) < 0 || add_home(p, spec, err) < 0 || add_files(p, spec, err) < 0 ||
	    add_ids(p, spec, err) < 0 || add_hostname(p, spec, err) < 0 || add_resolv(p, spec, err) < 0 || add_pmix(p, pmix_dir, err) < 0 ||
	    add_cwd(p, spec, site, err) < 0 || add_site(p, spec, site, err) < 0 ||
	    add_scratch(p, spec, err) < 0)
		return -1;
	for (size_t i = 0; i < spec->binds.n; i++)
		if (add_bind(p, spec, &spec->binds.v[i], 0, err) < 0)
			return -1;
	return 0;
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
