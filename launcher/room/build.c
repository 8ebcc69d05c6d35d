/* SPDX-License-Identifier: BSD-3-Clause */
/* build.c - carry out a plan; see build.h. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "launcher/room/build.h"
#include "launcher/room/contain.h"
#include "launcher/room/ids.h"
#include "launcher/room/overlay.h"
#include "launcher/room/skeleton.h"
#include "launcher/view/plan.h"
#include "libimage/base/cleanup.h"
#include "libimage/base/err.h"
#include "libimage/base/fd.h"
#include "libimage/base/imgfs_wire.h"
#include "libimage/base/path.h"
#include "libimage/base/str.h"

/* A mount of the plan with its source open; 'fd' -1: left out. */
struct source {
	const struct plan_mount *mount;
	int fd;
	bool dir;
};

struct build {
	const struct arm *arm;
	struct source *v;
	size_t n;
	int root_fd, tmp_fd;
	bool writable; /* the root is the image itself: no mount point is made */
};

static void build_done(struct build *b)
{
	for (size_t i = 0; i < b->n; i++)
		cleanup_close_fn(&b->v[i].fd);
	free(b->v);
	cleanup_close_fn(&b->root_fd);
	cleanup_close_fn(&b->tmp_fd);
}

int room_open_image(const struct room_spec *spec, int *ret_fd, struct image_pin *ret_pin,
		    struct berth_err *err)
{
	/* O_NONBLOCK: the name may be a FIFO's. */
	cleanup_close int fd = fd_open_user(spec->image, O_RDONLY | O_NONBLOCK | O_NOCTTY);

	if (fd < 0) {
		enum berth_code code = errno == ENOENT || errno == ENOTDIR ? BERTH_ENOTFOUND : BERTH_EDENIED;

		berth_fail(err, code, errno, "cannot open image '%s'", spec->image);
		if (code == BERTH_ENOTFOUND && path_is_stored(spec->image))
			return berth_hint(err, "this host does not see the store that it was put into, or it was "
					       "cleaned since: let BERTH_CACHEDIR name a directory on a file system "
					       "that all nodes share, and submit again");
		return berth_hint(err, code == BERTH_ENOTFOUND
					       ? "check the path; it must exist on this host, not only where you typed it"
					       : "you must be able to read it, and to enter each directory "
						 "above it, on this node");
	}
	/* The server gets this descriptor, and with it what keeps `berth cache clean` off the image. */
	if (path_is_stored(spec->image))
		fd_hold(fd);
	/* The sum of a SIF's table is a quarter of a millisecond: only where it is compared. */
	if ((spec->pin.kind == IMAGE_UNKNOWN ? image_kind_read(fd, ret_pin, err)
					     : image_pin_read(fd, ret_pin, err)) < 0)
		return berth_context(err, "image '%s'", spec->image);
	if (image_pin_check(&spec->pin, ret_pin, spec->image, err) < 0)
		return -1;
	*ret_fd = take_fd(&fd);
	return 0;
}

/*
 * A source by the user's rights. O_DIRECTORY is tried first: O_PATH alone does not make autofs
 * mount what is behind a directory.
 */
static int open_source(const struct plan_mount *m, const char *workdir, struct source *s,
		       struct berth_err *err)
{
	struct statfs fs;

	s->mount = m;
	s->dir = true;
	if (m->flags & PLAN_MAKE) {
		const char *name = m->source + strlen(workdir);

		s->fd = contain_kept(workdir, name + strspn(name, "/"), m->flags & PLAN_PUBLIC ? 01777 : 0700,
				     err);
		return s->fd < 0 ? -1 : 0;
	}
	s->fd = fd_open_user(m->source, O_PATH | O_DIRECTORY);
	if (s->fd < 0 && errno == ENOTDIR) {
		s->dir = false;
		s->fd = fd_open_user(m->source, O_PATH);
	}
	if (s->fd < 0 && (m->flags & PLAN_OPTIONAL))
		return 0;
	if (s->fd < 0) {
		berth_fail(err, errno == ENOENT ? BERTH_ENOTFOUND : BERTH_EDENIED, errno,
			   "cannot bind '%s'", m->source);
		return berth_hint(err, "it must exist, and be yours to reach, on this node, not only "
				       "where you typed it");
	}
	/* What is written to /proc must reach the kernel, not a file that somebody put there. */
	if ((m->flags & PLAN_PROC) && (fstatfs(s->fd, &fs) < 0 || fs.f_type != PROC_SUPER_MAGIC))
		return berth_fail(err, BERTH_EDENIED, 0, "'%s' is not a proc file system", m->source);
	return 0;
}

/* Has a mount of this kind a source on the host? */
static bool has_source(enum plan_kind kind)
{
	return kind == PLAN_BIND || kind == PLAN_NODE;
}

/* Is it a file of the room's own, of which the plan has the text? */
static bool is_file(enum plan_kind kind)
{
	return kind == PLAN_PASSWD || kind == PLAN_GROUP || kind == PLAN_TEXT;
}

static int open_sources(struct build *b, const struct plan *plan, const char *workdir, struct berth_err *err)
{
	b->v = calloc(plan->n + 1, sizeof(*b->v));
	if (!b->v)
		return berth_fail(err, BERTH_ESYS, ENOMEM, "cannot open the bind sources");
	for (; b->n < plan->n; b->n++) {
		struct source *s = &b->v[b->n];

		s->fd = -1;
		if (!has_source(plan->v[b->n].kind)) {
			s->mount = &plan->v[b->n];
			s->dir = !is_file(s->mount->kind);
		} else if (open_source(&plan->v[b->n], workdir, s, err) < 0) {
			return -1;
		}
	}
	return 0;
}

static bool is_wanted(const struct source *s)
{
	return s->fd >= 0 || !has_source(s->mount->kind);
}

/* Inside an earlier bind a target is the host's, not the image's: no mount point is made there. */
static bool is_in_earlier(const struct build *b, size_t i)
{
	for (size_t j = 0; j < i; j++)
		if (is_wanted(&b->v[j]) && b->v[j].dir &&
		    path_is_below(b->v[i].mount->target, b->v[j].mount->target))
			return true;
	return false;
}

/* Is it a directory of the room's own, in which mount points can be made? */
static bool is_own(const struct plan_mount *m)
{
	return m->kind == PLAN_EMPTY || m->kind == PLAN_SMALL_DEV || (m->flags & PLAN_MAKE);
}

/* The mount point of the i-th in the last before it that its target lies in, if that is an own one. */
static int make_point(struct build *b, size_t i, struct berth_err *err)
{
	const char *target = b->v[i].mount->target;

	for (size_t j = i; j-- > 0;) {
		const struct source *in = &b->v[j];

		if (!is_wanted(in) || !in->dir || !path_is_below(target, in->mount->target))
			continue;
		if (!is_own(in->mount) || strcmp(target, in->mount->target) == 0)
			return 0;
		return contain_point(in->fd, target + strlen(in->mount->target) + 1, b->v[i].dir, err);
	}
	return 0;
}

/* The room's own directories, with the mount points in them. */
static int make_own(struct build *b, struct berth_err *err)
{
	bool any = false;

	for (size_t i = 0; i < b->n; i++) {
		struct source *s = &b->v[i];

		any = any || is_own(s->mount);
		if (s->mount->kind == PLAN_EMPTY)
			s->fd = contain_empty(b->tmp_fd, s->mount->source,
					      s->mount->flags & PLAN_PUBLIC ? 01777 : 0700, err);
		else if (s->mount->kind == PLAN_SMALL_DEV)
			s->fd = contain_dev(b->tmp_fd, err);
		else
			continue;
		if (s->fd < 0)
			return -1;
	}
	for (size_t i = 0; any && i < b->n; i++)
		if (is_wanted(&b->v[i]) && make_point(b, i, err) < 0)
			return -1;
	return 0;
}

/* Mount points for the image server, in the form imgfs_wire.h describes. */
static int entries_make(const struct build *b, struct berth_err *err)
{
	cleanup(strbuf_done) struct strbuf text = STRBUF_INIT;
	int fd;

	for (size_t i = 0; i < b->n; i++) {
		if (!is_wanted(&b->v[i]) || is_in_earlier(b, i))
			continue;
		strbuf_puts(&text, b->v[i].dir ? "d" : "f");
		strbuf_add(&text, b->v[i].mount->target, strlen(b->v[i].mount->target) + 1);
	}
	if (!strbuf_ok(&text))
		return berth_fail(err, BERTH_ESYS, ENOMEM, "cannot list the mount points");
	if (text.len > IMGFS_ENTRIES_MAX)
		return berth_fail(err, BERTH_EUSAGE, 0, "the binds' paths have over %d bytes",
				  IMGFS_ENTRIES_MAX);
	fd = fd_memfile("berth-entries", text.text ? text.text : "", text.len);
	if (fd < 0)
		return berth_fail(err, BERTH_ESYS, errno, "cannot list the mount points");
	return fd;
}

/* Layers over the root that is there; 'points' (-1: none) is the lowest, with its mount points. */
static int attach_layers(struct build *b, const struct room_spec *spec, int points, struct berth_err *err)
{
	if (!b->arm->overlay)
		return berth_fail(err, BERTH_EBUG, 0, "a room in a step has no overlays");
	return b->arm->overlay(b->arm->ctx, spec, points, &b->root_fd, err);
}

static int attach_dir_layers(struct build *b, const struct room_spec *spec, int dir_fd,
			     const struct skeleton_target *targets, size_t n, struct berth_err *err)
{
	cleanup_close int points = -1;

	if (mkdirat(b->tmp_fd, "points", 0755) < 0 ||
	    (points = openat(b->tmp_fd, "points", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)) < 0)
		return berth_fail(err, BERTH_ESYS, errno, "cannot make mount points");
	if (skeleton_layer(dir_fd, points, targets, n, err) < 0 ||
	    b->arm->root_dir(b->arm->ctx, dir_fd, &b->root_fd, err) < 0)
		return -1;
	return attach_layers(b, spec, points, err);
}

static int attach_dir(struct build *b, const struct room_spec *spec, int dir_fd, struct berth_err *err)
{
	cleanup_free struct skeleton_target *targets = calloc(b->n + 1, sizeof(*targets));
	size_t n = 0;

	if (!targets)
		return berth_fail(err, BERTH_ESYS, ENOMEM, "cannot list the mount points");
	for (size_t i = 0; i < b->n; i++)
		if (is_wanted(&b->v[i]) && !is_in_earlier(b, i))
			targets[n++] = (struct skeleton_target){ b->v[i].mount->target, b->v[i].dir };
	if (spec->writable)
		return b->arm->root_dir(b->arm->ctx, dir_fd, &b->root_fd, err);
	if (overlay_wanted(spec))
		return attach_dir_layers(b, spec, dir_fd, targets, n, err);
	return skeleton_root(b->arm, dir_fd, b->tmp_fd, targets, n, &b->root_fd, err);
}

static int attach_root(struct build *b, const struct room_spec *spec, int image_fd, struct berth_err *err)
{
	cleanup_close int entries = -1, dir = -1;

	if (image_fd >= 0) {
		entries = entries_make(b, err);
		if (entries < 0)
			return -1;
		if (b->arm->root_image(b->arm->ctx, image_fd, entries, &b->root_fd, err) < 0)
			return -1;
		if (overlay_wanted(spec))
			return attach_layers(b, spec, -1, err);
		prime_names(b->root_fd);
		return 0;
	}
	/* Anew: a descriptor from before the namespace cannot be cloned in it. */
	dir = fd_open_user(spec->image, O_PATH | O_DIRECTORY);
	if (dir < 0)
		return berth_fail(err, BERTH_EIMAGE, errno, "cannot open image '%s'", spec->image);
	return attach_dir(b, spec, dir, err);
}

/* A file of the room's own, from its text. */
static int make_file(const struct build *b, const struct plan_mount *m, struct berth_err *err)
{
	if (m->kind == PLAN_TEXT)
		return ids_write(b->tmp_fd, path_base(m->target), m->source, strlen(m->source), err);
	return ids_make(b->root_fd, m->target, m->source, b->tmp_fd, path_base(m->target), err);
}

static int attach_one(struct build *b, struct source *s, struct berth_err *err)
{
	const struct plan_mount *m = s->mount;
	unsigned int flags = (m->flags & PLAN_READONLY ? ARM_READONLY : 0) |
			     (m->flags & PLAN_DEV ? ARM_DEV : 0);
	cleanup_close int dst = -1;
	int rc;

	if (m->kind == PLAN_SMALL_DEV)
		flags = ARM_READONLY;
	if (is_file(m->kind)) {
		flags = ARM_READONLY;
		s->fd = make_file(b, m, err);
		if (s->fd < 0)
			return -1;
	}
	dst = fd_open_in_root(b->root_fd, m->target, O_PATH | (s->dir ? O_DIRECTORY : 0));
	if (dst < 0 && (m->flags & PLAN_OPTIONAL))
		return 0;
	if (dst < 0) {
		berth_fail(err, BERTH_EIMAGE, errno, "cannot bind on '%s'", m->target);
		if (b->writable)
			return berth_hint(err, "a writable image is changed by its users only: make this mount "
					       "point in it first");
		return berth_hint(err, s->dir ? "it must be a directory, or absent, in the image; inside "
						"another bind it must exist"
					      : "it must be a file, or absent, in the image; inside "
						"another bind it must exist");
	}
	if (m->kind == PLAN_PROCFS)
		return b->arm->procfs ? b->arm->procfs(b->arm->ctx, dst, err)
				      : berth_fail(err, BERTH_EBUG, 0, "a room in a step has no PID namespace");
	if (m->kind == PLAN_NODE || m->kind == PLAN_SHM || m->kind == PLAN_PTS)
		rc = contain_attach(b->arm, m, s->fd, dst, err);
	else
		rc = b->arm->bind(b->arm->ctx, s->fd, dst, flags, err);
	return rc < 0 ? berth_context(err, "bind '%s' on '%s'", m->source, m->target) : 0;
}

int room_build(const struct arm *arm, const struct room_spec *spec, const struct site *site,
	       const char *pmix_dir, const struct prime_program *program, struct room_stamps *stamps,
	       struct berth_err *err)
{
	cleanup(build_done) struct build b = { .arm = arm, .root_fd = -1, .tmp_fd = -1,
						  .writable = spec->writable };
	cleanup(plan_done) struct plan plan = { 0 };
	cleanup_close int image_fd = -1;
	struct image_pin pin;
	bool beside;

	if (room_open_image(spec, &image_fd, &pin, err) < 0 ||
	    plan_make(spec, site, pmix_dir, &plan, err) < 0 ||
	    open_sources(&b, &plan, spec->workdir, err) < 0)
		return -1;
	if (pin.kind == IMAGE_DIR)
		cleanup_close_fn(&image_fd);
	room_stamp(stamps, PHASE_OPEN);
	if (arm->tmpfs(arm->ctx, &b.tmp_fd, err) < 0 || make_own(&b, err) < 0)
		return -1;
	if (attach_root(&b, spec, image_fd, err) < 0)
		return berth_context(err, "image '%s'", spec->image);
	room_stamp(stamps, PHASE_ROOT);
	/* Where the caller goes on to the program by itself, its pages come meanwhile. */
	beside = image_fd >= 0 && program && prime_start(b.root_fd, program);
	for (size_t i = 0; i < b.n; i++)
		if (is_wanted(&b.v[i]) && attach_one(&b, &b.v[i], err) < 0)
			return -1;
	if (image_fd >= 0 && !beside)
		prime_pages(b.root_fd, program);
	room_stamp(stamps, PHASE_BINDS);
	if (arm->finish(arm->ctx, err) < 0)
		return -1;
	room_stamp(stamps, PHASE_PIVOT);
	return 0;
}
