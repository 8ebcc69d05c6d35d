/* SPDX-License-Identifier: BSD-3-Clause */
/* cgroup.c - put Berth's processes into the step's cgroups; see cgroup.h. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "launcher/priv/cgroup.h"
#include "libimage/base/cleanup.h"
#include "libimage/base/fd.h"
#include "libimage/base/str.h"

/*
 * The last component 'name' ("/job_7") of 'path'. The last, because a Slurm that itself runs in
 * a job of Slurm's has the outer job's directories before its own.
 */
static const char *find_component(const char *path, const char *name)
{
	const char *found = NULL;
	size_t n = strlen(name);

	for (const char *at = path; (at = strstr(at, name)); at++)
		if (at[n] == '/' || at[n] == '\0')
			found = at;
	return found;
}

int cgroup_step_dir(const char *line, uint32_t job, uint32_t step, char *out, size_t size)
{
	const char *controllers = strchr(line, ':'), *path, *at;
	char job_name[32];
	size_t head;
	int n;

	path = controllers ? strchr(controllers + 1, ':') : NULL;
	if (!path || path[1] != '/')
		return -1;
	controllers++;
	(void)snprintf(job_name, sizeof(job_name), "/job_%u", job);
	at = find_component(path, job_name);
	if (!at || strstr(path, "/.."))
		return -1;
	head = (size_t)(at - path - 1) + strlen(job_name);
	if (path == controllers) {
		/* KERNEL: on v2 only leaves may hold processes. SLURM: from 22.05 on, task_special is
		 * the leaf for processes of the step that are no task. */
		n = snprintf(out, size, "%.*s/step_%u/user/task_special", (int)head, path + 1, step);
	} else {
		const char *name = str_after(controllers, "name=") ? controllers + 5 : controllers;

		n = snprintf(out, size, "/%.*s%.*s/step_%u", (int)(path - name), name, (int)head, path + 1,
			     step);
	}
	return n < 0 || (size_t)n >= size ? -1 : 0;
}

/* Returns 0 when the cgroup 'dir' took all of 'pids', or -1 with errno. */
static int move_to(const char *mount, const char *dir, const pid_t *pids, size_t npids)
{
	char path[PATH_MAX], text[16];
	cleanup_close int fd = -1;
	int n = snprintf(path, sizeof(path), "%s%s/cgroup.procs", mount, dir);

	errno = ENAMETOOLONG;
	if (n < 0 || (size_t)n >= sizeof(path))
		return -1;
	/* PRIV: below /sys/fs/cgroup of the host, no links; the names come from the kernel. */
	fd = fd_open_strict(path, O_WRONLY);
	if (fd < 0)
		return -1;
	for (size_t i = 0; i < npids; i++) {
		n = snprintf(text, sizeof(text), "%d", pids[i]);
		if (pids[i] > 0 && write(fd, text, (size_t)n) != n && errno != ESRCH)
			return -1;
	}
	return 0;
}

int cgroup_follow(pid_t task, uint32_t job, uint32_t step, const pid_t *pids, size_t npids)
{
	char path[64], line[PATH_MAX], dir[PATH_MAX];
	cleanup_fclose FILE *f = NULL;
	int early = 0;

	(void)snprintf(path, sizeof(path), "/proc/%d/cgroup", task);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f)) {
		line[strcspn(line, "\n")] = '\0';
		if (cgroup_step_dir(line, job, step, dir, sizeof(dir)) < 0)
			continue;
		/* A machine with both versions has v2 below 'unified'. */
		if (move_to("/sys/fs/cgroup", dir, pids, npids) == 0 ||
		    move_to("/sys/fs/cgroup/unified", dir, pids, npids) == 0)
			continue;
		/* SLURM: task_special is made when slurmstepd, after all its forks, adds the first
		 * task to the step. It also removes it, so it must be the one to make it. */
		if (strncmp(line, "0::", 3) == 0 && errno == ENOENT)
			early = 1;
	}
	return early;
}
