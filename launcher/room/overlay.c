/* SPDX-License-Identifier: BSD-3-Clause */
/* overlay.c - layers over a room's root; see overlay.h. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "launcher/room/overlay.h"
#include "launcher/room/sys.h"
#include "libimage/base/cleanup.h"
#include "libimage/base/err.h"
#include "libimage/base/fd.h"
#include "libimage/base/str.h"

/* What the mount is made of; -1: not there. */
struct layers {
	int lower[OVERLAYS_MAX + 2]; /* topmost first, then mount points, the image last */
	size_t n;
	int upper, work;
};

static void layers_done(struct layers *y)
{
	for (size_t i = 0; i < y->n; i++)
		cleanup_close_fn(&y->lower[i]);
	cleanup_close_fn(&y->upper);
	cleanup_close_fn(&y->work);
}

bool overlay_wanted(const struct room_spec *spec)
{
	return spec->overlays.n > 0 || spec->writable_tmpfs;
}

static int open_failed(const char *path, struct berth_err *err)
{
	berth_fail(err, errno == ENOENT ? BERTH_ENOTFOUND : BERTH_EDENIED, errno, "cannot open overlay '%s'",
		   path);
	return berth_hint(err, "an overlay is a directory (mkdir it) or an image file, on this node");
}

int overlay_begin(const struct room_spec *spec, const struct server_ids *ids, struct overlay_servers *ret,
		  struct berth_err *err)
{
	for (; ret->n < spec->overlays.n; ret->n++) {
		const char *path = spec->overlays.v[ret->n].path;
		cleanup_close int fd = fd_open_user(path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
		struct image_pin pin;

		ret->v[ret->n] = (struct server)SERVER_NONE;
		if (fd < 0)
			return open_failed(path, err);
		if (image_kind_read(fd, &pin, err) < 0)
			return berth_context(err, "overlay '%s'", path);
		if (pin.kind != IMAGE_DIR && server_spawn(&ret->v[ret->n], ids, err) < 0)
			return -1;
	}
	return 0;
}

static bool is_image(const struct overlay_servers *o, size_t i)
{
	return o->v[i].settle >= 0;
}

int overlay_watch(struct overlay_servers *o, int wait_ms, struct berth_err *err)
{
	for (size_t i = 0; i < o->n; i++)
		if (is_image(o, i) && server_watch(&o->v[i], wait_ms, err) < 0)
			return -1;
	return 0;
}

int overlay_release(struct overlay_servers *o, struct berth_err *err)
{
	for (size_t i = 0; i < o->n; i++)
		if (is_image(o, i) && server_release(&o->v[i], err) < 0)
			return -1;
	return 0;
}

void overlay_settle(struct overlay_servers *o)
{
	for (size_t i = 0; i < o->n; i++)
		if (is_image(o, i))
			server_settle(&o->v[i]);
}

void overlay_done(struct overlay_servers *o)
{
	for (size_t i = 0; i < o->n; i++)
		server_done(&o->v[i]);
	o->n = 0;
}

/* Make 'name' in the directory 'at' if it is missing, and open it. */
static int make_dir(int at, const char *name)
{
	if (mkdirat(at, name, 0755) < 0 && errno != EEXIST)
		return -1;
	return openat(at, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

/* What other runtimes keep below "upper" beside their "work", others as it is. */
static int add_lower(struct layers *y, int top, struct berth_err *err)
{
	int fd = openat(top, "upper", O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0 && errno == ENOENT)
		fd = fcntl(top, F_DUPFD_CLOEXEC, 0);
	if (fd < 0)
		return berth_fail(err, BERTH_EIMAGE, errno, "cannot open the overlay's files");
	y->lower[y->n++] = fd;
	return 0;
}

static int add_upper(struct layers *y, int top, struct berth_err *err)
{
	y->upper = make_dir(top, "upper");
	y->work = y->upper < 0 ? -1 : make_dir(top, "work");
	if (y->work >= 0)
		return 0;
	berth_fail(err, BERTH_EDENIED, errno, "cannot make 'upper' and 'work' in it");
	return berth_hint(err, "the directory must be yours to write to; add ':ro' to use it as it is");
}

static int add_image(struct arm_local *l, struct layers *y, size_t i, const char *path, struct berth_err *err)
{
	cleanup_close int fd = fd_open_user(path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
	cleanup_close int entries = fd_memfile("berth-entries", "", 0), mnt = -1;

	if (fd < 0)
		return open_failed(path, err);
	if (entries < 0)
		return berth_fail(err, BERTH_ESYS, errno, "cannot list mount points");
	if (arm_local_image(l, &l->over->v[i], fd, entries, &mnt, err) < 0 || arm_local_cover(l, mnt, err) < 0)
		return -1;
	return add_lower(y, mnt, err);
}

static int add_layer(struct arm_local *l, struct layers *y, size_t i, const struct overlay *o,
		     struct berth_err *err)
{
	cleanup_close int dir = -1;

	if (is_image(l->over, i))
		return add_image(l, y, i, o->path, err);
	dir = fd_open_user(o->path, O_PATH | O_DIRECTORY);
	if (dir < 0)
		return open_failed(o->path, err);
	if (o->readonly)
		return add_lower(y, dir, err);
	if (y->upper >= 0) {
		berth_fail(err, BERTH_EUSAGE, 0, "it is the second overlay that is written to");
		return berth_hint(err, "only one can be; add ':ro' to the others");
	}
	return add_upper(y, dir, err);
}

static void put_path(struct strbuf *out, int fd)
{
	strbuf_printf(out, "%s/proc/self/fd/%d", out->len > 0 ? ":" : "", fd);
}

static int set_text(int fs, const char *key, const char *value)
{
	return sys_fsconfig(fs, FSCONFIG_SET_STRING, key, value, 0);
}

/* PRIV: every layer was opened with the user's rights, and is named by its descriptor. */
static int make_mount(const struct layers *y, bool own_ns, struct berth_err *err)
{
	cleanup(strbuf_done) struct strbuf lower = STRBUF_INIT, upper = STRBUF_INIT, work = STRBUF_INIT;
	cleanup_close int fs = sys_fsopen("overlay", FSOPEN_CLOEXEC);
	int mnt = -1;

	for (size_t i = 0; i < y->n; i++)
		put_path(&lower, y->lower[i]);
	if (y->upper >= 0) {
		put_path(&upper, y->upper);
		put_path(&work, y->work);
	}
	if (!strbuf_ok(&lower) || !strbuf_ok(&upper) || !strbuf_ok(&work))
		return berth_fail(err, BERTH_ESYS, ENOMEM, "cannot stack overlays");
	if (fs >= 0 && set_text(fs, "source", "berth") == 0 && set_text(fs, "lowerdir", lower.text) == 0 &&
	    (y->upper < 0 || (set_text(fs, "upperdir", upper.text) == 0 && set_text(fs, "workdir", work.text) == 0)) &&
	    (!own_ns || sys_fsconfig(fs, FSCONFIG_SET_FLAG, "userxattr", NULL, 0) == 0) &&
	    sys_fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) == 0)
		mnt = sys_fsmount(fs, FSMOUNT_CLOEXEC,
				  MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | (y->upper < 0 ? MOUNT_ATTR_RDONLY : 0));
	if (mnt >= 0)
		return mnt;
	berth_fail(err, BERTH_EDENIED, errno, "cannot stack overlays");
	if (errno == ENODEV)
		return berth_hint(err, "load the kernel's overlay module");
	return berth_hint(err, "what is written must lie on a local file system (not NFS, Lustre or another "
			       "overlay), or in memory: --writable-tmpfs");
}

/* A layer that 'fd' stays open beside. */
static int add_copy(struct layers *y, int fd, struct berth_err *err)
{
	y->lower[y->n] = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	if (y->lower[y->n] < 0)
		return berth_fail(err, BERTH_ESYS, errno, "cannot keep a layer open");
	y->n++;
	return 0;
}

/* Somewhere to write to, where it was asked for. KERNEL: a mount without may lack it, but not have one layer. */
static int add_memory(struct arm_local *l, struct layers *y, const struct room_spec *spec, struct berth_err *err)
{
	cleanup_close int tmp = -1;

	if (y->upper >= 0 || (!spec->writable_tmpfs && y->n > 1))
		return 0;
	if (arm_local_memory(l, spec->tmpfs_bytes, &tmp, err) < 0)
		return -1;
	return add_upper(y, tmp, err);
}

int overlay_attach(struct arm_local *l, const struct room_spec *spec, int points, int *root_fd,
		   struct berth_err *err)
{
	cleanup(layers_done) struct layers y = { .upper = -1, .work = -1 };
	cleanup_close int mnt = -1;

	for (size_t i = 0; i < spec->overlays.n; i++)
		if (add_layer(l, &y, i, &spec->overlays.v[i], err) < 0)
			return berth_context(err, "overlay '%s'", spec->overlays.v[i].path);
	if ((points >= 0 && add_copy(&y, points, err) < 0) || add_copy(&y, *root_fd, err) < 0 ||
	    add_memory(l, &y, spec, err) < 0)
		return -1;
	mnt = make_mount(&y, l->own_ns, err);
	return mnt < 0 ? -1 : arm_local_replace_root(l, mnt, root_fd, err);
}
