/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * spec.h - what somebody asked for: one image and how it should look inside.
 *
 * Made by:  the command line, or the plugin in srun. Read by: the opener and the room, always
 *           as the user. It travels as packed text through slurmstepd and berth-launcher, both
 *           of which carry it without looking in.
 * Uses:     libimage/base.
 */
#ifndef BERTH_SPEC_H
#define BERTH_SPEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "launcher/view/overlay.h"
#include "launcher/view/rights.h"
#include "libimage/base/pin.h"
#include "libimage/base/str.h"

struct berth_err;

struct bind {
	char *source; /* absolute host path */
	char *target; /* absolute path in the room */
	bool readonly;
};

struct bind_list {
	struct bind *v;
	size_t n;
};

/* What --no-mount leaves out. Without Slurm only: not packed. */
enum no_mount {
	NO_MOUNT_PROC = 1 << 0,
	NO_MOUNT_SYS = 1 << 1,
	NO_MOUNT_DEV = 1 << 2,
	NO_MOUNT_DEVPTS = 1 << 3, /* of a small /dev; the host's comes with its own */
	NO_MOUNT_HOME = 1 << 4,
	NO_MOUNT_TMP = 1 << 5,	  /* /tmp and /var/tmp */
	NO_MOUNT_CWD = 1 << 6,
	NO_MOUNT_BIND_PATHS = 1 << 7, /* the site's binds, /etc/hosts and /etc/localtime */
};

/* Whose driver's libraries a program wants; the devices are there without. */
enum room_gpu { GPU_NVIDIA = 1 << 0, GPU_AMD = 1 << 1 };

enum room_share {
	SHARE_AUTO, /* with the other ranks of the job on this host, where the environment shows some */
	SHARE_ALWAYS,
	SHARE_NEVER,
};

struct room_spec {
	char *image;	      /* absolute host path */
	struct image_pin pin; /* IMAGE_UNKNOWN: not pinned */
	uid_t uid;
	gid_t gid;
	char *user;  /* login name; NULL: the uid has none */
	char *group; /* name of 'gid'; NULL: it has none */
	char *home; /* as it is called inside, absolute; NULL: none known */
	char *cwd;  /* where the caller stood, absolute; NULL: not to be bound */
	char *pwd;  /* --pwd: where to start, must exist; NULL: cwd, else home, else / */
	struct bind_list binds;	   /* the user's, in order */
	struct strlist env;	   /* --env NAME=VALUE, in order; later ones win */
	struct overlay_list overlays; /* topmost first */
	bool writable;		   /* a directory image, as it is */
	bool writable_tmpfs;
	uint64_t tmpfs_bytes;	   /* its size; 0: half of the memory */
	bool pid, ipc, uts, net;   /* namespaces of its own, beside the mount namespace */
	bool no_init;		   /* with 'pid': the program is pid 1 */
	bool userns;		   /* for root, too */
	bool fakeroot;		   /* be root inside */
	char *hostname;		   /* NULL: the host's; else with 'uts' */
	enum room_share share;	   /* not packed: Slurm's steps always share */
	const char *prompt;	   /* of a shell inside; NULL: INSIDE_PROMPT */
	unsigned int gpu;	   /* GPU_* */
	bool keep_locale;	   /* of the caller's, though the image lacks it */
	/* Without Slurm only, so these four are not packed: */
	struct strlist env_files;  /* --env-file, in order */
	char *app;		   /* --app: one of the image's SCIF apps; NULL: none */
	unsigned int eval_s;	   /* seconds that a shell may take for scripts; 0: the default */
	bool no_eval;		   /* --no-eval: $ in --env and of OCI images' arguments means itself */
	bool verbose;		   /* tell how long each phase took */
	bool quiet;		   /* errors only */

	/* What follows is for use without Slurm, and not packed. */
	char *home_source;		/* --home: the host's; NULL: that of the same path */
	unsigned int no_mount;		/* NO_MOUNT_* */
	struct strlist no_mount_paths;	/* targets of binds for everybody that are left out */
	bool contain;			/* a small /dev; own, empty /tmp, /var/tmp and home; no cwd */
	char *workdir;			/* the host's directory for these; NULL: in memory */
	struct strlist scratch;		/* more of them, by their paths inside */
	bool cleanenv;			/* next to nothing of the caller's environment */
	struct strlist dns;		/* addresses of name servers; none: the host's */
	bool no_umask;			/* 0022, not the caller's */
	struct strlist no_env;		/* names of the caller's variables that stay outside; also under Slurm */
	bool no_https, disable_cache;	/* of an image in a registry: how it is got */
	char *authfile;			/* where logins are kept; NULL: in Docker's file */
	struct rights rights;		/* what a program may that none may by default */
};

#define ROOM_SPEC_INIT { 0 }

void room_spec_done(struct room_spec *s);

/*
 * Parse "SRC[:DST[:OPT[,OPT]]]" and append it; OPT is ro or rw, DST defaults to SRC, and a
 * backslash before a colon or comma makes it part of a path. SRC and DST are absolute.
 * Fails: BERTH_EUSAGE; "/" as a target, and /proc, /sys, /dev and below, are refused.
 * 'list' is as it was then.
 */
int bind_parse(const char *text, struct bind_list *list, struct berth_err *err);

/*
 * The same for "A,B,C" as --bind and its variables take it. Empty members are skipped, because
 * profiles append to a variable that may not be set: ",/scratch".
 */
int bind_parse_list(const char *text, struct bind_list *list, struct berth_err *err);

/* The same for a caller who stands in 'cwd' (NULL: not known): SRC may be relative to it. */
int bind_parse_at(const char *text, const char *cwd, struct bind_list *list, struct berth_err *err);
int bind_parse_list_at(const char *text, const char *cwd, struct bind_list *list, struct berth_err *err);

/* One bind of 'source', from 'cwd', on 'target' (NULL: the same), both as somebody wrote them. */
int bind_add(struct bind_list *list, const char *source, const char *target, bool readonly,
	     const char *cwd, struct berth_err *err);

/* Say that binds have no option 'name', by which other runtimes mount parts of images. Returns -1. */
int bind_refuse_image(const char *name, struct berth_err *err);

/* Forget all but the first 'n'. */
void bind_list_cut(struct bind_list *list, size_t n);

/*
 * Move the binds of 'more' behind those of 'list', except where 'list' has that target already: what
 * was said on the command line wins over a variable, and a variable's bind may lie inside of it.
 */
int bind_list_append(struct bind_list *list, struct bind_list *more, struct berth_err *err);

void bind_list_done(struct bind_list *l);

/*
 * To bytes and back. pack() refuses (BERTH_EBUG) what is no spec: no image, relative paths, a
 * user name that would not stand in a line of passwd. unpack() refuses what pack() would not have written: unknown or repeated
 * keys, relative paths, ids out of range, a missing final NUL (BERTH_EBUG: both ends are ours).
 */
int room_spec_pack(const struct room_spec *s, struct strbuf *out, struct berth_err *err);
int room_spec_unpack(const char *bytes, size_t n, struct room_spec *ret, struct berth_err *err);

#endif
