/* SPDX-License-Identifier: BSD-3-Clause */
/* doctor_fuse.c - what serves an image: FUSE and Berth's own programs; see doctor.h. */
#include "config.h"
#include "paths.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "launcher/cli/doctor.h"
#include "launcher/room/trial.h"
#include "libimage/base/cleanup.h"
#include "libimage/base/err.h"

/* Does the kernel have the file system, now? */
static bool has_filesystem(const char *name)
{
	cleanup_free char *text = doctor_read("/proc/filesystems");

	/* "nodev\tfuse\n" and "\text4\n" */
	for (char *p = text, *save = NULL; text && (p = strtok_r(p, "\t\n", &save)); p = NULL)
		if (strcmp(p, name) == 0)
			return true;
	return false;
}

static void blame_open(struct findings *f, const struct berth_err *err)
{
	struct stat st;

	if (stat("/dev/fuse", &st) < 0) {
		if (has_filesystem("fuse"))
			finding_fail(f, "mknod -m 0666 /dev/fuse c 10 229\nin a container: it must be started with "
					"that device (docker run --device /dev/fuse)",
				     "there is no /dev/fuse, although the kernel has FUSE");
		else
			finding_fail(f, "modprobe fuse\nand, to keep it, the line 'fuse' in "
					"/etc/modules-load.d/fuse.conf",
				     "there is no /dev/fuse: the kernel's fuse module is not loaded");
		return;
	}
	if (!S_ISCHR(st.st_mode))
		finding_fail(f, "rm /dev/fuse; mknod -m 0666 /dev/fuse c 10 229", "/dev/fuse is no device");
	else if (err->sys == ENODEV || err->sys == ENXIO)
		finding_fail(f, "modprobe fuse", "%s", err->text);
	else if ((st.st_mode & 0006) != 0006)
		finding_fail(f, "chmod 0666 /dev/fuse\nand, to keep it, KERNEL==\"fuse\", MODE=\"0666\" in "
				"/etc/udev/rules.d/90-fuse.rules",
			     "users cannot open /dev/fuse: its mode is %04o", st.st_mode & 07777U);
	else
		finding_fail(f, "a container: its devices cgroup, or a mount with nodev, forbids it", "%s", err->text);
}

void doctor_fuse(struct findings *f, const char *image)
{
	struct berth_err err = BERTH_ERR_INIT;
	cleanup_close int fd = -1;
	bool inside;

	(void)image;
	inside = trial_userns(&err) == 0 && trial_mntns(&err) == 0;
	if (trial_fuse_open(&fd, &err) < 0) {
		blame_open(f, &err);
		return;
	}
	if (!inside)
		finding_warn(f, NULL, "/dev/fuse can be opened; whether it can be mounted is not known without "
				      "namespaces");
	else if (trial_fuse_mount(fd, &err) < 0)
		finding_fail(f, "the kernel must be 4.18 or newer and let users mount FUSE; a container around this "
				"may forbid it", "%s", err.text);
	else
		finding_ok(f, "/dev/fuse can be opened and mounted");
}

void doctor_overlay(struct findings *f, const char *image)
{
	struct berth_err err = BERTH_ERR_INIT;

	(void)image;
	if (trial_userns(&err) < 0 || trial_mntns(&err) < 0)
		finding_warn(f, NULL, "not tried without namespaces");
	else if (trial_overlay(&err) < 0)
		finding_warn(f, has_filesystem("overlay") ? NULL : "modprobe overlay",
			     "%s; images that are to be written to need it, others do not", err.text);
	else
		finding_ok(f, "users can mount an overlay");
}

void doctor_programs(struct findings *f, const char *image)
{
	static const char *const paths[] = { BERTH_BINDIR "/berth", BERTH_LIBEXEC "/berth-imgfs",
					     BERTH_LIBEXEC "/berth-image" };
	size_t bad = 0;

	(void)image;
	for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
		struct stat st;

		bad++;
		if (stat(paths[i], &st) < 0)
			finding_fail(f, "install Berth whole (make install) where it was configured for, on every node",
				     "'%s': %s", paths[i], strerror(errno));
		else if (!S_ISREG(st.st_mode) || access(paths[i], X_OK) < 0)
			finding_fail(f, "chmod 0755 it; its file system must not be mounted noexec",
				     "'%s' cannot be executed", paths[i]);
		else if (st.st_mode & (S_ISUID | S_ISGID))
			finding_fail(f, "chmod 0755 it", "'%s' is setuid or setgid, and must not be", paths[i]);
		else if (st.st_uid == 0 && (st.st_mode & 022))
			finding_fail(f, "chmod 0755 it", "'%s' can be replaced by others than root", paths[i]);
		else
			bad--;
	}
	if (bad == 0)
		finding_ok(f, "berth, berth-imgfs and berth-image are there, below '%s' and '%s'", BERTH_BINDIR,
			   BERTH_LIBEXEC);
}
