/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * plan.h - the ordered list of mounts that makes the view. A pure decision: no system calls.
 *
 * Order matters: a later target may lie inside an earlier one. The room carries the list out
 * from first to last.
 */
#ifndef BERTH_PLAN_H
#define BERTH_PLAN_H

#include "launcher/view/site.h"
#include "launcher/view/spec.h"

enum plan_kind {
	PLAN_BIND,   /* the host's 'source' on 'target', with its submounts */
	PLAN_PASSWD, /* the image's 'target' (/etc/passwd) with the line 'source' added */
	PLAN_GROUP,  /* the same for /etc/group */
	/* Without Slurm only: */
	PLAN_PROCFS, /* a proc file system of the room's own PID namespace */
	PLAN_TEXT,   /* a file with the text 'source' */
	PLAN_EMPTY, /* an own, empty directory, which the room keeps as 'source'; 0700 */
	PLAN_SMALL_DEV, /* a small /dev, read-only, in which the next three lie */
	PLAN_NODE,  /* 'source' of the host's /dev, with its working device nodes */
	PLAN_SHM,   /* a new tmpfs */
	PLAN_PTS,   /* a new devpts, or the host's */
};

enum plan_flag {
	PLAN_READONLY = 1 << 0, /* recursively */
	PLAN_DEV = 1 << 1,	/* device nodes work here: only ever /dev */
	PLAN_OPTIONAL = 1 << 2, /* a missing or unreadable source is skipped */
	PLAN_PROC = 1 << 3,	/* refuse unless the source is a proc file system */
	PLAN_MAKE = 1 << 4,	/* a source below the spec's workdir, made if missing; 0700 */
	PLAN_PUBLIC = 1 << 5,	/* with PLAN_MAKE, and for PLAN_EMPTY: mode 1777 */
};

struct plan_mount {
	enum plan_kind kind;
	unsigned int flags;
	char *source;
	char *target;
};

struct plan {
	struct plan_mount *v;
	size_t n;
};

/*
 * The default view, in order: /proc /sys /dev, /tmp /var/tmp, for root what steers the machine once
 * more and read-only, home, /etc/hosts
 * /etc/resolv.conf /etc/localtime, passwd and group, 'pmix_dir' (NULL or "": none), the
 * working directory, the site's binds, the user's binds.
 * The working directory is left out where Apptainer leaves it out (/, /etc, /bin, /mnt, /usr,
 * /var, /opt, /sbin, /lib, /lib64, or below /sys, /proc, /dev) and where any other bind
 * covers it: one of the same path onto itself shows it already, and one of another directory
 * is what its author asked for. It comes before the site's and the user's binds because they
 * may lie below it. So is a home left out that is "/" or shown already. The user may name another
 * source for the home, which then must exist, and leave out all but passwd and group.
 * A contained room has a small /dev, /tmp, /var/tmp and home of its own, neither the working directory
 * nor the site's binds, and of the host's devices those that the user binds. Otherwise these are
 * there already, and are skipped. Scratch directories come before the user's binds.
 */
int plan_make(const struct room_spec *spec, const struct site *site, const char *pmix_dir,
	      struct plan *ret, struct berth_err *err);
void plan_done(struct plan *p);

/*
 * The lines of the user for passwd and group, e.g. "ann:x:2001:2001::/home/ann:/bin/sh".
 * 'text' is the image's file (may be empty); the result, a new string, has the user's line
 * first and drops other lines of that name or id. Lines with control characters are dropped.
 * Returns 0, or -1 with errno: EINVAL 'line' is no such line, ENOMEM.
 */
int plan_merge_ids(const char *text, size_t n, const char *line, struct strbuf *out);

/*
 * The first line of 'id' in the 'n' bytes of a passwd or group file, as libc's readers take it, in
 * *ret; its length, or 0 where there is none. Lines of NIS ("+name") are nobody's.
 */
size_t plan_find_id(const char *text, size_t n, unsigned long id, const char **ret);

#endif
