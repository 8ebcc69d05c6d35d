/* SPDX-License-Identifier: BSD-3-Clause */
/* doctor_host.c - the kernel, its settings, limits and the site's file; see doctor.h. */
#include "config.h"
#include "paths.h"

#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/utsname.h>
#include <sys/xattr.h>

#include "launcher/cli/doctor.h"
#include "launcher/cli/doctor_text.h"
#include "launcher/view/site.h"
#include "launcher/view/subid.h"
#include "libimage/base/cleanup.h"
#include "libimage/base/err.h"

enum {
	FREE_MIB_MIN = 16,	/* less than this is a full disk to most programs */
	FILES_MIN = 256,	/* a start has some thirty open, MPI and Python many more */
	PROCESSES_MIN = 128,	/* guard, server and a program with a thread a core */
	SUBIDS_MIN = 65536,	/* what images use: 0 to 65535 */
};

void doctor_kernel(struct findings *f, const char *image)
{
	struct utsname u;

	(void)image;
	if (uname(&u) < 0)
		finding_fail(f, NULL, "uname: %s", strerror(errno));
	else if (!text_release_from(u.release, 5, 14))
		finding_fail(f, "Linux 5.14 is in RHEL 9, SLES 15 SP4, Ubuntu 22.04 and Debian 12",
			     "this is %s %s; Berth needs Linux 5.14 or newer", u.sysname, u.release);
	else
		finding_ok(f, "%s %s, %s", u.sysname, u.release, u.machine);
}

static const char *container_around(void)
{
	static const char *const vars[] = { "BERTH_CONTAINER", "APPTAINER_CONTAINER", "SINGULARITY_CONTAINER" };

	for (size_t i = 0; i < ARRAY_SIZE(vars); i++)
		if (getenv(vars[i]))
			return getenv(vars[i]);
	if (access("/.dockerenv", F_OK) == 0)
		return "Docker";
	if (access("/run/.containerenv", F_OK) == 0)
		return "Podman";
	return getenv("container");
}

/* KERNEL: the inode of the first user namespace is a constant, PROC_USER_INIT_INO. */
static bool is_init_userns(void)
{
	struct stat st;

	return stat("/proc/self/ns/user", &st) == 0 && st.st_ino == 0xeffffffdU;
}

void doctor_nested(struct findings *f, const char *image)
{
	const char *around = container_around();

	(void)image;
	if (!is_init_userns())
		finding_warn(f, NULL, "this is inside of a user namespace%s%s%s: limits and devices are what the host "
				      "gave it, and even root here is a user",
			     around ? " (" : "", around ? around : "", around ? ")" : "");
	else if (around)
		finding_warn(f, NULL, "this is inside of a container (%s): what it lacks, its host must give it", around);
	else
		finding_ok(f, "this is the host itself");
}

void doctor_tmp(struct findings *f, const char *image)
{
	static const char *const dirs[] = { "/tmp", "/var/tmp", "/dev/shm" };

	(void)image;
	for (size_t i = 0; i < ARRAY_SIZE(dirs); i++) {
		unsigned long long mib;
		struct statvfs v;

		if (statvfs(dirs[i], &v) < 0) {
			finding_warn(f, "mkdir -m 1777 it", "'%s': %s; programs in images expect it", dirs[i],
				     strerror(errno));
			continue;
		}
		mib = (unsigned long long)v.f_bavail * v.f_frsize / 1024 / 1024;
		if (access(dirs[i], W_OK | X_OK) < 0)
			finding_warn(f, "chmod 1777 it", "'%s' cannot be written to: %s", dirs[i], strerror(errno));
		else if (mib < FREE_MIB_MIN || (v.f_files > 0 && v.f_favail == 0))
			finding_warn(f, "remove what is not needed: find DIRECTORY -xdev -user $USER; or set TMPDIR",
				     "'%s' is full: %llu MiB and %llu files are free", dirs[i], mib,
				     (unsigned long long)v.f_favail);
		else
			finding_ok(f, "'%s' can be written to, %llu MiB are free", dirs[i], mib);
	}
}

void doctor_site(struct findings *f, const char *image)
{
	cleanup(site_done) struct site site = { 0 };
	struct berth_err err = BERTH_ERR_INIT;

	(void)image;
	if (site_load(&site, &err) < 0) {
		finding_err(f, FINDING_FAIL, &err);
		return;
	}
	finding_ok(f, "'%s' %s", BERTH_CONF,
		   access(BERTH_CONF, F_OK) == 0 ? "is valid, and only root can change it"
						 : "is not there: the defaults are in effect");
	for (size_t i = 0; i < site.binds.n; i++)
		if (access(site.binds.v[i].source, F_OK) < 0)
			finding_warn(f, NULL, "'bind path = %s' is left out here: %s", site.binds.v[i].source,
				     strerror(errno));
}

void doctor_limits(struct findings *f, const char *image)
{
	static const struct {
		int what;
		rlim_t least;
		const char *name, *mend;
	} rows[] = {
		{ RLIMIT_NOFILE, FILES_MIN, "open files", "ulimit -n 1024; the hard limit is set in "
							  "/etc/security/limits.conf" },
		{ RLIMIT_NPROC, PROCESSES_MIN, "processes", "ulimit -u 4096; the hard limit is set in "
							    "/etc/security/limits.conf" },
	};

	(void)image;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct rlimit r;

		if (getrlimit((__rlimit_resource_t)rows[i].what, &r) < 0)
			continue;
		if (r.rlim_cur != RLIM_INFINITY && r.rlim_cur < rows[i].least)
			finding_warn(f, rows[i].mend, "only %llu %s are allowed", (unsigned long long)r.rlim_cur,
				     rows[i].name);
		else if (r.rlim_cur == RLIM_INFINITY)
			finding_ok(f, "%s are not limited", rows[i].name);
		else
			finding_ok(f, "%llu %s are allowed", (unsigned long long)r.rlim_cur, rows[i].name);
	}
}

void doctor_proc(struct findings *f, const char *image)
{
	cleanup_free char *mounts = doctor_read("/proc/self/mounts");
	unsigned long long scope = 0;

	(void)image;
	if (mounts && text_hidepid(mounts) > 0)
		finding_ok(f, "/proc has hidepid=%u, and containers show no more of it", text_hidepid(mounts));
	if (doctor_sysctl("/proc/sys/kernel/yama/ptrace_scope", &scope) && scope > 0)
		finding_warn(f, "sysctl kernel.yama.ptrace_scope=0",
			     "kernel.yama.ptrace_scope is %llu: MPI ranks of a node may not copy from each other's "
			     "memory (CMA), nor debuggers attach; MPI then copies twice, or must be told not to try",
			     scope);
	else
		finding_ok(f, "processes of one user may read each other's memory, as MPI within a node does");
}

static void check_idmap_program(struct findings *f, const char *name)
{
	static const char *const dirs[] = { "/usr/bin", "/bin", "/usr/local/bin" };
	char path[64];
	struct stat st;

	for (size_t i = 0; i < ARRAY_SIZE(dirs); i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", dirs[i], name);
		if (stat(path, &st) < 0)
			continue;
		if ((st.st_mode & S_ISUID) || getxattr(path, "security.capability", NULL, 0) > 0)
			finding_ok(f, "'%s' is there, and may map ids", path);
		else
			finding_warn(f, "chmod u+s it", "'%s' is neither setuid nor has capabilities; only --fakeroot "
							"needs it", path);
		return;
	}
	finding_warn(f, "install uidmap (Debian, Ubuntu) or shadow-utils (RHEL, SLES)",
		     "there is no %s; only --fakeroot needs it", name);
}

void doctor_fakeroot(struct findings *f, const char *image)
{
	static const char *const files[] = { "/etc/subuid", "/etc/subgid" };
	const struct passwd *pw = getpwuid(getuid());

	(void)image;
	check_idmap_program(f, "newuidmap");
	check_idmap_program(f, "newgidmap");
	for (size_t i = 0; getuid() != 0 && i < ARRAY_SIZE(files); i++) {
		cleanup_free char *text = doctor_read(files[i]);
		struct subid_range range = { 0, 0 };
		unsigned long n = text && subid_find(text, strlen(text), pw ? pw->pw_name : NULL, getuid(), &range)
				  ? range.count : 0;

		if (n >= SUBIDS_MIN)
			finding_ok(f, "'%s' gives you %lu ids", files[i], n);
		else
			finding_warn(f, "usermod --add-subuids 100000-165535 --add-subgids 100000-165535 USER, with a "
					"range that nobody else has",
				     "'%s' gives you %lu ids; only --fakeroot needs %d", files[i], n, SUBIDS_MIN);
	}
}
