/* SPDX-License-Identifier: BSD-3-Clause */
/* doctor_userns.c - namespaces: made, and where that fails, by whom it was forbidden; see doctor.h. */
#include "config.h"
#include "paths.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/stat.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "launcher/cli/doctor.h"
#include "launcher/cli/doctor_text.h"
#include "launcher/room/trial.h"
#include "libimage/base/cleanup.h"
#include "libimage/base/err.h"

#define USER_MAX   "/proc/sys/user/max_user_namespaces"
#define MNT_MAX	   "/proc/sys/user/max_mnt_namespaces"
#define CLONE_KEY  "/proc/sys/kernel/unprivileged_userns_clone"
#define AA_KEY	   "/proc/sys/kernel/apparmor_restrict_unprivileged_userns"
#define PERSIST(x) "sysctl " x "\nand, to keep it, the line '" x "' in /etc/sysctl.d/90-berth.conf"

enum { FEW_NAMESPACES = 256 }; /* LIMIT: one a start on a node with many users' logins and tests */

static const char profile[] =
	"write this to /etc/apparmor.d/berth, then: apparmor_parser -r /etc/apparmor.d/berth\n"
	"  abi <abi/4.0>,\n"
	"  include <tunables/global>\n"
	"  profile berth " BERTH_BINDIR "/berth flags=(unconfined) {\n"
	"    userns,\n"
	"  }";

/* KERNEL: the root of a mount namespace is a mount; where "/" is none, somebody called chroot(). */
static bool is_chroot(void)
{
	struct statx st;

	return statx(AT_FDCWD, "/", 0, STATX_INO, &st) == 0 && (st.stx_attributes_mask & STATX_ATTR_MOUNT_ROOT) &&
	       !(st.stx_attributes & STATX_ATTR_MOUNT_ROOT);
}

static bool is_one(const char *path, unsigned long long want)
{
	unsigned long long v = 0;

	return doctor_sysctl(path, &v) && v == want;
}

/* The user namespace failed with 'err': which of the things that forbid it is it? */
static void blame(struct findings *f, const struct berth_err *err)
{
	unsigned long long max = 0;

	if (is_chroot())
		finding_fail(f, "start it outside of the chroot: a chroot forbids namespaces to users, and a room "
				"inside one could not be left",
			     "the root directory is that of a chroot (%s)", err->text);
	else if (err->sys == ENOSPC && doctor_sysctl(USER_MAX, &max))
		finding_fail(f, PERSIST("user.max_user_namespaces=15000"), "%s; the limit, "
			     "user.max_user_namespaces, is %llu", err->text, max);
	else if (is_one(CLONE_KEY, 0))
		finding_fail(f, PERSIST("kernel.unprivileged_userns_clone=1"),
			     "%s: kernel.unprivileged_userns_clone is 0", err->text);
	else if (is_one(AA_KEY, 1))
		finding_fail(f, profile, "%s: AppArmor keeps namespaces from programs that have no profile for them "
					 "(kernel.apparmor_restrict_unprivileged_userns is 1)", err->text);
	else if (err->sys == EPERM || err->sys == EACCES)
		finding_fail(f, "a container: it must be started so that it may (docker run --security-opt "
				"seccomp=unconfined --security-opt systempaths=unconfined); else: ausearch -m avc, "
				"journalctl -k",
			     "%s: a chroot, a security module or the seccomp filter of a container around this "
			     "forbids it",
			     err->text);
	else
		finding_err(f, FINDING_FAIL, err);
}

void doctor_userns(struct findings *f, const char *image)
{
	struct berth_err err = BERTH_ERR_INIT;
	const char *who = geteuid() == 0 ? "nobody" : "you";
	unsigned long long max = 0;
	bool known;

	(void)image;
	/* KERNEL: in a new user namespace the file has that one's limit. */
	known = doctor_sysctl(MNT_MAX, &max);
	if (trial_userns(&err) < 0) {
		blame(f, &err);
		return;
	}
	if (trial_mntns(&err) == 0) {
		finding_ok(f, "%s can make a user and a mount namespace", who);
		return;
	}
	if (err.sys == ENOSPC && known)
		finding_fail(f, PERSIST("user.max_mnt_namespaces=15000"), "%s; the limit, user.max_mnt_namespaces, is "
			     "%llu", err.text, max);
	else
		blame(f, &err);
}

void doctor_ns_limits(struct findings *f, const char *image)
{
	static const struct {
		const char *path, *name, *mend;
	} keys[] = {
		{ USER_MAX, "user.max_user_namespaces", PERSIST("user.max_user_namespaces=15000") },
		{ MNT_MAX, "user.max_mnt_namespaces", PERSIST("user.max_mnt_namespaces=15000") },
	};

	(void)image;
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		unsigned long long max = 0;

		if (!doctor_sysctl(keys[i].path, &max))
			finding_warn(f, NULL, "cannot read %s", keys[i].path);
		else if (max < FEW_NAMESPACES)
			finding_warn(f, keys[i].mend, "%s is %llu: each berth takes one as long as its program runs",
				     keys[i].name, max);
		else
			finding_ok(f, "%s is %llu", keys[i].name, max);
	}
}
