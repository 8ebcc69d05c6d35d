/* SPDX-License-Identifier: BSD-3-Clause */
/* spool.c - where Slurm's PMIx server keeps a step's files; see spool.h. */
#include "config.h"

#include <dirent.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "libimage/base/num.h"
#include "libimage/base/path.h"
#include "plugin/spool.h"

/* Is 'path' "<dir>/<node>_<job>.<step>", also with ".<component>" behind it? */
static bool is_step_socket(const char *path, const char *tail)
{
	const char *at = NULL;

	if (path[0] != '/')
		return false;
	for (const char *p = path_base(path); (p = strstr(p, tail)); p++)
		at = p + strlen(tail);
	return at && (*at == '\0' || *at == '.');
}

static bool listens_on(int fd, char path[sizeof(struct sockaddr_un)])
{
	struct sockaddr_un sa = { 0 };
	socklen_t n = sizeof(sa), size = sizeof(int);
	int listens = 0;

	if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) < 0 || !listens ||
	    getsockname(fd, (struct sockaddr *)&sa, &n) < 0 || sa.sun_family != AF_UNIX)
		return false;
	if (n <= offsetof(struct sockaddr_un, sun_path) || n > sizeof(sa))
		return false;
	n -= offsetof(struct sockaddr_un, sun_path);
	memcpy(path, sa.sun_path, n);
	path[n] = '\0'; /* KERNEL: a path of full length has no NUL of its own */
	return true;
}

void spool_pmix_dir(uint32_t job, uint32_t step, char out[STEP_DIR_MAX])
{
	DIR *dir = opendir("/proc/self/fd");
	const struct dirent *e;
	char tail[32];

	out[0] = '\0';
	if (!dir)
		return;
	(void)snprintf(tail, sizeof(tail), "_%u.%u", job, step);
	while ((e = readdir(dir))) {
		char path[sizeof(struct sockaddr_un)];
		uint64_t fd;

		if (num_parse_u64(e->d_name, 1 << 30, &fd) < 0 || !listens_on((int)fd, path) ||
		    !is_step_socket(path, tail))
			continue;
		(void)snprintf(out, STEP_DIR_MAX, "%.*s/pmix.%u.%u",
			       (int)(strrchr(path, '/') - path), path, job, step);
		break;
	}
	(void)closedir(dir);
}
