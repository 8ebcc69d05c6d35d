/* SPDX-License-Identifier: BSD-3-Clause */
/* death.c - the image server died before its room; see death.h. */
#include "config.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include "libimage/base/cleanup.h"
#include "libimage/base/err.h"
#include "libimage/base/step_wire.h"
#include "plugin/death.h"
#include "plugin/report.h"

enum {
	/* LIMIT: of the tasks beyond, none is looked for; the last one's end tells them all */
	TASKS_SEEN = 256,
	/* LIMIT: who kills a step has sent its signals to all of a node's tasks long before */
	DEATH_SURE_MS = 10,
	FLAG_EXITING = 4, /* the kernel's PF_EXITING */
};

/* Shared by slurmstepd and the tasks that it forks. */
struct page {
	atomic_uint n;
	atomic_int task[TASKS_SEEN]; /* pids; 0: reaped */
};

static struct page *page;
static bool settled; /* said, or known to need no word */

void death_open(void)
{
	void *p;

	if (page)
		return;
	p = mmap(NULL, sizeof(*page), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	page = p == MAP_FAILED ? NULL : p;
}

void death_close(void)
{
	if (page)
		(void)munmap(page, sizeof(*page));
	page = NULL;
	settled = false;
}

void death_note(void)
{
	unsigned int i = page ? atomic_fetch_add(&page->n, 1) : TASKS_SEEN;

	if (i < TASKS_SEEN)
		atomic_store(&page->task[i], getpid());
}

/*
 * Does it run, and is not about to end? Its end may take a while: a reader knows of it before.
 * KERNEL: when the last FUSE descriptor is closed, which is what readers are told of, each thread
 * has PF_EXITING among the flags in /proc/PID/stat, the seventh word behind the name.
 * PRIV: looked at, not touched: a number that is another's by now costs or adds a line of text.
 */
static bool runs(pid_t pid)
{
	char path[32], text[512], state;
	cleanup_close int fd = -1;
	const char *name_end;
	unsigned int flags;
	ssize_t n;

	(void)snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	if (n <= 0)
		return false;
	text[n] = '\0';
	name_end = strrchr(text, ')');
	if (!name_end || sscanf(name_end, ") %c %*d %*d %*d %*d %*d %u", &state, &flags) != 2)
		return true;
	return state != 'Z' && state != 'X' && !(flags & FLAG_EXITING);
}

static bool a_task_runs(void)
{
	for (unsigned int i = 0; i < TASKS_SEEN && i < atomic_load(&page->n); i++) {
		pid_t pid = atomic_load(&page->task[i]);

		if (pid > 0 && runs(pid))
			return true;
	}
	return false;
}

/* Reaped: its number may become another's. */
static void forget(pid_t pid)
{
	for (unsigned int i = 0; i < TASKS_SEEN && i < atomic_load(&page->n); i++)
		if (atomic_load(&page->task[i]) == pid)
			atomic_store(&page->task[i], 0);
}

/* Without the launcher's message the server may have ended as it should. */
static bool is_held(int sock)
{
	struct step_hold hold;

	return sock >= 0 && recv(sock, &hold, sizeof(hold), MSG_PEEK | MSG_DONTWAIT) == sizeof(hold) &&
	       hold.magic == STEP_MAGIC;
}

static void say(void)
{
	struct berth_err err = BERTH_ERR_INIT;
	struct utsname host;

	(void)berth_fail(&err, BERTH_ENET, 0, "the image server on %s died: nothing more could be read of "
			 "the image", uname(&host) == 0 ? host.nodename : "this node");
	(void)berth_hint(&err, "it was killed, by hand or for want of memory; the node's kernel log may say "
			 "by what");
	report_error(&err);
}

void death_look(const struct death_task *task, int sock, pid_t server)
{
	if (!page || settled || server <= 0)
		return;
	forget(task->pid);
	/* Who is killed with the step is not worth a word, whenever it comes to be seen. */
	if (WIFSIGNALED(task->status) && WTERMSIG(task->status) == SIGKILL)
		settled = true;
	if (settled || !is_held(sock) || runs(server))
		return;
	/* While others run, they were not killed, or not yet; without any, the last one decides. */
	if (!task->last && (!a_task_runs() || poll(NULL, 0, DEATH_SURE_MS) != 0 || !a_task_runs()))
		return;
	settled = true;
	say();
}
