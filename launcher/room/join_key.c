/* SPDX-License-Identifier: BSD-3-Clause */
/* join_key.c - what makes a shared room; see join_key.h. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "launcher/room/join_key.h"
#include "launcher/view/key.h"
#include "launcher/view/siblings.h"
#include "libimage/base/cleanup.h"
#include "libimage/base/err.h"
#include "libimage/base/fd.h"

enum { STAT_BYTES = 1024, STARTTIME = 22 - 2 }; /* fields of /proc/PID/stat after the name, see proc(5) */

unsigned long long join_started(pid_t pid)
{
	char path[32], text[STAT_BYTES + 1];
	cleanup_close int fd = -1;
	const char *p;
	ssize_t n;

	(void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? -1 : fd_read_full(fd, text, STAT_BYTES);
	if (n <= 0)
		return 0;
	text[n] = '\0';
	/* The name is in brackets and may hold some, and blanks. */
	p = strrchr(text, ')');
	for (int i = 0; p && i < STARTTIME; i++)
		p = strchr(p + 1, ' ');
	return p ? strtoull(p + 1, NULL, 10) : 0;
}

static void look(struct key_file *ret, const struct stat *st)
{
	*ret = (struct key_file){
		.dev = st->st_dev, .ino = st->st_ino, .size = (uint64_t)st->st_size,
		.mtime_s = (uint64_t)st->st_mtim.tv_sec, .mtime_ns = (uint64_t)st->st_mtim.tv_nsec,
	};
}

/*
 * The process at the other end of the descriptor by which a rank talks to its launcher: it is the
 * same for all ranks, whatever shells lie between.
 * KERNEL: of a socketpair SO_PEERCRED is who made it. 0 where that is in another pid namespace.
 */
static pid_t launcher_of(const char *const *env)
{
	int fd = siblings_launcher_fd(env), domain = 0;
	socklen_t len = sizeof(domain), wholen = sizeof(struct ucred);
	struct ucred who;

	if (fd < 0 || getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &len) < 0 || domain != AF_UNIX ||
	    getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &wholen) < 0)
		return 0;
	return who.pid > 0 ? who.pid : 0;
}

/* Whose job it is: by its name, by its launcher, or else by the process that started this one. */
static void add_job(const char *const *env, struct strbuf *out)
{
	bool enough = siblings_job(env, out);
	pid_t pid = launcher_of(env);

	if (pid == 0 && enough)
		return;
	if (pid == 0)
		pid = getppid();
	strbuf_printf(out, "process %d %llu", (int)pid, join_started(pid));
}

int join_key(const char *const *env, const struct room_spec *spec, const struct site *site,
	     uint8_t ret[SHA256_BYTES], struct berth_err *err)
{
	static const char *const ns[KEY_NAMESPACES] = {
		"/proc/self/ns/user", "/proc/self/ns/mnt", "/proc/self/ns/pid",
	};
	cleanup(strbuf_done) struct strbuf job = STRBUF_INIT;
	cleanup(plan_done) struct plan plan = { 0 };
	cleanup_close int image = fd_open_user(spec->image, O_PATH);
	cleanup_free gid_t *groups = NULL;
	struct key_parts parts = { 0 };
	struct stat st;
	int n;

	if (plan_make(spec, site, NULL, &plan, err) < 0)
		return -1;
	if (image >= 0 && fstat(image, &st) == 0)
		look(&parts.image, &st);
	if (stat("/proc/self/exe", &st) == 0)
		look(&parts.build, &st);
	for (size_t i = 0; i < KEY_NAMESPACES; i++)
		parts.ns[i] = stat(ns[i], &st) == 0 ? st.st_ino : 0;
	n = getgroups(0, NULL);
	groups = calloc((size_t)(n > 0 ? n : 0) + 1, sizeof(*groups));
	if (!groups)
		return berth_fail(err, BERTH_ESYS, ENOMEM, "cannot list the groups");
	n = n > 0 ? getgroups(n, groups) : 0;
	parts.groups = groups;
	parts.ngroups = n > 0 ? (size_t)n : 0;
	add_job(env, &job);
	if (!strbuf_ok(&job))
		return berth_fail(err, BERTH_ESYS, ENOMEM, "cannot name the job");
	parts.job = job.text;
	parts.job_len = job.len;
	return key_make(&parts, spec, &plan, ret, err);
}
