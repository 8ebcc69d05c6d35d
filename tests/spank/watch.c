/* SPDX-License-Identifier: BSD-3-Clause */
/* watch.c - what a plugin must leave alone in the process that loaded it; see watch.h. */
#include "config.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "libimage/base/str.h"
#include "tests/spank/watch.h"

static void add_signals(struct strbuf *out)
{
	sigset_t mask;

	(void)sigprocmask(SIG_SETMASK, NULL, &mask);
	for (int i = 1; i < NSIG; i++) {
		struct sigaction sa;

		if (sigaction(i, NULL, &sa) < 0)
			continue;
		strbuf_printf(out, "signal %d %p %x %d\n", i, (void *)(size_t)sa.sa_handler,
			      (unsigned int)sa.sa_flags, sigismember(&mask, i));
	}
}

static void add_ids(struct strbuf *out)
{
	gid_t groups[64];
	uid_t r, e, s;
	int n = getgroups(64, groups);

	(void)getresuid(&r, &e, &s);
	strbuf_printf(out, "uid %u %u %u\n", r, e, s);
	(void)getresgid(&r, &e, &s);
	strbuf_printf(out, "gid %u %u %u\ngroups", r, e, s);
	for (int i = 0; i < n; i++)
		strbuf_printf(out, " %u", groups[i]);
	strbuf_puts(out, "\n");
}

static void add_link(struct strbuf *out, const char *name, const char *path)
{
	char to[PATH_MAX] = "";

	if (readlink(path, to, sizeof(to) - 1) < 0)
		to[0] = '\0';
	strbuf_printf(out, "%s %s\n", name, to);
}

static void add_fds(struct strbuf *out)
{
	DIR *dir = opendir("/proc/self/fd");
	const struct dirent *e;
	char list[256][80];
	size_t n = 0;

	while (dir && (e = readdir(dir)) && n < 256) {
		char to[60] = "";
		int fd = atoi(e->d_name);

		if (e->d_name[0] == '.' || fd == dirfd(dir))
			continue;
		if (readlinkat(dirfd(dir), e->d_name, to, sizeof(to) - 1) < 0)
			to[0] = '?';
		(void)snprintf(list[n++], sizeof(list[0]), "fd %d %s %d", fd, to, fcntl(fd, F_GETFD));
	}
	if (dir)
		(void)closedir(dir);
	for (size_t i = 0; i < n; i++)
		strbuf_printf(out, "%s\n", list[i]);
}

void watch_take(struct watch *w, bool client)
{
	struct rlimit rl;
	mode_t mask = umask(0);

	(void)umask(mask);
	memset(w, 0, sizeof(*w));
	strbuf_printf(&w->state, "umask %o\n", (unsigned int)mask);
	add_signals(&w->state);
	add_ids(&w->state);
	(void)getrlimit(RLIMIT_NOFILE, &rl);
	strbuf_printf(&w->state, "nofile %lu\ndumpable %d\n", (unsigned long)rl.rlim_cur,
		      prctl(PR_GET_DUMPABLE, 0, 0, 0, 0));
	for (char **e = environ; e && *e; e++)
		if (!client || (!str_after(*e, "SLURM_") && !str_after(*e, "_SLURM_SPANK_OPTION_berth_")))
			strbuf_printf(&w->state, "env %s\n", *e);
	add_link(&w->place, "cwd", "/proc/self/cwd");
	add_link(&w->place, "root", "/proc/self/root");
	add_link(&w->place, "ns", "/proc/self/ns/mnt");
	strbuf_printf(&w->place, "nnp %d\n", prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
	add_fds(&w->fds);
}

void watch_done(struct watch *w)
{
	strbuf_done(&w->state);
	strbuf_done(&w->place);
	strbuf_done(&w->fds);
}

static bool same(const struct strbuf *a, const struct strbuf *b, const char **which)
{
	const char *x = a->text ? a->text : "", *y = b->text ? b->text : "";

	/* Show from the first line that differs. */
	*which = y;
	for (; *x && *x == *y; x++, y++)
		if (*y == '\n')
			*which = y + 1;
	return *x == *y;
}

/* Is 'more' what 'less' is, and at most one further line, of a socket that exec closes? */
static bool one_socket_more(const char *less, const char *more)
{
	int extra = 0;

	while (*more) {
		size_t n = strcspn(more, "\n") + 1;

		if (strncmp(less, more, n) == 0) {
			less += n;
		} else if (extra++ > 0 || !memmem(more, n, "socket:", 7) || more[n - 2] != '1') {
			return false;
		}
		more += n;
	}
	return *less == '\0';
}

const char *watch_differs(const struct watch *before, const struct watch *after, unsigned int allow)
{
	const char *which;

	if (!same(&before->state, &after->state, &which))
		return which;
	if (!(allow & WATCH_ALLOW_MOVE) && !same(&before->place, &after->place, &which))
		return which;
	if (allow & WATCH_ALLOW_SOCKET)
		return one_socket_more(before->fds.text, after->fds.text) ? NULL : after->fds.text;
	if (allow & WATCH_LOSE_SOCKET)
		return one_socket_more(after->fds.text, before->fds.text) ? NULL : after->fds.text;
	return same(&before->fds, &after->fds, &which) ? NULL : which;
}
